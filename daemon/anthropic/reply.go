package anthropic

import (
	"bytes"
	"encoding/json"

	"moed/daemon"
)

// reply is a message of the model.
type reply struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"` // message
	Role         string  `json:"role"` // assistant
	Model        string  `json:"model"`
	Content      []any   `json:"content"`
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
	Usage        usage   `json:"usage"`
}

// usage counts tokens. Those of a kept prefix are not among InputTokens.
type usage struct {
	InputTokens   int `json:"input_tokens"`
	CacheCreation int `json:"cache_creation_input_tokens"`
	CacheRead     int `json:"cache_read_input_tokens"`
	OutputTokens  int `json:"output_tokens"`
}

type textBlock struct {
	Type string `json:"type"` // text
	Text string `json:"text"`
}

type thinkingBlock struct {
	Type      string `json:"type"` // thinking
	Thinking  string `json:"thinking"`
	Signature string `json:"signature"`
}

type toolBlock struct {
	Type  string          `json:"type"` // tool_use
	ID    string          `json:"id"`
	Name  string          `json:"name"`
	Input json.RawMessage `json:"input"` // an object
}

// signature stands where Anthropic signs what its models think.
const signature = "moed"

// message is an answer that has nothing in it yet.
func (x *exchange) message(model string) reply {
	return reply{ID: "msg_" + x.id[len("req_"):], Type: "message", Role: "assistant", Model: model, Content: []any{}}
}

// finish fills in why the answer ended and what it cost.
func (m *reply) finish(res *daemon.Result) {
	reason := "end_turn"
	switch {
	case res.Finish == daemon.FinishLength:
		reason = "max_tokens"
	case res.Finish == daemon.FinishCalls || len(res.Calls) > 0:
		reason = "tool_use"
	case res.StopString != "":
		reason = "stop_sequence"
		m.StopSequence = &res.StopString
	}
	m.StopReason = &reason
	m.Usage = usage{InputTokens: res.PromptTokens - res.CachedTokens, CacheRead: res.CachedTokens, OutputTokens: len(res.IDs)}
}

// whole is all of an answer.
func (x *exchange) whole(model string, res *daemon.Result) reply {
	m := x.message(model)
	if res.Reasoning != "" {
		m.Content = append(m.Content, thinkingBlock{"thinking", res.Reasoning, signature})
	}
	if res.Text != "" || len(res.Calls) == 0 {
		m.Content = append(m.Content, textBlock{"text", res.Text})
	}
	for _, c := range res.Calls {
		m.Content = append(m.Content, toolBlock{"tool_use", c.ID, c.Name, object(c.Arguments)})
	}
	m.finish(res)
	return m
}

// object is the arguments of a call, as an object whatever the model wrote.
func object(arguments string) json.RawMessage {
	raw := bytes.TrimSpace([]byte(arguments))
	switch {
	case len(raw) == 0:
		return json.RawMessage("{}")
	case raw[0] == '{' && json.Valid(raw):
		return raw
	}
	out, _ := json.Marshal(map[string]string{"arguments": arguments}) // strings always encode
	return out
}
