package reply

import (
	"encoding/json"
	"strings"
)

// forced is how an answer that must be a call is written.
type forced struct {
	opening, closing string
	prefix           string // goes before opening, ending the thinking
	schema           json.RawMessage
	bare             bool // no marker opens it
}

// Force says how an answer begins that must be a call: choice is "required" for
// any of the tools, or the name of one. opening goes to the end of the prompt,
// with control tokens parsed; it ends thinking that the prompt has begun. What
// the model writes then follows the JSON schema, and closing, which Reader.Text
// takes, ends it. The Reader must be told by Options.Forced.
//
// ok is false where there is no such tool, and for plain answers. Where the
// model's own form has the name before the JSON, a choice among several tools is
// made in another form that the Reader understands.
func Force(o Options, choice string) (opening string, schema json.RawMessage, closing string, ok bool) {
	if o.Plain {
		return "", nil, "", false
	}
	t := newTools(o.Tools)
	form := formOf(&o, t)
	f, ok := force(&o, &form, t, choice)
	return f.prefix + f.opening, f.schema, f.closing, ok
}

func force(o *Options, form *form, t tools, choice string) (forced, bool) {
	var one *tool
	switch {
	case choice != "required":
		one = t.find(choice)
	case len(t) == 1:
		one = &t[0]
	}
	if len(t) == 0 || one == nil && choice != "required" {
		return forced{}, false
	}
	var f forced
	switch first, s := form.firstCall(); {
	case form.harmony && one != nil:
		f.opening = harmonyChannel + "commentary to=functions." + one.name + " " + harmonyConstrain + "json" + harmonyMessage
		f.closing, f.schema = "<|call|>", one.schema()
		return f, true
	case form.harmony:
		f.opening = harmonyChannel + "commentary to=functions " + harmonyConstrain + "json" + harmonyMessage
		f.closing = "<|call|>"
	case s != nil && one != nil:
		f.opening, f.closing = s.begin+s.call+s.before+one.name+s.after+s.separator, s.fin+s.end
		f.schema = one.schema()
		f.prefix = form.silence(o)
		return f, true
	case first == toolOpen, first == funcOpen:
		f.opening, f.closing = toolOpen+"\n", "\n"+toolClose
	case first == "[TOOL_CALLS]":
		f.opening, f.closing = "[TOOL_CALLS] [", "]"
	case first == "<|tool_call|>":
		f.opening, f.closing = "<|tool_call|>[", "]"
	default:
		f.bare = true
	}
	f.prefix = form.silence(o)
	if one == nil {
		f.schema = callSchema(t)
		return f, true
	}
	f.schema = one.schema()
	if f.bare {
		// The opening would be no part of what a Reader without it can tell.
		f.schema = callSchema(tools{*one})
		return f, true
	}
	f.opening += `{"name": ` + string(quote(one.name)) + `, "arguments":`
	f.closing = "}" + f.closing
	return f, true
}

// firstCall is the marker that opens a call, and the section it stands in.
func (f *form) firstCall() (string, *section) {
	for _, m := range f.markers {
		if m.role != callOpens {
			continue
		}
		text := strings.TrimPrefix(m.text, sign)
		for _, s := range []*section{&deepseek, &kimi} {
			if s.call == text {
				return text, s
			}
		}
		return text, nil
	}
	return "", nil
}

// silence ends the thinking, or skips it as the template does.
func (f *form) silence(o *Options) string {
	if f.harmony {
		return ""
	}
	text, whole := f.tail(o)
	for _, pair := range thinkPairs() {
		switch {
		case f.thinking(text, whole):
			if i := strings.LastIndex(text, f.signature(pair[0])); i >= 0 {
				return "\n" + pair[1] + "\n\n"
			}
		case strings.Contains(o.Template, pair[0]+`\n\n`+pair[1]) && !strings.Contains(text, pair[1]):
			return pair[0] + "\n\n" + pair[1] + "\n\n"
		}
	}
	return ""
}

// callSchema is the schema of an object that calls one of the tools.
func callSchema(t tools) json.RawMessage {
	type object struct {
		Type       string         `json:"type"`
		Properties map[string]any `json:"properties"`
		Required   []string       `json:"required"`
		Additional bool           `json:"additionalProperties"`
	}
	var all []any
	defs := map[string]any{}
	for i := range t {
		all = append(all, object{"object", map[string]any{
			"name":      map[string]string{"const": t[i].name},
			"arguments": rebase(t[i].schema(), i, defs),
		}, []string{"name", "arguments"}, false})
	}
	out := map[string]any{"anyOf": all}
	if len(defs) > 0 {
		out["$defs"] = defs
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic("reply: a schema that was read cannot be written: " + err.Error())
	}
	return b
}
