package ollama_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// begins is how the story model goes on from "Once upon a time".
const begins = ", there was a little girl named Lily"

func text(chat bool, line map[string]any) string {
	if !chat {
		s, _ := line["response"].(string)
		return s
	}
	m, _ := line["message"].(map[string]any)
	s, _ := m["content"].(string)
	return s
}

// TestAnswers: streamed or not, as a chat or not, the text is the same and the
// last line has all that clients look for.
func TestAnswers(t *testing.T) {
	server := serve(t, shelf(t), true)
	for _, c := range []struct {
		name, path, body string
		stream           bool
	}{
		{"generate", "/api/generate", `{"model":"story","prompt":"Once upon a time","options":{"temperature":0,"num_predict":8}}`, true},
		{"generate whole", "/api/generate", `{"model":"story","prompt":"Once upon a time","stream":false,"options":{"temperature":0,"num_predict":8}}`, false},
		{"generate raw", "/api/generate", `{"model":"story","prompt":"Once upon a time","raw":true,"options":{"temperature":0,"num_predict":8}}`, true},
		{"chat", "/api/chat", `{"model":"chat","messages":[{"role":"user","content":"Once upon a time"}],"options":{"temperature":0,"num_predict":8}}`, true},
		{"chat whole", "/api/chat", `{"model":"chat:latest","messages":[{"role":"user","content":"Once upon a time"}],"stream":false,"options":{"temperature":0.0,"num_predict":8.0}}`, false},
		{"num_ctx", "/api/chat", `{"model":"chat","messages":[{"role":"user","content":"Once upon a time"}],"options":{"temperature":0,"num_ctx":13}}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			chat := c.path == "/api/chat"
			code, header, body := ask(t, server, "POST", c.path, c.body)
			want := "application/x-ndjson"
			if !c.stream {
				want = "application/json"
			}
			if code != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), want) {
				t.Fatalf("%d %s: %s", code, header.Get("Content-Type"), body)
			}
			all := lines(t, body)
			if c.stream && len(all) < 3 || !c.stream && len(all) != 1 {
				t.Errorf("%d lines", len(all))
			}
			var whole strings.Builder
			for i, line := range all {
				whole.WriteString(text(chat, line))
				if done := i == len(all)-1; line["done"] != done {
					t.Errorf("line %d of %d: done %v", i, len(all), line["done"])
				}
				if at, _ := line["created_at"].(string); line["model"] == "" || at == "" {
					t.Errorf("line %v", line)
				}
			}
			if whole.String() != begins {
				t.Errorf("text %q", whole.String())
			}
			last := all[len(all)-1]
			for _, key := range []string{"total_duration", "load_duration", "prompt_eval_duration", "eval_duration"} {
				if n, _ := last[key].(float64); n <= 0 {
					t.Errorf("%s is %v", key, last[key])
				}
			}
			if last["done_reason"] != "length" || last["eval_count"] != 8.0 || last["prompt_eval_count"] != 5.0 {
				t.Errorf("last line %v", last)
			}
			if ids, _ := last["context"].([]any); (len(ids) == 13) == (chat || c.name == "generate raw") {
				t.Errorf("context %v", last["context"])
			}
		})
	}
}

// TestContext: the tokens of one answer are the beginning of the next prompt.
func TestContext(t *testing.T) {
	server := serve(t, shelf(t), true)
	_, _, body := ask(t, server, "POST", "/api/generate", `{"model":"story","prompt":"Once upon a time","stream":false,"options":{"temperature":0,"num_predict":4}}`)
	ids, err := json.Marshal(object(t, body)["context"])
	if err != nil {
		t.Fatal(err)
	}
	code, _, body := ask(t, server, "POST", "/api/generate", `{"model":"story","prompt":" The end.","stream":false,"context":`+string(ids)+`,"options":{"temperature":0,"num_predict":4}}`)
	if n, _ := object(t, body)["prompt_eval_count"].(float64); code != http.StatusOK || n < 11 {
		t.Errorf("%d: %s", code, body)
	}
}

func TestLogprobs(t *testing.T) {
	server := serve(t, shelf(t), true)
	for _, stream := range []string{"true", "false"} {
		_, _, body := ask(t, server, "POST", "/api/generate", `{"model":"story","prompt":"Once upon a time","stream":`+stream+`,"logprobs":true,"top_logprobs":3,"options":{"temperature":0,"num_predict":8}}`)
		n := 0
		for _, line := range lines(t, body) {
			list, _ := line["logprobs"].([]any)
			for _, one := range list {
				p := one.(map[string]any)
				top := p["top_logprobs"].([]any)
				first := top[0].(map[string]any)
				if p["token"] == "" || p["logprob"].(float64) > 0 || len(top) != 3 || first["token"] != p["token"] || len(p["bytes"].([]any)) != len(p["token"].(string)) {
					t.Errorf("token %v", p)
				}
				n++
			}
		}
		if n != 8 {
			t.Errorf("stream %s: %d tokens with log probabilities, want 8: %s", stream, n, body)
		}
	}
}

// TestSuffix: the gap between two texts is filled where the vocabulary marks one.
func TestSuffix(t *testing.T) {
	server := serve(t, shelf(t), true)
	code, _, body := ask(t, server, "POST", "/api/generate", `{"model":"chat","prompt":"Once","suffix":" time","stream":false,"options":{"temperature":0,"num_predict":4}}`)
	if code != http.StatusOK || object(t, body)["eval_count"] != 4.0 {
		t.Errorf("%d: %s", code, body)
	}
	code, _, body = ask(t, server, "POST", "/api/generate", `{"model":"story","prompt":"Once","suffix":" time"}`)
	if code != http.StatusBadRequest || !strings.Contains(body, "insert") {
		t.Errorf("%d: %s", code, body)
	}
}

// TestLoadAndUnload: a request without text loads the model, and one with a
// keep_alive of 0 has it go.
func TestLoadAndUnload(t *testing.T) {
	s := shelf(t)
	server, other := serve(t, s, true), serve(t, s, false)
	for _, c := range []struct{ path, body, reason string }{
		{"/api/generate", `{"model":"story","keep_alive":"10m"}`, "load"},
		{"/api/generate", `{"model":"story","keep_alive":0}`, "unload"},
		{"/api/chat", `{"model":"story","messages":[],"keep_alive":-1}`, "load"},
		{"/api/chat", `{"model":"story","messages":[],"keep_alive":"0"}`, "unload"},
		{"/api/chat", `{"model":"story","keep_alive":0}`, "unload"},
	} {
		code, _, body := ask(t, server, "POST", c.path, c.body)
		all := lines(t, body)
		if last := all[len(all)-1]; code != http.StatusOK || last["done"] != true || last["done_reason"] != c.reason {
			t.Errorf("%s: %d %s", c.body, code, body)
		}
		_, _, body = ask(t, server, "GET", "/api/ps", "")
		if loaded := strings.Contains(body, "story"); c.reason == "load" && !loaded {
			t.Errorf("%s: not among the running: %s", c.body, body)
		}
		if c.reason == "load" {
			if code, _, body := ask(t, other, "POST", "/api/generate", `{"model":"story","keep_alive":0}`); code != http.StatusForbidden {
				t.Errorf("somebody else unloads: %d %s", code, body)
			}
		}
	}
	_, header, _ := ask(t, other, "POST", "/api/generate", `{"model":"story","keep_alive":"1h"}`)
	if !strings.Contains(header.Get("Warning"), "keep_alive") {
		t.Errorf("warning %q", header.Get("Warning"))
	}
}

// TestHardware: options that choose hardware change nothing but a header.
func TestHardware(t *testing.T) {
	server := serve(t, shelf(t), true)
	code, header, body := ask(t, server, "POST", "/api/generate", `{"model":"story","prompt":"Once upon a time","stream":false,"options":{"temperature":0,"num_predict":8,"num_gpu":99,"num_thread":4,"use_mmap":true,"num_batch":1,"unheard\r\nof":1,"other":null}}`)
	if code != http.StatusOK || text(false, object(t, body)) != begins {
		t.Errorf("%d: %s", code, body)
	}
	if got := header.Get("Warning"); got != `199 moed "ignored: num_batch, num_gpu, num_thread, use_mmap"` {
		t.Errorf("warning %q", got)
	}
}

// TestTooLong: what does not fit is refused, and says what would.
func TestTooLong(t *testing.T) {
	server := serve(t, shelf(t), true)
	long := strings.Repeat("a very long story ", 2000)
	for _, c := range []struct{ body, want string }{
		{`{"model":"story","prompt":"` + long + `"}`, "tokens"},
		{`{"model":"story","prompt":"` + long + `","truncate":true}`, "tokens"},
		{`{"model":"story","prompt":"Once upon a time","options":{"num_ctx":4}}`, "context of 4"},
		{`{"model":"story","prompt":"Once upon a time","options":{"num_ctx":1000000}}`, "there are"},
	} {
		code, _, body := ask(t, server, "POST", "/api/generate", c.body)
		if text, _ := object(t, body)["error"].(string); code != http.StatusBadRequest || !strings.Contains(text, c.want) || strings.Contains(text, "very long story") {
			t.Errorf("%.60s: %d %s", c.body, code, body)
		}
	}
}

// TestFormat: the answer is the JSON that was asked for.
func TestFormat(t *testing.T) {
	server := serve(t, shelf(t), true)
	const schema = `{"type":"object","properties":{"who":{"enum":["Lily"]}},"required":["who"]}`
	for _, c := range []struct{ path, body string }{
		{"/api/generate", `{"model":"story","prompt":"Once upon a time"`},
		{"/api/chat", `{"model":"chat","messages":[{"role":"user","content":"Once upon a time"}]`},
	} {
		_, _, body := ask(t, server, "POST", c.path, c.body+`,"stream":false,"format":`+schema+`,"options":{"temperature":0,"num_predict":60}}`)
		if got := text(c.path == "/api/chat", object(t, body)); object(t, got)["who"] != "Lily" {
			t.Errorf("%s: %s", c.path, body)
		}
		code, _, body := ask(t, server, "POST", c.path, c.body+`,"format":{"type":"nosuch"}}`)
		if code != http.StatusBadRequest {
			t.Errorf("%s with a schema that is none: %d %s", c.path, code, body)
		}
	}
}

// TestLeaving: a client that leaves ends its request, and the model is given back.
func TestLeaving(t *testing.T) {
	s := shelf(t)
	ctx, leave := context.WithCancel(t.Context())
	w := &leaver{httptest.NewRecorder(), leave}
	handler(s, true).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", "/api/generate", strings.NewReader(`{"model":"story","prompt":"Once upon a time"}`)))
	running := s.Running()
	if len(running) != 1 || running[0].InUse != 0 {
		t.Fatalf("running %+v", running)
	}
	if e := running[0].Engine.Stats(); e.Running != 0 {
		t.Errorf("%d requests go on", e.Running)
	}
}

// leaver is a client that leaves with the first thing it is to hear.
type leaver struct {
	*httptest.ResponseRecorder
	leave func()
}

func (l *leaver) Write([]byte) (int, error) {
	l.leave()
	return 0, net.ErrClosed
}
