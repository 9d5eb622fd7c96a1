package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"moed/moe/chat/jinja"
)

// Request is what one prompt is made of.
type Request struct {
	// Messages is a JSON array of objects, each with a "role"; the rest is
	// between the caller and the template.
	Messages json.RawMessage

	// Tools is a JSON array of tool descriptions. Empty and null mean none.
	Tools json.RawMessage

	// Kwargs is a JSON object of further variables, such as enable_thinking.
	// Empty and null mean none.
	Kwargs json.RawMessage

	// AddGenerationPrompt ends the text where the assistant is to speak.
	AddGenerationPrompt bool
}

// Message is the simplest kind of message.
type Message struct{ Role, Content string }

// Messages makes the JSON array of a request from simple messages.
func Messages(m ...Message) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	b.WriteByte('[')
	for i, one := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		// Strings always encode.
		_ = e.Encode(struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		}{one.Role, one.Content})
	}
	b.WriteByte(']')
	return b.Bytes()
}

// input is a decoded request.
type input struct {
	messages []any // objects with a role
	tools    any   // an array or nil
	kwargs   any   // an object or nil
	prompt   bool
	bytes    int // of JSON
}

func (r Request) decode(most int) (*input, error) {
	in := &input{prompt: r.AddGenerationPrompt, bytes: len(r.Messages) + len(r.Tools) + len(r.Kwargs)}
	if in.bytes > most {
		return nil, fmt.Errorf("the request has %d bytes, at most %d are allowed", in.bytes, most)
	}
	var d jinja.Decoder
	if err := in.decodeMessages(&d, r.Messages); err != nil {
		return nil, err
	}
	var err error
	if in.tools, err = optional(&d, "tools", r.Tools); err != nil {
		return nil, err
	}
	if _, ok := jinja.Items(in.tools); in.tools != nil && !ok {
		return nil, fmt.Errorf("tools: found %s where an array was expected", jinja.TypeName(in.tools))
	}
	if in.kwargs, err = optional(&d, "kwargs", r.Kwargs); err != nil {
		return nil, err
	}
	names, _, ok := jinja.Pairs(in.kwargs)
	if in.kwargs != nil && !ok {
		return nil, fmt.Errorf("kwargs: found %s where an object was expected", jinja.TypeName(in.kwargs))
	}
	for _, n := range names {
		if slices.Contains([]any{"messages", "tools", "add_generation_prompt", "bos_token", "eos_token"}, n) {
			return nil, fmt.Errorf("kwargs: %q has its own place in a request", n)
		}
	}
	return in, nil
}

func (in *input) decodeMessages(d *jinja.Decoder, raw json.RawMessage) error {
	if !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("[")) {
		return fmt.Errorf("messages: an array is expected")
	}
	items, err := d.DecodeArray(raw)
	if err != nil {
		return fmt.Errorf("messages[%d]: %w", len(items), err)
	}
	if len(items) == 0 {
		return fmt.Errorf("messages: there are none")
	}
	for i, m := range items {
		if _, ok := field(m, "role"); !ok {
			return fmt.Errorf("messages[%d]: found %s where an object with a role was expected", i, jinja.TypeName(m))
		}
	}
	in.messages = items
	return nil
}

// optional decodes raw, or gives nil when there is nothing in it.
func optional(d *jinja.Decoder, name string, raw json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	v, err := d.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}
