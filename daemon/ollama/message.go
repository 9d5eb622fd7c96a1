package ollama

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"moed/daemon"
)

// message is one of a chat, in requests and in answers.
type message struct {
	Role       string            `json:"role"`
	Content    string            `json:"content"`
	Thinking   string            `json:"thinking,omitempty"`
	Images     []json.RawMessage `json:"images,omitempty"`
	ToolCalls  []toolCall        `json:"tool_calls,omitempty"`
	ToolName   string            `json:"tool_name,omitempty"`
	ToolCallID string            `json:"tool_call_id,omitempty"`
}

type toolCall struct {
	ID       string       `json:"id,omitempty"`
	Function toolFunction `json:"function"`
}

type toolFunction struct {
	Index     int             `json:"index"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // an object
}

// open is a message as chat templates know it.
type open struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	Reasoning  string     `json:"reasoning_content,omitempty"`
	Thinking   string     `json:"thinking,omitempty"`
	ToolCalls  []openCall `json:"tool_calls,omitempty"`
	Name       string     `json:"name,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type openCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function openFunction `json:"function"`
}

type openFunction struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// openMessages turns messages into those of chat templates. Ollama's clients send
// no ids of tool calls, and templates may want them: results are taken to come in
// the order of the calls.
func openMessages(messages []message) (json.RawMessage, error) {
	out := make([]open, 0, len(messages))
	var waiting []string // ids of calls without a result
	calls := 0
	for i, m := range messages {
		param := fmt.Sprintf("messages[%d]", i)
		o := open{Role: strings.ToLower(m.Role), Content: m.Content, Reasoning: m.Thinking, Thinking: m.Thinking}
		if len(m.Images) > 0 {
			return nil, wrong(param+".images", "moed reads text only")
		}
		switch o.Role {
		case "system", "user", "assistant":
		case "developer":
			o.Role = "system"
		case "tool":
			o.Name, o.ToolCallID = m.ToolName, m.ToolCallID
			if o.ToolCallID == "" && len(waiting) > 0 {
				o.ToolCallID, waiting = waiting[0], waiting[1:]
			}
		default:
			return nil, wrong(param+".role", "want system, user, assistant or tool")
		}
		for _, c := range m.ToolCalls {
			call, err := c.open(calls)
			if err != nil {
				return nil, wrong(param+".tool_calls", err.Error())
			}
			calls++
			waiting = append(waiting, call.ID)
			o.ToolCalls = append(o.ToolCalls, call)
		}
		if len(o.ToolCalls) > 0 && o.Content != "" {
			o.Thinking = "" // templates of gpt-oss refuse the two together
		}
		out = append(out, o)
	}
	return plainJSON(out)
}

func (c *toolCall) open(n int) (openCall, error) {
	f := openFunction{Name: c.Function.Name, Arguments: bytes.TrimSpace(c.Function.Arguments)}
	if f.Name == "" {
		return openCall{}, fmt.Errorf("a call without a function's name")
	}
	switch {
	case len(f.Arguments) == 0, string(f.Arguments) == "null":
		f.Arguments = json.RawMessage("{}")
	case f.Arguments[0] != '{':
		return openCall{}, fmt.Errorf("arguments of %s: want an object", f.Name)
	}
	id := c.ID
	if id == "" {
		id = fmt.Sprintf("call_%d", n)
	}
	return openCall{ID: id, Type: "function", Function: f}, nil
}

// openTools checks tools and leaves out kinds that are no functions.
func openTools(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var tools []json.RawMessage
	if err := json.Unmarshal(raw, &tools); err != nil {
		return nil, wrong("tools", "want an array of tools")
	}
	var kept []json.RawMessage
	for i, tool := range tools {
		var t struct {
			Type     string `json:"type"`
			Function struct {
				Name       string          `json:"name"`
				Parameters json.RawMessage `json:"parameters"`
			} `json:"function"`
		}
		param := fmt.Sprintf("tools[%d]", i)
		if err := json.Unmarshal(tool, &t); err != nil {
			return nil, wrong(param, "want an object with a function")
		}
		if t.Type != "function" && t.Type != "" {
			continue
		}
		if t.Function.Name == "" {
			return nil, wrong(param+".function.name", "is required")
		}
		if p := bytes.TrimSpace(t.Function.Parameters); len(p) > 0 && p[0] != '{' && string(p) != "null" {
			return nil, wrong(param+".function.parameters", "want a JSON schema")
		}
		kept = append(kept, tool)
	}
	if kept == nil {
		return nil, nil
	}
	return plainJSON(kept)
}

// calls are those of an answer. Ollama's clients want an object as arguments; a
// model that wrote something else gets it passed on inside of one.
func calls(of []daemon.Call) []toolCall {
	var out []toolCall
	for i, c := range of {
		args := json.RawMessage(c.Arguments)
		if t := bytes.TrimSpace(args); len(t) == 0 {
			args = json.RawMessage("{}")
		} else if t[0] != '{' || !json.Valid(t) {
			args, _ = json.Marshal(map[string]string{"arguments": c.Arguments})
		}
		out = append(out, toolCall{ID: c.ID, Function: toolFunction{Index: i, Name: c.Name, Arguments: args}})
	}
	return out
}

// plainJSON leaves <, > and & as they are: a model reads it.
func plainJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
