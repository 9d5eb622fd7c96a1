package api

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// chatBody is what POST /v1/chat/completions and /v1/completions take.
type chatBody struct {
	Model string `json:"model"`

	Messages json.RawMessage `json:"messages,omitempty"`
	Prompt   *string         `json:"prompt,omitempty"`
	Suffix   string          `json:"suffix,omitempty"`

	Tools      json.RawMessage `json:"tools,omitempty"`
	ToolChoice any             `json:"tool_choice,omitempty"`
	Format     any             `json:"response_format,omitempty"`
	Kwargs     json.RawMessage `json:"chat_template_kwargs,omitempty"`

	MaxTokens int      `json:"max_tokens,omitempty"`
	Stop      []string `json:"stop,omitempty"`
	Sampling
	LogProbs    any `json:"logprobs,omitempty"` // a flag for chats, a count for texts
	TopLogProbs int `json:"top_logprobs,omitempty"`

	Stream         bool           `json:"stream"`
	StreamOptions  map[string]any `json:"stream_options"`
	ReturnProgress bool           `json:"return_progress"`
}

type object map[string]any

// body is where q goes, and what.
func (q *ChatRequest) body() (path string, b *chatBody, err error) {
	b = &chatBody{Model: q.Model, MaxTokens: q.MaxTokens, Stop: q.Stop, Sampling: q.Sampling,
		Stream: true, StreamOptions: object{"include_usage": true}, ReturnProgress: true}
	if q.LogProbs < 0 {
		return "", nil, fmt.Errorf("log probabilities of %d tokens, want 0 or more", q.LogProbs)
	}
	if q.Raw || q.Suffix != "" {
		if q.Messages != nil || q.System != "" || q.Tools != nil || q.ToolChoice != "" || q.Format != nil || q.Kwargs != nil {
			return "", nil, fmt.Errorf("a raw prompt goes without messages, system text, tools, format and variables of a template")
		}
		b.Prompt, b.Suffix = &q.Prompt, q.Suffix
		if q.LogProbs > 0 {
			b.LogProbs = q.LogProbs
		}
		return "/v1/completions", b, nil
	}
	b.Tools, b.Kwargs = q.Tools, q.Kwargs
	if b.Messages, err = q.messages(); err != nil {
		return "", nil, err
	}
	switch q.ToolChoice {
	case "":
	case "auto", "none", "required":
		b.ToolChoice = q.ToolChoice
	default:
		b.ToolChoice = object{"type": "function", "function": object{"name": q.ToolChoice}}
	}
	switch format := bytes.TrimSpace(q.Format); {
	case len(format) == 0:
	case string(format) == `"json"`:
		b.Format = object{"type": "json_object"}
	default:
		b.Format = object{"type": "json_schema", "json_schema": object{"name": "answer", "schema": json.RawMessage(format), "strict": true}}
	}
	if q.LogProbs > 0 {
		b.LogProbs, b.TopLogProbs = true, q.LogProbs
	}
	return "/v1/chat/completions", b, nil
}

func (q *ChatRequest) messages() (json.RawMessage, error) {
	if q.Messages != nil {
		return q.Messages, nil
	}
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var all []message
	if q.System != "" {
		all = append(all, message{"system", q.System})
	}
	return json.Marshal(append(all, message{"user", q.Prompt}))
}
