package reply

import (
	"bytes"
	"strings"

	"moed/moe/tokenizer"
)

// sign stands before a marker that came as a control token. Text is valid UTF-8
// and never has this byte.
const sign = "\xff"

// clean is what of s is shown.
func clean(s string) string { return strings.ReplaceAll(s, sign, "") }

// expectMarker is expect for a marker that may have come as a control token.
func expectMarker(b []byte, want string, final bool) verdict {
	return expect(bytes.TrimPrefix(b, []byte(sign)), want, final)
}

// role is what a marker does.
type role uint8

const (
	thinkOpens role = iota
	thinkCloses
	callOpens
	callsFrame // stands around calls and says nothing
)

// marker is a text that parts an answer.
type marker struct {
	text   string // as it is looked for, a sign in front where it must be a token
	role   role
	parser func(tools) parser // of what callOpens
}

// form is how a model parts its answer.
type form struct {
	markers []marker
	harmony bool
	bare    bool // a JSON object at the beginning may be a call
	signed  map[string]bool
}

// formOf finds a model's form. Without tools it has no calls.
func formOf(o *Options, t tools) form {
	f := form{signed: map[string]bool{}}
	tok := o.Tokenizer
	special := func(text string) bool {
		id, ok := tok.ID(text)
		if !ok {
			return false
		}
		kind := tok.Type(id)
		if kind == tokenizer.Control {
			f.signed[text] = true
		}
		return kind == tokenizer.Control || kind == tokenizer.UserDefined
	}
	_, start := tok.ID(harmonyStart)
	_, channel := tok.ID(harmonyChannel)
	_, message := tok.ID(harmonyMessage)
	if f.harmony = start && channel && message; f.harmony {
		for _, s := range harmonyMarkers() {
			special(s)
		}
		return f
	}
	add := func(text string, r role, p func(tools) parser) bool {
		_, token := tok.ID(text)
		if !token && !strings.Contains(o.Template, text) {
			return false
		}
		special(text)
		f.markers = append(f.markers, marker{f.signature(text), r, p})
		return true
	}
	for _, pair := range thinkPairs() {
		if _, ok := tok.ID(pair[1]); ok || strings.Contains(o.Template, pair[1]) {
			add(pair[0], thinkOpens, nil)
			add(pair[1], thinkCloses, nil)
		}
	}
	if len(t) > 0 {
		f.addCalls(o, add)
	}
	return f
}

func thinkPairs() [][2]string {
	return [][2]string{{"<think>", "</think>"}, {"[THINK]", "[/THINK]"}}
}

// signature is how a marker is looked for.
func (f *form) signature(text string) string {
	if f.signed[text] {
		return sign + text
	}
	return text
}

func (f *form) addCalls(o *Options, add func(string, role, func(tools) parser) bool) {
	tag := func(t tools) parser { return &tagged{tools: t} }
	list := func(tools) parser { return &jsonCalls{} }
	known := add(toolOpen, callOpens, tag)
	for _, one := range []struct {
		text   string
		parser func(tools) parser
	}{
		{funcOpen, func(t tools) parser { return &pairs{tools: t, form: &coderForm, wrapped: true} }},
		{"[TOOL_CALLS]", func(tools) parser { return &mistral{} }},
		{"<|tool_call|>", list},
	} {
		known = add(one.text, callOpens, one.parser) || known
	}
	for _, s := range []*section{&deepseek, &kimi} {
		if add(s.call, callOpens, func(tools) parser { return &sectioned{form: s} }) {
			add(s.begin, callsFrame, nil)
			add(s.end, callsFrame, nil)
			known = true
		}
	}
	llama := add("<|python_tag|>", callOpens, list)
	f.bare = llama || !known && strings.Contains(o.Template, "tools")
}

// mark puts the sign before markers of text that stand for control tokens.
func (f *form) mark(text string) string {
	for s := range f.signed {
		text = strings.ReplaceAll(text, s, sign+s)
	}
	return text
}

// find is the first marker in b, and where it is.
func (f *form) find(b []byte, want func(role) bool) (*marker, int) {
	var first *marker
	at := len(b)
	for i := range f.markers {
		m := &f.markers[i]
		if !want(m.role) {
			continue
		}
		if j := bytes.Index(b, []byte(m.text)); j >= 0 && (j < at || j == at && first != nil && len(m.text) > len(first.text)) {
			first, at = m, j
		}
	}
	return first, at
}

// begun is the length of b's longest end that begins a marker.
func (f *form) begun(b []byte, want func(role) bool) int {
	longest := 0
	for _, m := range f.markers {
		if want(m.role) {
			longest = max(longest, begins(b, m.text))
		}
	}
	return longest
}

func begins(b []byte, text string) int {
	for n := min(len(text)-1, len(b)); n > 0; n-- {
		if string(b[len(b)-n:]) == text[:n] {
			return n
		}
	}
	return 0
}
