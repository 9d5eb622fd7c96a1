package reply

import (
	"bytes"
	"strings"
)

// section is how DeepSeek and Kimi write calls: each a name, a separator and
// JSON, all of them between two markers.
type section struct {
	begin, end           string // around all calls
	call, separator, fin string // around each
	before, after        string // around the name of the first
}

var (
	deepseek = section{"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "", ""}
	kimi     = section{"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>", "functions.", ":0"}
)

// sectioned reads one call of a section, behind the marker that opens it.
// DeepSeek's older models write "function" for the name, and the name and fenced
// JSON behind the separator.
type sectioned struct {
	form  *section
	name  string
	start int // of the JSON, once the name is known
	fence bool
	value value
	size  int // of the JSON, once it is whole
}

func (p *sectioned) read(body []byte, final bool) ([]found, int, verdict) {
	if p.name == "" {
		if v := p.header(body, final); v != done {
			return nil, 0, v
		}
	}
	at := skip(body, p.start)
	if at == len(body) {
		return nil, 0, unless(final)
	}
	if body[at] != '{' {
		return nil, 0, broken
	}
	if p.size == 0 {
		n, v := p.value.end(body[at:])
		if v != done {
			return nil, 0, max(v, unless(final))
		}
		p.size = n
	}
	end := at + p.size
	calls := []found{{p.name, body[at:end]}}
	tails := []string{p.form.fin}
	if p.fence {
		tails = []string{"```", p.form.fin}
	}
	for _, tail := range tails {
		i := skip(body, end)
		switch expectMarker(body[i:], tail, final) {
		case more:
			return nil, 0, more
		case done:
			end = i + bytes.Index(body[i:], []byte(tail)) + len(tail)
		}
	}
	return calls, end, done
}

// header reads the name and what stands before the JSON.
func (p *sectioned) header(body []byte, final bool) verdict {
	name, rest, ok := bytes.Cut(body, []byte(p.form.separator))
	switch {
	case ok && len(name) > longestName, !ok && len(body) >= longestName+len(p.form.separator):
		return broken
	case !ok:
		return unless(final)
	}
	id := strings.TrimSpace(clean(string(name)))
	start := len(body) - len(rest)
	if p.form == &kimi { // functions.NAME:0
		id = strings.TrimPrefix(id, "functions.")
		if i := strings.LastIndexByte(id, ':'); i >= 0 {
			id = id[:i]
		}
	}
	if p.form == &deepseek && id == "function" && (len(rest) == 0 || rest[0] != '{') {
		line, _, ok := bytes.Cut(rest, []byte("\n"))
		const fence = "```json\n"
		switch v := expect(rest[min(len(line)+1, len(rest)):], fence, final); {
		case len(line) > longestName, ok && v == broken:
			return broken
		case !ok || v == more:
			return unless(final)
		}
		id, p.fence, start = strings.TrimSpace(string(line)), true, start+len(line)+1+len(fence)
	}
	if id == "" {
		return broken
	}
	p.name, p.start = id, start
	return done
}

// mistral reads what follows [TOOL_CALLS]: JSON, or a name, perhaps an id, and
// the arguments alone.
type mistral struct {
	json  jsonCalls
	name  string
	start int
	value value
}

func (p *mistral) read(body []byte, final bool) ([]found, int, verdict) {
	at := skip(body, 0)
	if at == len(body) {
		return nil, 0, unless(final)
	}
	if body[at] == '[' || body[at] == '{' {
		return p.json.read(body, final)
	}
	if p.name == "" {
		end := bytes.IndexByte(body, '{')
		if end < 0 && len(body) > longestName || end > longestName {
			return nil, 0, broken
		}
		if end < 0 {
			return nil, 0, unless(final)
		}
		head := clean(string(body[:end]))
		head, _, _ = strings.Cut(head, "[ARGS]")
		head, _, _ = strings.Cut(head, "[CALL_ID]")
		if head = strings.TrimSpace(head); head == "" || strings.ContainsAny(head, spaces) {
			return nil, 0, broken
		}
		p.name, p.start = head, end
	}
	n, v := p.value.end(body[p.start:])
	if v != done {
		return nil, 0, max(v, unless(final))
	}
	return []found{{p.name, body[p.start : p.start+n]}}, p.start + n, done
}
