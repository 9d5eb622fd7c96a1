package openai

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// chatRequest is the body of a chat completion.
type chatRequest struct {
	params
	Messages        json.RawMessage `json:"messages"`
	Tools           json.RawMessage `json:"tools"`
	ToolChoice      json.RawMessage `json:"tool_choice"`
	ResponseFormat  *format         `json:"response_format"`
	Kwargs          json.RawMessage `json:"chat_template_kwargs"`
	ReasoningEffort *string         `json:"reasoning_effort"`
	LogProbs        *bool           `json:"logprobs"`
	TopLogProbs     *float64        `json:"top_logprobs"`

	// What is older or for other models:
	Functions    json.RawMessage `json:"functions"`
	FunctionCall json.RawMessage `json:"function_call"`
	Modalities   []string        `json:"modalities"`
}

// request is what it asks the model for, and how many of the likeliest tokens it
// wants to see.
func (c *chatRequest) request() (r *daemon.Request, top int, err error) {
	switch {
	case !absent(c.Functions):
		return nil, 0, wrong("functions", "is not supported: use tools")
	case !absent(c.FunctionCall):
		return nil, 0, wrong("function_call", "is not supported: use tool_choice")
	case len(c.Modalities) > 0 && !slices.Equal(c.Modalities, []string{"text"}):
		return nil, 0, wrong("modalities", "only text is supported")
	}
	r = &daemon.Request{}
	if err := c.fill(r); err != nil {
		return nil, 0, err
	}
	if r.Messages, err = messages(c.Messages); err != nil {
		return nil, 0, err
	}
	if r.Tools, err = tools(c.Tools); err != nil {
		return nil, 0, err
	}
	if r.ToolChoice, err = toolChoice(c.ToolChoice); err != nil {
		return nil, 0, err
	}
	if r.Format, err = c.ResponseFormat.of("response_format"); err != nil {
		return nil, 0, err
	}
	effort := ""
	if c.ReasoningEffort != nil {
		effort = *c.ReasoningEffort
	}
	if r.Kwargs, err = kwargs(c.Kwargs, effort); err != nil {
		return nil, 0, err
	}
	if err := whole("top_logprobs", c.TopLogProbs, &top, 0, maxTop); err != nil {
		return nil, 0, err
	}
	if c.LogProbs != nil && *c.LogProbs {
		r.LogProbs = max(top, 1)
	} else if top > 0 {
		return nil, 0, wrong("top_logprobs", "goes with logprobs: true")
	}
	return r, top, nil
}

func (h *handler) chat(w http.ResponseWriter, r *http.Request) {
	var c chatRequest
	req, top, err := decode(r, &c)
	if err != nil {
		fail(w, err, "messages")
		return
	}
	x := newExchange(w, r, c.Stream, "messages")
	x.run(r.Context(), h.models, c.Model, req, func() voice {
		v := &chatVoice{exchange: x, top: top, usage: c.StreamOptions != nil && c.StreamOptions.IncludeUsage}
		if c.ReturnProgress {
			began := time.Now()
			x.progress = func(p daemon.PromptProgress) error { return v.progress(p, time.Since(began)) }
		}
		return v
	})
}

// decode reads a chat.
func decode(r *http.Request, c *chatRequest) (*daemon.Request, int, error) {
	if err := web.Decode(r, c); err != nil {
		return nil, 0, err
	}
	return c.request()
}

// countChat tells how many tokens a chat's prompt has.
func (h *handler) countChat(w http.ResponseWriter, r *http.Request) {
	var c chatRequest
	req, _, err := decode(r, &c)
	if err != nil {
		fail(w, err, "messages")
		return
	}
	h.count(w, r, c.Model, req, "chat.completion.input_tokens", "messages")
}

func (h *handler) count(w http.ResponseWriter, r *http.Request, model string, req *daemon.Request, object, prompt string) {
	loan, err := h.models.Acquire(r.Context(), model, daemon.LoanOptions{})
	if err != nil {
		fail(w, err, prompt)
		return
	}
	defer loan.Release()
	n, err := loan.Engine.CountPrompt(r.Context(), req)
	if err != nil {
		fail(w, err, prompt)
		return
	}
	web.Answer(w, http.StatusOK, struct {
		Object string `json:"object"`
		Tokens int    `json:"input_tokens"`
	}{object, n})
}
