package anthropic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"moed/daemon"
)

// content is a text, or blocks.
type content []block

// block is one of a message. Its Type says which fields it has.
type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`        // text
	Thinking  string          `json:"thinking"`    // thinking
	ID        string          `json:"id"`          // tool_use
	Name      string          `json:"name"`        // tool_use
	Input     json.RawMessage `json:"input"`       // tool_use
	ToolUseID string          `json:"tool_use_id"` // tool_result
	Content   content         `json:"content"`     // tool_result
	IsError   bool            `json:"is_error"`    // tool_result
}

// UnmarshalJSON takes a string for one block of text. What the blocks of other
// types have in them is not looked at.
func (c *content) UnmarshalJSON(raw []byte) error {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		return nil
	case raw[0] == '"':
		b := block{Type: "text"}
		err := json.Unmarshal(raw, &b.Text)
		*c = content{b}
		return err
	case raw[0] != '[':
		return errors.New("content: want a string or an array of blocks")
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	*c = make(content, len(list))
	for i, one := range list {
		var kind struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(one, &kind); err != nil {
			return err
		}
		(*c)[i].Type = kind.Type
		switch kind.Type {
		case "text", "thinking", "tool_use", "tool_result":
			if err := json.Unmarshal(one, &(*c)[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// text is that of c's blocks, which are to be text alone.
func (c content) text(param string) (string, error) {
	var parts []string
	for i, b := range c {
		if b.Type != "text" {
			return "", wrong(fmt.Sprintf("%s.%d", param, i), fmt.Sprintf("moed reads text only, found a block of type %q", b.Type))
		}
		parts = append(parts, b.Text)
	}
	return strings.Join(parts, "\n"), nil
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
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

func (b *body) setMessages(r *daemon.Request) error {
	if len(b.Messages) == 0 {
		return wrong("messages", "want at least one")
	}
	system, err := b.System.text("system")
	if err != nil {
		return err
	}
	var out []open
	if system != "" {
		out = append(out, open{Role: "system", Content: system})
	}
	called := map[string]string{} // names of tools by the ids of their calls
	for i, m := range b.Messages {
		param := fmt.Sprintf("messages.%d", i)
		var more []open
		switch m.Role {
		case "user":
			more, err = m.Content.user(param+".content", called)
		case "assistant":
			more, err = m.Content.assistant(param+".content", called)
		case "system":
			var text string
			text, err = m.Content.text(param + ".content")
			more = []open{{Role: "system", Content: text}}
		default:
			err = wrong(param+".role", "want user or assistant")
		}
		if err != nil {
			return err
		}
		out = append(out, more...)
	}
	r.Messages, err = plainJSON(out)
	return err
}

// user takes the results of tools apart from what the user says, which comes
// after them.
func (c content) user(param string, called map[string]string) ([]open, error) {
	var out []open
	var said content
	for i, b := range c {
		if b.Type != "tool_result" {
			said = append(said, b)
			continue
		}
		at := fmt.Sprintf("%s.%d", param, i)
		name, ok := called[b.ToolUseID]
		if !ok {
			return nil, wrong(at+".tool_use_id", "there is no such tool_use before it")
		}
		text, err := b.Content.text(at + ".content")
		if err != nil {
			return nil, err
		}
		if b.IsError {
			text = "Error: " + text
		}
		out = append(out, open{Role: "tool", Content: text, Name: name, ToolCallID: b.ToolUseID})
	}
	if said == nil && out != nil {
		return out, nil
	}
	text, err := said.text(param)
	return append(out, open{Role: "user", Content: text}), err
}

func (c content) assistant(param string, called map[string]string) ([]open, error) {
	o := open{Role: "assistant"}
	for i, b := range c {
		at := fmt.Sprintf("%s.%d", param, i)
		switch b.Type {
		case "text":
			o.Content += b.Text
		case "thinking":
			o.Reasoning += b.Thinking
		case "redacted_thinking": // nobody here can read it
		case "tool_use":
			input := bytes.TrimSpace(b.Input)
			if b.ID == "" || b.Name == "" || len(input) == 0 || input[0] != '{' {
				return nil, wrong(at, "want an id, a name and an object as input")
			}
			call := openCall{ID: b.ID, Type: "function"}
			call.Function.Name, call.Function.Arguments = b.Name, input
			o.ToolCalls = append(o.ToolCalls, call)
			called[b.ID] = b.Name
		default:
			return nil, wrong(at, fmt.Sprintf("moed knows no block of type %q here", b.Type))
		}
	}
	if len(o.ToolCalls) == 0 || o.Content == "" { // templates of gpt-oss refuse the two together
		o.Thinking = o.Reasoning
	}
	return []open{o}, nil
}

// plainJSON leaves <, > and & as they are: a model reads it.
func plainJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
