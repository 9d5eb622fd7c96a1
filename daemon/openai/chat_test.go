package openai_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"moed/daemon"
)

const (
	hello  = `"model":"chat","temperature":0,"messages":[{"role":"user","content":"Once upon a time"}]`
	begins = ", there was a little girl named Lily"
)

// first is the one choice of a completion.
func first(t *testing.T, m map[string]any) map[string]any {
	t.Helper()
	all, _ := m["choices"].([]any)
	if len(all) != 1 {
		t.Fatalf("choices of %v", m)
	}
	return all[0].(map[string]any)
}

// TestChat: one text, however it is asked for, whole and as a stream.
func TestChat(t *testing.T) {
	server := serve(t, shelf(t), false)
	for name, body := range map[string]string{
		"text":       hello + `,"max_tokens":8`,
		"newer name": hello + `,"max_completion_tokens":8.0`,
		"parts":      `"model":"chat","temperature":0,"max_tokens":8,"messages":[{"role":"user","content":[{"type":"text","text":"Once upon"},{"type":"text","text":" a time"}]}]`,
		"developer":  `"model":"chat","temperature":0,"max_tokens":8,"messages":[{"role":"developer","content":"Once upon"},{"role":"user","content":"a time"}]`,
		"no effect":  hello + `,"max_tokens":8,"user":"u","store":true,"metadata":{},"service_tier":"auto","n":1,"top_k":1,"logit_bias":{},"stop":null,"tools":[]`,
		"default":    `"temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"Once upon a time"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			code, header, text := ask(t, server, "POST", "/v1/chat/completions", "{"+body+"}")
			if code != 200 || header.Get("Content-Type") != "application/json" {
				t.Fatalf("%d %s: %s", code, header.Get("Content-Type"), text)
			}
			whole := object(t, text)
			c, use := first(t, whole), whole["usage"].(map[string]any)
			m := c["message"].(map[string]any)
			if m["content"] != begins || m["role"] != "assistant" || c["finish_reason"] != "length" || c["index"] != 0.0 || whole["object"] != "chat.completion" ||
				!strings.HasPrefix(whole["id"].(string), "chatcmpl-") || use["completion_tokens"] != 8.0 || use["prompt_tokens"] != 5.0 || use["total_tokens"] != 13.0 {
				t.Errorf("%s", text)
			}

			code, header, text = ask(t, server, "POST", "/v1/chat/completions", "{"+body+`,"stream":true,"stream_options":{"include_usage":true}}`)
			if code != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/event-stream") {
				t.Fatalf("%d %s: %s", code, header.Get("Content-Type"), text)
			}
			all := events(t, text, true)
			said, reason := "", any(nil)
			for i, e := range all {
				if e.data["id"] != all[0].data["id"] || e.data["object"] != "chat.completion.chunk" {
					t.Errorf("chunk %d: %v", i, e.data)
				}
				if i == len(all)-1 {
					if use := e.data["usage"].(map[string]any); len(e.data["choices"].([]any)) != 0 || use["total_tokens"] != 13.0 {
						t.Errorf("ends with %v", e.data)
					}
					break
				}
				c := first(t, e.data)
				d := c["delta"].(map[string]any)
				if (i == 0) != (d["role"] == "assistant") {
					t.Errorf("chunk %d has role %v", i, d["role"])
				}
				if text, ok := d["content"].(string); ok {
					said += text
				}
				if c["finish_reason"] != nil {
					reason = c["finish_reason"]
				}
				if e.data["usage"] != nil {
					t.Errorf("chunk %d has usage", i)
				}
			}
			if said != begins || reason != "length" {
				t.Errorf("the stream says %q and ends for %v", said, reason)
			}
		})
	}
}

func TestStop(t *testing.T) {
	server := serve(t, shelf(t), false)
	for _, stop := range []string{`"girl"`, `["xyzzy","girl"]`} {
		_, _, text := ask(t, server, "POST", "/v1/chat/completions", `{`+hello+`,"max_tokens":50,"stop":`+stop+`}`)
		c := first(t, object(t, text))
		if got := c["message"].(map[string]any)["content"]; got != ", there was a little " || c["finish_reason"] != "stop" {
			t.Errorf("stop %s: %q, %v", stop, got, c["finish_reason"])
		}
	}
}

// TestSeed: the same seed makes the same text, another one another.
func TestSeed(t *testing.T) {
	server := serve(t, shelf(t), false)
	say := func(seed string) any {
		_, _, text := ask(t, server, "POST", "/v1/chat/completions", `{"model":"chat","messages":[{"role":"user","content":"Once upon a time"}],"temperature":1,"max_tokens":24,"seed":`+seed+`}`)
		return first(t, object(t, text))["message"].(map[string]any)["content"]
	}
	if a, b := say("7"), say("7"); a != b {
		t.Errorf("seed 7: %q and %q", a, b)
	}
	if a, b := say("7"), say("-18446744073"); a == b {
		t.Errorf("two seeds, one text: %q", a)
	}
}

// TestLogProbs: for each token the likeliest, which with temperature 0 is the one.
func TestLogProbs(t *testing.T) {
	server := serve(t, shelf(t), false)
	_, _, text := ask(t, server, "POST", "/v1/chat/completions", `{`+hello+`,"max_tokens":8,"logprobs":true,"top_logprobs":3}`)
	c := first(t, object(t, text))
	all := c["logprobs"].(map[string]any)["content"].([]any)
	said := ""
	for _, one := range all {
		p := one.(map[string]any)
		said += p["token"].(string)
		top := p["top_logprobs"].([]any)
		sum := 0.0
		for _, x := range top {
			sum += math.Exp(x.(map[string]any)["logprob"].(float64))
		}
		if len(top) != 3 || top[0].(map[string]any)["token"] != p["token"] || sum > 1.0001 || sum <= 0 || p["logprob"].(float64) > 0 {
			t.Errorf("token %v", p)
		}
	}
	if len(all) != 8 || said != begins {
		t.Errorf("%d tokens: %q", len(all), said)
	}
	_, _, text = ask(t, server, "POST", "/v1/chat/completions", `{`+hello+`,"max_tokens":8,"logprobs":true,"stream":true}`)
	streamed := 0
	for _, e := range events(t, text, true) {
		if p, ok := first(t, e.data)["logprobs"].(map[string]any); ok {
			streamed += len(p["content"].([]any))
		}
	}
	if streamed != 8 {
		t.Errorf("the stream has %d log probabilities, want 8", streamed)
	}
}

const weather = `,"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string","maxLength":12},"days":{"type":"integer"}},"required":["city","days"],"additionalProperties":false}}}],"tool_choice":{"type":"function","function":{"name":"weather"}}`

// TestCalls: a call that has to be made is, with arguments as its schema has them.
func TestCalls(t *testing.T) {
	server := serve(t, shelf(t), false)
	_, _, text := ask(t, server, "POST", "/v1/chat/completions", `{`+hello+weather+`,"max_tokens":200}`)
	c := first(t, object(t, text))
	m := c["message"].(map[string]any)
	calls, _ := m["tool_calls"].([]any)
	if len(calls) != 1 || c["finish_reason"] != "tool_calls" || m["content"] != nil {
		t.Fatalf("%s", text)
	}
	call := calls[0].(map[string]any)
	f := call["function"].(map[string]any)
	arguments := object(t, f["arguments"].(string))
	if _, ok := arguments["city"].(string); !ok || f["name"] != "weather" || call["type"] != "function" || call["id"] == "" || len(arguments) != 2 {
		t.Errorf("call %v", call)
	}

	_, _, text = ask(t, server, "POST", "/v1/chat/completions", `{`+hello+weather+`,"max_tokens":200,"stream":true}`)
	joined, names, reason := "", "", any(nil)
	for _, e := range events(t, text, true) {
		c := first(t, e.data)
		if r := c["finish_reason"]; r != nil {
			reason = r
		}
		calls, _ := c["delta"].(map[string]any)["tool_calls"].([]any)
		for _, x := range calls {
			f := x.(map[string]any)["function"].(map[string]any)
			name, _ := f["name"].(string)
			names += name
			joined += f["arguments"].(string)
		}
	}
	if names != "weather" || joined != f["arguments"] || reason != "tool_calls" {
		t.Errorf("the stream calls %q with %q, want %q; ends for %v", names, joined, f["arguments"], reason)
	}

	// What came of it goes back, and the model says something.
	code, _, text := ask(t, server, "POST", "/v1/chat/completions", `{"model":"chat","max_tokens":4,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bern\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"sun"}]}`)
	if code != 200 {
		t.Errorf("%d: %s", code, text)
	}
}

func TestFormat(t *testing.T) {
	server := serve(t, shelf(t), false)
	for _, c := range []struct{ name, format string }{
		{"schema", `{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{"name":{"type":"string","maxLength":8},"old":{"type":"boolean"}},"required":["name","old"],"additionalProperties":false}}}`},
		{"inline", `{"type":"json_object","schema":{"type":"object","properties":{"name":{"enum":["Lily","Tom"]},"old":{"type":"boolean"}},"required":["name","old"],"additionalProperties":false}}`},
	} {
		_, _, text := ask(t, server, "POST", "/v1/chat/completions", `{`+hello+`,"max_tokens":200,"response_format":`+c.format+`}`)
		choice := first(t, object(t, text))
		got := object(t, choice["message"].(map[string]any)["content"].(string))
		_, isText := got["name"].(string)
		_, isBool := got["old"].(bool)
		if !isText || !isBool || len(got) != 2 || choice["finish_reason"] != "stop" {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

// TestTooLong: a prompt is never cut.
func TestTooLong(t *testing.T) {
	server := serve(t, shelf(t), false)
	long, err := json.Marshal(strings.Repeat("Once upon a time ", 4000))
	if err != nil {
		t.Fatal(err)
	}
	code, _, text := ask(t, server, "POST", "/v1/chat/completions", `{"model":"chat","messages":[{"role":"user","content":`+string(long)+`}]}`)
	e := object(t, text)["error"].(map[string]any)
	if code != 400 || e["code"] != "context_length_exceeded" || e["type"] != "invalid_request_error" || e["n_ctx"].(float64) >= e["n_prompt_tokens"].(float64) {
		t.Errorf("%d: %s", code, text)
	}
}

// TestLeaving: the answer of a client that has left ends.
func TestLeaving(t *testing.T) {
	s := shelf(t)
	server := serve(t, s, false)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", server.URL+"/v1/chat/completions", strings.NewReader(`{`+hello+`,"stream":true,"max_tokens":400,"ignore_eos":true}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resp.Body.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	leave()
	resp.Body.Close()
	loan, err := s.Acquire(t.Context(), "chat", daemon.LoanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer loan.Release()
	for len(loan.Engine.Requests()) > 0 { // the test's own deadline is the limit
		time.Sleep(time.Millisecond)
	}
	if n := loan.Engine.Stats().GeneratedTokens; n >= 400 {
		t.Errorf("%d tokens were made for nobody", n)
	}
}

// TestProgress: who asks for it is told how far a prompt is read.
func TestProgress(t *testing.T) {
	server := serve(t, shelf(t), false)
	_, _, text := ask(t, server, "POST", "/v1/chat/completions", `{`+hello+`,"max_tokens":2,"stream":true,"return_progress":true}`)
	last := map[string]any{}
	for _, e := range events(t, text, true) {
		if p, ok := e.data["prompt_progress"].(map[string]any); ok {
			if p["processed"].(float64) < 0 || last["processed"] != nil && p["processed"].(float64) < last["processed"].(float64) {
				t.Errorf("progress %v after %v", p, last)
			}
			last = p
		}
	}
	if last["processed"] != 5.0 || last["total"] != 5.0 {
		t.Errorf("in the end %v of the prompt is read", last)
	}
}
