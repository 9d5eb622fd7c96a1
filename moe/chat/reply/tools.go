package reply

import (
	"encoding/json"
	"slices"
)

// tool is a function that may be called.
type tool struct {
	name       string
	parameters json.RawMessage // JSON schema, or nil
}

// tools are the functions of an answer, in the order they were offered.
type tools []tool

// newTools reads OpenAI's array, whose items may also lack the wrapping
// "function". What it does not understand it leaves out.
func newTools(raw json.RawMessage) tools {
	var items []struct {
		Name       string
		Parameters json.RawMessage
		Schema     json.RawMessage `json:"input_schema"`
		Function   *struct {
			Name       string
			Parameters json.RawMessage
		}
	}
	var each []json.RawMessage
	if json.Unmarshal(raw, &each) != nil {
		return nil
	}
	items = slices.Grow(items, len(each))[:len(each)]
	var out tools
	for i, one := range each {
		if json.Unmarshal(one, &items[i]) != nil {
			continue
		}
		t := tool{items[i].Name, items[i].Parameters}
		if f := items[i].Function; f != nil {
			t = tool{f.Name, f.Parameters}
		} else if t.parameters == nil {
			t.parameters = items[i].Schema
		}
		if string(t.parameters) == "null" {
			t.parameters = nil
		}
		if t.name != "" {
			out = append(out, t)
		}
	}
	return out
}

// find is the tool of that name, or nil.
func (t tools) find(name string) *tool {
	i := slices.IndexFunc(t, func(o tool) bool { return o.name == name })
	if i < 0 {
		return nil
	}
	return &t[i]
}

// schema is what the tool's arguments follow.
func (t *tool) schema() json.RawMessage {
	if t.parameters == nil {
		return json.RawMessage(`{"type":"object","properties":{}}`)
	}
	return t.parameters
}
