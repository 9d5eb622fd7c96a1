package openai

import (
	"encoding/json"
	"net/http"

	"moed/daemon"
	"moed/daemon/web"
)

// responseRequest is the body of a stateless response.
type responseRequest struct {
	params
	Input           json.RawMessage `json:"input"`
	Instructions    *string         `json:"instructions"`
	Tools           json.RawMessage `json:"tools"`
	ToolChoice      json.RawMessage `json:"tool_choice"`
	MaxOutputTokens *float64        `json:"max_output_tokens"`
	Text            json.RawMessage `json:"text"`
	Metadata        json.RawMessage `json:"metadata"`
	ParallelCalls   *bool           `json:"parallel_tool_calls"`
	TopLogProbs     *float64        `json:"top_logprobs"`
	Reasoning       *struct {
		Effort *string `json:"effort"`
	} `json:"reasoning"`
	Previous     *string         `json:"previous_response_id"`
	Conversation json.RawMessage `json:"conversation"`
	Background   *bool           `json:"background"`
	Truncation   *string         `json:"truncation"`
}

func (q *responseRequest) request() (*daemon.Request, error) {
	switch {
	case q.Previous != nil && *q.Previous != "":
		return nil, wrong("previous_response_id", "moed keeps no responses: send the whole conversation as input")
	case !absent(q.Conversation):
		return nil, wrong("conversation", "moed keeps no conversations: send the whole conversation as input")
	case q.Background != nil && *q.Background:
		return nil, wrong("background", "moed answers while the client waits")
	case q.Truncation != nil && *q.Truncation != "disabled":
		return nil, wrong("truncation", "found %q; nothing is ever truncated, so only \"disabled\" is supported", *q.Truncation)
	case q.TopLogProbs != nil && *q.TopLogProbs != 0:
		return nil, wrong("top_logprobs", "responses have no log probabilities here: /v1/chat/completions has")
	}
	if q.MaxOutputTokens != nil {
		q.MaxTokens = q.MaxOutputTokens
	}
	r := &daemon.Request{}
	if err := q.fill(r); err != nil {
		return nil, err
	}
	input, err := q.messages()
	if err != nil {
		return nil, err
	}
	if r.Messages, err = messages(input); err != nil {
		return nil, err
	}
	if r.Tools, err = tools(q.Tools); err != nil {
		return nil, err
	}
	if r.ToolChoice, err = toolChoice(q.ToolChoice); err != nil {
		return nil, err
	}
	var text struct {
		Format *format `json:"format"`
	}
	if !absent(q.Text) && json.Unmarshal(q.Text, &text) != nil {
		return nil, wrong("text", "want an object with a format")
	}
	if r.Format, err = text.Format.of("text.format"); err != nil {
		return nil, err
	}
	effort := ""
	if q.Reasoning != nil && q.Reasoning.Effort != nil {
		effort = *q.Reasoning.Effort
	}
	r.Kwargs, err = kwargs(nil, effort)
	return r, err
}

// item is one of the input.
type item struct {
	Type    string          `json:"type"`
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`

	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments string          `json:"arguments"`
	Output    json.RawMessage `json:"output"`
}

type object map[string]any

// messages is the input as a chat's: calls that follow each other are one
// message of the assistant.
func (q *responseRequest) messages() (json.RawMessage, error) {
	var out []object
	if q.Instructions != nil && *q.Instructions != "" {
		out = append(out, object{"role": "system", "content": *q.Instructions})
	}
	var text string
	var items []item
	switch {
	case absent(q.Input):
		return nil, wrong("input", "there is none")
	case json.Unmarshal(q.Input, &text) == nil:
		out = append(out, object{"role": "user", "content": text})
	case json.Unmarshal(q.Input, &items) != nil:
		return nil, wrong("input", "want a text or an array of items")
	}
	var called []object // of the message at hand
	for i, it := range items {
		if it.Type != "function_call" && called != nil {
			out = append(out, object{"role": "assistant", "tool_calls": called})
			called = nil
		}
		switch it.Type {
		case "", "message":
			if it.Role == "" {
				return nil, wrong("input", "item %d has no role", i)
			}
			out = append(out, object{"role": it.Role, "content": it.Content})
		case "function_call":
			called = append(called, object{"id": it.CallID, "type": "function", "function": object{"name": it.Name, "arguments": it.Arguments}})
		case "function_call_output":
			out = append(out, object{"role": "tool", "tool_call_id": it.CallID, "content": it.Output})
		case "reasoning": // what the model thought is not shown to it again
		default:
			return nil, wrong("input", "item %d: type %q is not supported", i, it.Type)
		}
	}
	if called != nil {
		out = append(out, object{"role": "assistant", "tool_calls": called})
	}
	return json.Marshal(out)
}

func (h *handler) respond(w http.ResponseWriter, r *http.Request) {
	var q responseRequest
	req, err := decodeResponse(r, &q)
	if err != nil {
		fail(w, err, "input")
		return
	}
	x := newExchange(w, r, q.Stream, "input")
	x.broken = func(p problem) error {
		e := p.Error
		return x.sse.Event("error", object{"type": "error", "sequence_number": 0, "message": e.Message, "code": e.Code, "param": e.Param})
	}
	x.run(r.Context(), h.models, q.Model, req, func() voice {
		return &responseVoice{exchange: x, asked: &q, request: req}
	})
}

func decodeResponse(r *http.Request, q *responseRequest) (*daemon.Request, error) {
	if err := web.Decode(r, q); err != nil {
		return nil, err
	}
	return q.request()
}

// countResponse tells how many tokens the prompt of a response has.
func (h *handler) countResponse(w http.ResponseWriter, r *http.Request) {
	var q responseRequest
	req, err := decodeResponse(r, &q)
	if err != nil {
		fail(w, err, "input")
		return
	}
	h.count(w, r, q.Model, req, "response.input_tokens", "input")
}
