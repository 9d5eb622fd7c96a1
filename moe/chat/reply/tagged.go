package reply

import (
	"bytes"
	"strings"
)

// tagged reads what follows <tool_call>: JSON (Qwen3, Hermes), a function with
// XML-like parameters (Qwen3-Coder) or a name with pairs of keys and values
// (GLM). Which of them, the first bytes tell.
type tagged struct {
	tools tools
	inner parser
	start int
}

const (
	toolOpen  = "<tool_call>"
	toolClose = "</tool_call>"
	funcOpen  = "<function="
)

func (p *tagged) read(body []byte, final bool) ([]found, int, verdict) {
	if p.inner == nil {
		p.start = skip(body, 0)
		if p.start == len(body) {
			return nil, 0, unless(final)
		}
		v := expect(body[p.start:], funcOpen, final)
		switch {
		case v == more:
			return nil, 0, more
		case v == done:
			p.start += len(funcOpen)
			p.inner = &pairs{tools: p.tools, form: &coderForm, wrapped: true}
		case body[p.start] == '{' || body[p.start] == '[':
			p.inner = &jsonCalls{close: toolClose}
		default:
			p.inner = &pairs{tools: p.tools, form: &glmForm}
		}
	}
	calls, n, v := p.inner.read(body[p.start:], final)
	return calls, p.start + n, v
}

// unless is more, or where the body has its end, broken.
func unless(final bool) verdict {
	if final {
		return broken
	}
	return more
}

// pairForm is how a name and pairs of keys and values are written.
type pairForm struct {
	nameEnd          string // "" for the end of the line, or where a key begins
	keyOpen, keyEnd  string
	valueOpen        string // "" where the value follows at once
	valueEnd, finish string
	lines            bool // values stand on lines of their own
}

var (
	coderForm = pairForm{nameEnd: ">", keyOpen: "<parameter=", keyEnd: ">", valueEnd: "</parameter>", finish: "</function>", lines: true}
	glmForm   = pairForm{keyOpen: "<arg_key>", keyEnd: "</arg_key>", valueOpen: "<arg_value>", valueEnd: "</arg_value>", finish: toolClose}
)

// pairs reads a name and pairs of keys and values. It begins behind what opens
// the name.
type pairs struct {
	tools   tools
	form    *pairForm
	wrapped bool // </tool_call> follows

	at     int    // how far the body has been read
	name   string // "" until it is known
	keys   []string
	values []string
	ended  bool
}

const longestName = 256

func (p *pairs) read(body []byte, final bool) ([]found, int, verdict) {
	if p.name == "" {
		if v := p.readName(body, final); v != done {
			return nil, 0, v
		}
	}
	for !p.ended {
		v := p.pair(body, final)
		if v == broken && final && !p.form.lines && skip(body, p.at) == len(body) {
			break // GLM ends its turn in place of the call
		}
		if v != done {
			return nil, 0, v
		}
	}
	if p.wrapped {
		i := skip(body, p.at)
		switch expect(body[i:], toolClose, final) {
		case more:
			return nil, 0, more
		case done:
			p.at = i + len(toolClose)
		}
	}
	return []found{{p.name, p.arguments()}}, p.at, done
}

func (p *pairs) readName(body []byte, final bool) verdict {
	end := -1
	if p.form.nameEnd != "" {
		end = bytes.IndexAny(body, p.form.nameEnd+"\n")
	} else {
		end = bytes.IndexAny(body, "\n<")
	}
	switch {
	case end > longestName, end < 0 && len(body) > longestName:
		return broken
	case end < 0:
		return unless(final)
	}
	name := strings.TrimSpace(string(body[:end]))
	if p.tools.find(name) == nil {
		return broken
	}
	p.name, p.at = name, end+len(p.form.nameEnd)
	return done
}

// pair reads one pair, or the end of them.
func (p *pairs) pair(body []byte, final bool) verdict {
	f := p.form
	i := skip(body, p.at)
	switch expect(body[i:], f.finish, final) {
	case done:
		p.at, p.ended = i+len(f.finish), true
		return done
	case more:
		return more
	}
	if v := expect(body[i:], f.keyOpen, final); v != done {
		return v
	}
	i += len(f.keyOpen)
	end := bytes.Index(body[i:], []byte(f.keyEnd))
	switch {
	case end > longestName, end < 0 && len(body)-i > longestName+len(f.keyEnd):
		return broken
	case end < 0:
		return unless(final)
	}
	key := string(body[i : i+end])
	i += end + len(f.keyEnd)
	if f.valueOpen != "" {
		i = skip(body, i)
		if v := expect(body[i:], f.valueOpen, final); v != done {
			return v
		}
		i += len(f.valueOpen)
	}
	end = bytes.Index(body[i:], []byte(f.valueEnd))
	if end < 0 {
		return unless(final)
	}
	text := string(body[i : i+end])
	if f.lines {
		text = strings.TrimSuffix(strings.TrimPrefix(text, "\n"), "\n")
	}
	p.keys, p.values = append(p.keys, strings.TrimSpace(key)), append(p.values, text)
	p.at = i + end + len(f.valueEnd)
	return done
}

// arguments is the pairs as a JSON object, each value of the type that the tool's
// schema gives it. Of two of one name, the last counts.
func (p *pairs) arguments() []byte {
	types := newTypes(p.tools.find(p.name).parameters)
	var out []byte
	for i, key := range p.keys {
		if lastOf(p.keys, key) != i {
			continue
		}
		out = append(out, ',')
		out = append(append(out, quote(key)...), ':')
		out = append(out, types.convert(key, clean(p.values[i]))...)
	}
	if out == nil {
		return []byte("{}")
	}
	out[0] = '{'
	return append(out, '}')
}

func lastOf(keys []string, key string) int {
	last := -1
	for i, k := range keys {
		if k == key {
			last = i
		}
	}
	return last
}
