package ollama

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"moed/daemon"
)

const maxTop = 20 // alternatives of a token

// question is a request of /api/chat or /api/generate that has been checked, as
// far as that can be done without the model.
type question struct {
	model   string
	chat    bool
	empty   bool // nothing to answer: load the model, or unload it
	stream  bool
	request daemon.Request

	keepAlive *time.Duration
	context   int     // num_ctx, or 0
	prefix    []int32 // tokens before the prompt
	template  string
	think     *think
	tools     bool
	logprobs  bool
	top       int
	ignored   []string // options
}

// common are the fields that both kinds of request have.
type common struct {
	Model       string                     `json:"model"`
	Stream      *bool                      `json:"stream"`
	Format      json.RawMessage            `json:"format"`
	KeepAlive   json.RawMessage            `json:"keep_alive"`
	Options     map[string]json.RawMessage `json:"options"`
	Think       json.RawMessage            `json:"think"`
	Truncate    *bool                      `json:"truncate"`
	Shift       *bool                      `json:"shift"`
	Logprobs    bool                       `json:"logprobs"`
	TopLogprobs int                        `json:"top_logprobs"`
}

// chatRequest is the body of /api/chat.
type chatRequest struct {
	common
	Messages []message       `json:"messages"`
	Tools    json.RawMessage `json:"tools"`
}

// generateRequest is the body of /api/generate.
type generateRequest struct {
	common
	Prompt   string            `json:"prompt"`
	Suffix   string            `json:"suffix"`
	System   string            `json:"system"`
	Template string            `json:"template"`
	Context  []int32           `json:"context"`
	Raw      bool              `json:"raw"`
	Images   []json.RawMessage `json:"images"`
}

func wrong(param, text string) error {
	return &daemon.RequestError{Param: param, Err: errors.New(text)}
}

func (in *chatRequest) question() (*question, error) {
	q, err := in.common.question()
	if err != nil {
		return nil, err
	}
	q.chat = true
	if q.empty = len(in.Messages) == 0; q.empty {
		return q, nil
	}
	if q.request.Messages, err = openMessages(in.Messages); err != nil {
		return nil, err
	}
	q.request.Tools, err = openTools(in.Tools)
	q.tools = q.request.Tools != nil
	return q, err
}

func (in *generateRequest) question() (*question, error) {
	q, err := in.common.question()
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.Images) > 0:
		return nil, wrong("images", "moed reads text only")
	case in.Raw && (in.System != "" || in.Template != "" || len(in.Context) > 0):
		return nil, wrong("raw", "goes without system, template and context")
	case in.Suffix != "" && (in.System != "" || len(in.Context) > 0):
		return nil, wrong("suffix", "goes without system and context")
	}
	q.empty = in.Prompt == "" && in.Suffix == ""
	q.prefix, q.template = in.Context, in.Template
	r := &q.request
	r.Prompt, r.Suffix, r.System, r.Raw = in.Prompt, in.Suffix, in.System, in.Raw
	return q, nil
}

func (in *common) question() (*question, error) {
	q := &question{model: in.Model, stream: in.Stream == nil || *in.Stream, logprobs: in.Logprobs, top: in.TopLogprobs}
	q.request = daemon.Request{Sampling: daemon.DefaultSampling()}
	q.request.Sampling.Seed = uint64(rand.Uint32())
	if in.TopLogprobs < 0 || in.TopLogprobs > maxTop {
		return nil, wrong("top_logprobs", fmt.Sprintf("want 0 to %d", maxTop))
	}
	if in.Logprobs {
		q.request.LogProbs = max(1, in.TopLogprobs)
	}
	var err error
	if q.keepAlive, err = keepAlive(in.KeepAlive); err != nil {
		return nil, err
	}
	if q.request.Format, err = format(in.Format); err != nil {
		return nil, err
	}
	if q.think, err = parseThink(in.Think); err != nil {
		return nil, err
	}
	q.request.Kwargs = q.think.kwargs()
	return q, q.setOptions(in.Options)
}

// format is "json", a JSON schema, or nothing.
func format(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0, string(raw) == "null", string(raw) == `""`:
		return nil, nil
	case string(raw) == `"json"`, raw[0] == '{':
		return raw, nil
	}
	return nil, wrong("format", `want "json" or a JSON schema`)
}

// think says whether the model is to think before it answers; nil leaves that to
// it.
type think struct {
	on    bool
	level string // low, medium or high, or ""
}

func parseThink(raw json.RawMessage) (*think, error) {
	switch text := string(bytes.TrimSpace(raw)); text {
	case "", "null":
		return nil, nil
	case "true", "false":
		return &think{on: text == "true"}, nil
	case `"low"`, `"medium"`, `"high"`:
		return &think{on: true, level: text[1 : len(text)-1]}, nil
	}
	return nil, wrong("think", `want true, false, "low", "medium" or "high"`)
}

// kwargs are what templates call it.
func (t *think) kwargs() json.RawMessage {
	if t == nil {
		return nil
	}
	out := fmt.Sprintf(`{"enable_thinking":%v,"thinking":%v`, t.on, t.on)
	if t.level != "" {
		out += fmt.Sprintf(`,"reasoning_effort":%q`, t.level)
	}
	return json.RawMessage(out + "}")
}

// suits reports what the model of info lacks for q.
func (q *question) suits(info *daemon.ModelInfo) error {
	can := func(what string) bool { return slices.Contains(info.Capabilities, what) }
	switch {
	case info.Report == nil:
		return fmt.Errorf("model %s cannot be read: %s", info.Name, info.Problem)
	case q.think != nil && q.think.on && !can("thinking"):
		return wrong("think", fmt.Sprintf("%q does not support thinking", info.Name))
	case q.tools && !can("tools"):
		return wrong("tools", fmt.Sprintf("%q does not support tools", info.Name))
	case q.request.Suffix != "" && !can("insert"):
		return wrong("suffix", fmt.Sprintf("%q does not support insert", info.Name))
	}
	if q.template == "" {
		return nil
	}
	about, err := info.Metadata(false)
	if err != nil {
		return err
	}
	if own, _ := about[templateKey].(string); own != q.template {
		return wrong("template", "the model's own is used; leave it out, or send the whole text with raw")
	}
	return nil
}

// fit has the answer end where the context does that the client asked for. The
// prompt has to leave room in it.
func (q *question) fit(prompt, room int) error {
	if q.context == 0 {
		return nil
	}
	if q.context > room {
		return wrong("options.num_ctx", fmt.Sprintf("%d tokens, and there are %d; ask for fewer, or start the daemon with a larger context", q.context, room))
	}
	if prompt >= q.context {
		return &daemon.ContextError{Prompt: prompt, Context: q.context}
	}
	left := q.context - prompt
	if r := &q.request; r.MaxTokens == 0 || r.MaxTokens > left {
		r.MaxTokens = left
	}
	return nil
}

// prompt is the tokens of the prompt, with those that the client sent before.
func (q *question) prompt(ctx context.Context, e *daemon.Engine) ([]int32, error) {
	ids, err := e.PromptIDs(ctx, &q.request)
	if err != nil || len(q.prefix) == 0 {
		return ids, err
	}
	vocab := e.Facts().Vocab
	for _, id := range q.prefix {
		if id < 0 || int(id) >= vocab {
			return nil, wrong("context", fmt.Sprintf("the model has no token %d", id))
		}
	}
	return append(slices.Clone(q.prefix), ids...), nil
}
