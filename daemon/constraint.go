package daemon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"moed/moe/chat/reply"
	"moed/moe/sample/grammar"
	"moed/moe/tokenizer"
)

// constraint keeps an answer to the JSON that the request asks for, or to the
// call that it must be.
type constraint struct {
	matcher *grammar.Matcher
	closing string // ends a forced call
}

// constrain finds out what r allows. opening is text, with control tokens, that
// the answer begins with.
func (e *Engine) constrain(r *Request, o reply.Options) (c *constraint, opening string, err error) {
	forced := r.ToolChoice != "" && r.ToolChoice != "auto" && r.ToolChoice != "none"
	format := bytes.TrimSpace(r.Format)
	asked := len(format) > 0 && !bytes.Equal(format, []byte("null"))
	switch {
	case forced && asked:
		return nil, "", &RequestError{Param: "tool_choice", Err: fmt.Errorf("an answer that must be a call cannot also have a format")}
	case forced:
		return e.forceCall(r, o)
	case !asked:
		return nil, "", nil
	}
	g := grammar.JSON()
	if !bytes.Equal(format, []byte(`"json"`)) {
		if g, err = grammar.Schema(format); err != nil {
			return nil, "", &RequestError{Param: "format", Err: err}
		}
	}
	if !o.Plain {
		opening = harmonyFinal(o)
	}
	return &constraint{matcher: g.Matcher(e.words())}, opening, nil
}

func (e *Engine) forceCall(r *Request, o reply.Options) (*constraint, string, error) {
	opening, schema, closing, ok := reply.Force(o, r.ToolChoice)
	if !ok {
		if len(r.Tools) == 0 {
			return nil, "", &RequestError{Param: "tool_choice", Err: fmt.Errorf("a call is wanted, but there are no tools")}
		}
		return nil, "", &RequestError{Param: "tool_choice", Err: fmt.Errorf("there is no tool %q, or this model has no form for calls", r.ToolChoice)}
	}
	g, err := grammar.Schema(schema)
	if err != nil {
		return nil, "", &RequestError{Param: "tools", Err: err}
	}
	return &constraint{matcher: g.Matcher(e.words()), closing: closing}, opening, nil
}

// harmonyFinal is what an answer in harmony begins with where it is not to think
// first; models of other kinds answer at once unless their prompt says otherwise.
func harmonyFinal(o reply.Options) string {
	const opening = "<|channel|>final<|message|>"
	for _, marker := range []string{"<|start|>", "<|channel|>", "<|message|>"} {
		if _, ok := o.Tokenizer.ID(marker); !ok {
			return ""
		}
	}
	return opening
}

// choice is a token that is allowed. Most of a model's own choices are; the
// whole vocabulary is looked at only where one is not.
//
// logits are those that the choice was made from, the model's own.
func (g *generation) choice() (id int32, logits []float32, err error) {
	id, err = g.sampler.Next(g.logits)
	if err != nil || g.constraint == nil || g.answer.reader.State() == reply.InReasoning || g.constraint.matcher.Allows(id) {
		return id, g.logits, err
	}
	logits = g.logits
	if g.request.LogProbs > 0 {
		logits = slices.Clone(g.logits)
	}
	g.constraint.matcher.Mask(g.logits)
	if id, err = g.sampler.Next(g.logits); err == nil && !g.constraint.matcher.Allows(id) {
		err = fmt.Errorf("no token of this model's vocabulary goes on with the format")
	}
	return id, logits, err
}

// words is a tokenizer as a grammar wants it.
type words struct{ *tokenizer.Tokenizer }

func (w words) IsControl(id int32) bool {
	switch w.Type(id) {
	case tokenizer.Control, tokenizer.Unknown, tokenizer.Unused:
		return true
	}
	return false
}

// checkJSON reports what is no JSON in the parts of a request that a template
// reads.
func checkJSON(r *Request) error {
	for name, raw := range map[string]json.RawMessage{"messages": r.Messages, "tools": r.Tools, "chat_template_kwargs": r.Kwargs, "format": r.Format} {
		if len(raw) > 0 && !json.Valid(raw) {
			return &RequestError{Param: name, Err: fmt.Errorf("not JSON")}
		}
	}
	return nil
}
