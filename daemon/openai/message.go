package openai

import (
	"encoding/json"
	"strings"
)

// messages checks a chat's messages and puts them into the form that templates
// take: contents of text parts joined, developers as systems, arguments of calls
// as objects. What else a message has stays, for the template to see.
func messages(raw json.RawMessage) (json.RawMessage, error) {
	if absent(raw) {
		return nil, wrong("messages", "there are none")
	}
	var all []map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return nil, wrong("messages", "want an array of objects")
	}
	if len(all) == 0 {
		return nil, wrong("messages", "there are none")
	}
	for i, m := range all {
		if m == nil {
			return nil, wrong("messages", "message %d is null", i)
		}
		if err := normalize(i, m); err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

func normalize(i int, m map[string]json.RawMessage) error {
	var role string
	if json.Unmarshal(m["role"], &role) != nil {
		return wrong("messages", "message %d has no role", i)
	}
	switch role {
	case "developer":
		m["role"] = json.RawMessage(`"system"`)
	case "system", "user", "assistant", "tool":
	case "function":
		m["role"] = json.RawMessage(`"tool"`)
	default:
		return wrong("messages", "message %d: role %q is not known", i, role)
	}
	text, err := content(i, m["content"])
	if err != nil {
		return err
	}
	calls, err := calls(i, m["tool_calls"])
	if err != nil {
		return err
	}
	if text == nil && calls == nil && role != "assistant" {
		return wrong("messages", "message %d has no content", i)
	}
	m["content"] = json.RawMessage("null")
	if text != nil {
		m["content"], _ = json.Marshal(*text) // a string always is JSON
	} else if calls == nil {
		m["content"] = json.RawMessage(`""`)
	}
	delete(m, "tool_calls")
	if calls != nil {
		m["tool_calls"] = calls
	}
	return nil
}

// content is a string, or parts of text, or nothing.
func content(i int, raw json.RawMessage) (*string, error) {
	if absent(raw) {
		return nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return &text, nil
	}
	var parts []struct {
		Type    string  `json:"type"`
		Text    *string `json:"text"`
		Refusal *string `json:"refusal"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return nil, wrong("messages", "message %d: content is neither a text nor an array of parts", i)
	}
	var b strings.Builder
	for j, p := range parts {
		switch {
		case (p.Type == "text" || p.Type == "input_text" || p.Type == "output_text") && p.Text != nil:
			b.WriteString(*p.Text)
		case p.Type == "refusal" && p.Refusal != nil:
			b.WriteString(*p.Refusal)
		case p.Type == "text":
			return nil, wrong("messages", "message %d, part %d has no text", i, j)
		default:
			return nil, &refusal{status: 400, kind: "invalid_request_error", code: "unsupported_content", param: "messages",
				text: "message " + itoa(i) + ", part " + itoa(j) + ": " + quote(p.Type) + " is not supported; moed runs models of text"}
		}
	}
	text = b.String()
	return &text, nil
}

// calls are those of an assistant's message, with arguments as objects where
// they are, since that is what templates want.
func calls(i int, raw json.RawMessage) (json.RawMessage, error) {
	if absent(raw) {
		return nil, nil
	}
	var all []map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return nil, wrong("messages", "message %d: tool_calls is no array of objects", i)
	}
	if len(all) == 0 {
		return nil, nil
	}
	for j, c := range all {
		var function map[string]json.RawMessage
		var name string
		if c == nil || json.Unmarshal(c["function"], &function) != nil || json.Unmarshal(function["name"], &name) != nil || name == "" {
			return nil, wrong("messages", "message %d: call %d names no function", i, j)
		}
		var text string
		if json.Unmarshal(function["arguments"], &text) == nil {
			var object map[string]json.RawMessage
			if json.Unmarshal([]byte(text), &object) == nil && object != nil {
				function["arguments"] = json.RawMessage(text)
			}
		}
		var err error
		if c["function"], err = json.Marshal(function); err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

// tools checks the functions that a model may call. Tools of other types are
// left out: they are for whoever runs them.
func tools(raw json.RawMessage) (json.RawMessage, error) {
	if absent(raw) {
		return nil, nil
	}
	var all []map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return nil, wrong("tools", "want an array of objects")
	}
	functions := []map[string]json.RawMessage{}
	for i, t := range all {
		var kind string
		if json.Unmarshal(t["type"], &kind) == nil && kind != "function" {
			continue
		}
		function := t["function"]
		if function == nil && t["name"] != nil { // in responses
			flat := map[string]json.RawMessage{}
			for _, key := range []string{"name", "description", "parameters"} {
				if !absent(t[key]) {
					flat[key] = t[key]
				}
			}
			var err error
			if function, err = json.Marshal(flat); err != nil {
				return nil, err
			}
		}
		var f struct {
			Name       string                     `json:"name"`
			Parameters map[string]json.RawMessage `json:"parameters"`
		}
		if json.Unmarshal(function, &f) != nil || f.Name == "" {
			return nil, wrong("tools", "tool %d is no function with a name", i)
		}
		functions = append(functions, map[string]json.RawMessage{"type": json.RawMessage(`"function"`), "function": function})
	}
	if len(functions) == 0 {
		return nil, nil
	}
	return json.Marshal(functions)
}
