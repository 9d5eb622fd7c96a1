package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"moed/moe/chat"
	"moed/moe/tokenizer"
)

// prompt turns r into the tokens that the model reads first: the rendered
// messages where it has a template, else the text itself behind whatever token
// begins a text.
func (e *Engine) prompt(ctx context.Context, r *Request) ([]int32, error) {
	switch {
	case r.IDs != nil:
		vocab := int32(e.model.Config().Vocab)
		for _, id := range r.IDs {
			if id < 0 || id >= vocab {
				return nil, &RequestError{Param: "prompt", Err: fmt.Errorf("token %d is not in the vocabulary of %d", id, vocab)}
			}
		}
		return r.IDs, nil
	case r.Suffix != "":
		return e.infill(r)
	case r.Raw:
		return e.raw(r.Prompt), nil
	}
	text, templated, err := e.render(ctx, r)
	if err != nil {
		return nil, err
	}
	if !templated {
		return e.model.Tokenizer().Encode(nil, text, tokenizer.Options{AddSpecial: true}), nil
	}
	// The template has written the token that begins a text, if there is one.
	return e.model.Tokenizer().Encode(nil, text, tokenizer.Options{ParseSpecial: true}), nil
}

// Render is the prompt of r as text: what the chat template makes of its
// messages.
func (e *Engine) Render(ctx context.Context, r *Request) (string, error) {
	text, _, err := e.render(ctx, r)
	return text, err
}

func (e *Engine) render(ctx context.Context, r *Request) (text string, templated bool, err error) {
	t, err := e.template()
	if err != nil {
		return "", false, err
	}
	if t == nil {
		text, err := plain(r)
		return text, false, err
	}
	c := chat.Request{Messages: r.Messages, Kwargs: r.Kwargs, AddGenerationPrompt: true}
	if r.ToolChoice != "none" {
		c.Tools = r.Tools
	}
	if c.Messages == nil {
		var messages []chat.Message
		if r.System != "" {
			messages = append(messages, chat.Message{Role: "system", Content: r.System})
		}
		c.Messages = chat.Messages(append(messages, chat.Message{Role: "user", Content: r.Prompt})...)
	}
	text, err = t.Render(ctx, c)
	if err != nil && ctx.Err() == nil { // what the template makes of messages is theirs to answer for
		err = &RequestError{Param: "messages", Err: err}
	}
	return text, true, err
}

// raw takes special tokens in text for what they are, and adds the one that
// begins a text unless it is there.
func (e *Engine) raw(text string) []int32 {
	tok := e.model.Tokenizer()
	ids := tok.Encode(nil, text, tokenizer.Options{AddSpecial: true, ParseSpecial: true})
	if tok.AddsBOS() && len(ids) > 1 && ids[1] == tok.BOS() {
		return ids[1:]
	}
	return ids
}

// plain is the text that a model without a template continues: the system
// text, and what was said, with an empty line between.
func plain(r *Request) (string, error) {
	if r.Messages == nil {
		if r.System == "" {
			return r.Prompt, nil
		}
		return r.System + "\n\n" + r.Prompt, nil
	}
	var messages []struct{ Content any }
	if err := json.Unmarshal(r.Messages, &messages); err != nil {
		return "", &RequestError{Param: "messages", Err: err}
	}
	var parts []string
	for i, m := range messages {
		text, ok := m.Content.(string)
		if !ok && m.Content != nil {
			return "", &RequestError{Param: "messages", Err: fmt.Errorf("message %d: content is no text", i)}
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n\n"), nil
}
