package daemon

import (
	"context"

	"moed/moe/chat"
	"moed/moe/tokenizer"
)

// prompt turns r into the tokens that the model reads first: the rendered
// messages where it has a template, else the text itself behind whatever token
// begins a text.
func (e *Engine) prompt(ctx context.Context, r *Request) ([]int32, error) {
	t, err := e.template()
	switch {
	case r.Raw:
		return e.raw(r.Prompt), nil
	case err != nil:
		return nil, err
	case t == nil:
		return e.model.Tokenizer().Encode(nil, plain(r), tokenizer.Options{AddSpecial: true}), nil
	}
	var messages []chat.Message
	if r.System != "" {
		messages = append(messages, chat.Message{Role: "system", Content: r.System})
	}
	messages = append(messages, chat.Message{Role: "user", Content: r.Prompt})
	text, err := t.Render(ctx, chat.Request{Messages: chat.Messages(messages...), AddGenerationPrompt: true})
	if err != nil {
		return nil, err
	}
	// The template has written the token that begins a text, if there is one.
	return e.model.Tokenizer().Encode(nil, text, tokenizer.Options{ParseSpecial: true}), nil
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

// plain is the text that a model without a template continues.
func plain(r *Request) string {
	if r.System == "" {
		return r.Prompt
	}
	return r.System + "\n\n" + r.Prompt
}
