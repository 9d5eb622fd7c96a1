package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestChatBody(t *testing.T) {
	warm, seed := 0.5, uint64(1<<63)
	for _, c := range []struct {
		name, path, want string
		q                ChatRequest
	}{
		{"prompt", "/v1/chat/completions", `{"model":"","messages":[{"role":"system","content":"s"},{"role":"user","content":"p"}]}`, ChatRequest{System: "s", Prompt: "p"}},
		{"messages", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"x"}],"stop":["."],"max_tokens":3,"temperature":0.5,"seed":9223372036854775808}`,
			ChatRequest{Model: "m", Messages: json.RawMessage(`[{"role":"user","content":"x"}]`), Stop: []string{"."}, MaxTokens: 3, Sampling: Sampling{Temperature: &warm, Seed: &seed}}},
		{"tools", "/v1/chat/completions", `{"model":"","messages":[],"tools":[1],"tool_choice":{"type":"function","function":{"name":"f"}},"logprobs":true,"top_logprobs":2}`,
			ChatRequest{Messages: json.RawMessage(`[]`), Tools: json.RawMessage(`[1]`), ToolChoice: "f", LogProbs: 2}},
		{"json", "/v1/chat/completions", `{"model":"","messages":[],"response_format":{"type":"json_object"},"tool_choice":"none"}`,
			ChatRequest{Messages: json.RawMessage(`[]`), Format: json.RawMessage(` "json" `), ToolChoice: "none"}},
		{"schema", "/v1/chat/completions", `{"model":"","messages":[],"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"array"},"strict":true}},"chat_template_kwargs":{"a":1}}`,
			ChatRequest{Messages: json.RawMessage(`[]`), Format: json.RawMessage(`{"type":"array"}`), Kwargs: json.RawMessage(`{"a":1}`)}},
		{"raw", "/v1/completions", `{"model":"","prompt":"","logprobs":1}`, ChatRequest{Raw: true, LogProbs: 1}},
		{"suffix", "/v1/completions", `{"model":"","prompt":"a","suffix":"b"}`, ChatRequest{Prompt: "a", Suffix: "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, b, err := c.q.body()
			if err != nil || path != c.path {
				t.Fatalf("path %s, %v; want %s", path, err, c.path)
			}
			var got, want map[string]any
			text, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			want["stream"], want["return_progress"], want["stream_options"] = true, true, map[string]any{"include_usage": true}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s\nwant %v", text, want)
			}
		})
	}
	for _, q := range []ChatRequest{{Raw: true, System: "s"}, {Raw: true, Tools: json.RawMessage("[]")}, {LogProbs: -1}} {
		if _, _, err := q.body(); err == nil {
			t.Errorf("%+v: no error", q)
		}
	}
}

// canned answers every request with one text.
func canned(t *testing.T, status int, header, body string) *Client {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, value, ok := strings.Cut(header, ": "); ok {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return &Client{Address: s.URL}
}

func TestChatStream(t *testing.T) {
	stream := `: loading 43% 12.1/28.0 GB

data: {"id":"c1","model":"m","choices":[{"delta":{"role":"assistant","content":""}}],"prompt_progress":{"total":9,"cache":2,"processed":5}}

data: {"id":"c1","model":"m","choices":[{"delta":{"reasoning_content":"hm"}}]}

:

data: {"id":"c1","model":"m","choices":[{"delta":{"content":"Hi"},"logprobs":{"content":[{"token":"Hi","logprob":-0.5,"bytes":[72,105],"top_logprobs":[{"token":"Ho","logprob":-1}]}]}}]}

data: {"id":"c1","model":"m","choices":[{"delta":{"tool_calls":[{"index":0,"id":"t","type":"function","function":{"name":"f","arguments":"{\"a\""}}]}}]}

data: {"id":"c1","model":"m","choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}

: ping

data: {"id":"c1","model":"m","choices":[{"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"c1","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}},"timings":{"prompt_n":7,"predicted_per_second":3.5},"moed":{"expert_hits":5,"stall_ms":1.5}}

data: [DONE]

`
	c := canned(t, 200, "Content-Type: text/event-stream", stream)
	var pieces []ChatPiece
	got, err := c.Chat(context.Background(), &ChatRequest{Prompt: "p"}, func(p ChatPiece) error { pieces = append(pieces, p); return nil })
	if err != nil {
		t.Fatal(err)
	}
	probs := []TokenLogProb{{LogProb{"Hi", -0.5, []int{72, 105}}, []LogProb{{Token: "Ho", Log: -1}}}}
	want := &ChatResult{ID: "c1", Model: "m", Text: "Hi", Reasoning: "hm", Calls: []Call{{"t", "f", `{"a":1}`}}, Finish: "tool_calls",
		LogProbs: probs, Usage: Usage{Prompt: 9, Completion: 4, Cached: 2, Reasoning: 1},
		Timings: Timings{PromptN: 7, PredictedPerSecond: 3.5}, Experts: ExpertUse{Hits: 5, StallMS: 1.5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("result %+v\nwant %+v", got, want)
	}
	wantPieces := []ChatPiece{{Progress: &Progress{Text: "loading 43% 12.1/28.0 GB"}}, {Progress: &Progress{Total: 9, Cached: 2, Read: 5}},
		{Reasoning: "hm"}, {Text: "Hi", LogProbs: probs}, {Call: &CallPiece{ID: "t", Name: "f", Arguments: `{"a"`}}, {Call: &CallPiece{Arguments: ":1}"}}}
	if !reflect.DeepEqual(pieces, wantPieces) {
		t.Errorf("pieces %+v\nwant %+v", pieces, wantPieces)
	}

	stop := errors.New("enough")
	if _, err := c.Chat(context.Background(), &ChatRequest{}, func(p ChatPiece) error { return stop }); err != stop {
		t.Errorf("%v, want the error of the function", err)
	}
}

func TestChatBroken(t *testing.T) {
	for name, c := range map[string]struct{ stream, want string }{
		"cut off": {"data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n", "hung up"},
		"error":   {"data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"no more\",\"type\":\"server_error\",\"code\":500}}\n\n", "no more"},
		"no JSON": {"data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\n\n", "daemon's answer"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := canned(t, 200, "", c.stream).Chat(context.Background(), &ChatRequest{}, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if got == nil || got.Text != "a" {
				t.Errorf("result %+v, want the text so far", got)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status       int
		header, body string
		want         Error
	}{
		{400, "", `{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`,
			Error{Status: 400, Message: "too long", Type: "invalid_request_error", Param: "messages", Code: "context_length_exceeded"}},
		{429, "Retry-After: 3", `{"error":{"message":"busy","type":"rate_limit_error","param":null,"code":null}}`,
			Error{Status: 429, Message: "busy", Type: "rate_limit_error", RetryAfter: 3 * time.Second}},
		{503, "", `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, Error{Status: 503, Code: "503", Message: "Loading model", Type: "unavailable_error"}},
		{404, "", `{"error":"model not there"}`, Error{Status: 404, Message: "model not there"}},
		{502, "", "<html>\n", Error{Status: 502, Message: "<html>"}},
		{500, "", "", Error{Status: 500, Message: "the daemon answered 500 Internal Server Error"}},
		{302, "Location: http://127.0.0.1:1/", "", Error{Status: 302, Message: "the daemon answered 302 Found"}},
	} {
		_, err := canned(t, c.status, c.header, c.body).Status(context.Background())
		var got *Error
		if !errors.As(err, &got) || *got != c.want {
			t.Errorf("%d %s: %#v, want %#v", c.status, c.body, err, c.want)
		}
	}
}
