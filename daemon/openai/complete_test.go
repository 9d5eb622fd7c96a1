package openai_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"moed/daemon"
)

// TestComplete: a text goes on, from words or from tokens.
func TestComplete(t *testing.T) {
	s := shelf(t)
	server := serve(t, s, false)
	loan, err := s.Acquire(t.Context(), "story", daemon.LoanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ids := loan.Engine.Tokenize("Once upon a time", daemon.TokenizeOptions{AddSpecial: true})
	loan.Release()
	tokens, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ prompt, more, want string }{
		{`"Once upon a time"`, ``, begins},
		{`["Once upon a time"]`, ``, begins},
		{string(tokens), ``, begins},
		{`[` + string(tokens) + `]`, ``, begins},
		{`"Once upon a time"`, `,"echo":true`, "Once upon a time" + begins},
	} {
		body := fmt.Sprintf(`{"model":"story","temperature":0,"max_tokens":8,"prompt":%s%s`, c.prompt, c.more)
		code, _, text := ask(t, server, "POST", "/v1/completions", body+"}")
		if code != 200 {
			t.Fatalf("%s: %d %s", c.prompt, code, text)
		}
		m := object(t, text)
		if got := first(t, m); got["text"] != c.want || got["finish_reason"] != "length" || m["object"] != "text_completion" || m["usage"].(map[string]any)["completion_tokens"] != 8.0 {
			t.Errorf("%s: %s", body, text)
		}
		_, _, text = ask(t, server, "POST", "/v1/completions", body+`,"stream":true}`)
		said := ""
		for _, e := range events(t, text, true) {
			said += first(t, e.data)["text"].(string)
		}
		if said != c.want {
			t.Errorf("%s: the stream says %q", body, said)
		}
	}
}

func TestCompletionLogProbs(t *testing.T) {
	server := serve(t, shelf(t), false)
	_, _, text := ask(t, server, "POST", "/v1/completions", `{"model":"story","temperature":0,"max_tokens":4,"prompt":"Once upon a time","logprobs":2}`)
	p := first(t, object(t, text))["logprobs"].(map[string]any)
	said := ""
	for i, x := range p["tokens"].([]any) {
		if at := p["text_offset"].([]any)[i].(float64); int(at) != len(said) {
			t.Errorf("token %d begins at %v, want %d", i, at, len(said))
		}
		said += x.(string)
	}
	if !strings.HasPrefix(begins, said) || len(p["token_logprobs"].([]any)) != 4 || len(p["top_logprobs"].([]any)) != 4 {
		t.Errorf("%v", p)
	}
}

// TestInfill: what is before and after, where the model has tokens for that, and a
// clear text where it has none.
func TestInfill(t *testing.T) {
	server := serve(t, shelf(t), false)
	code, _, text := ask(t, server, "POST", "/v1/completions", `{"model":"chat","max_tokens":4,"prompt":"Once","suffix":"end"}`)
	if code != 200 {
		t.Errorf("%d: %s", code, text)
	}
	code, _, text = ask(t, server, "POST", "/v1/completions", `{"model":"story","max_tokens":4,"prompt":"Once","suffix":"end"}`)
	if code != 400 || !strings.Contains(text, "suffix") {
		t.Errorf("%d: %s", code, text)
	}
}

func TestModels(t *testing.T) {
	server := serve(t, shelf(t), false)
	code, _, text := ask(t, server, "GET", "/v1/models", "")
	m := object(t, text)
	names := ""
	for _, x := range m["data"].([]any) {
		one := x.(map[string]any)
		if one["object"] != "model" || one["owned_by"] != "moed" || one["created"].(float64) < 0 {
			t.Errorf("model %v", one)
		}
		names += one["id"].(string) + " "
	}
	if code != 200 || m["object"] != "list" || !strings.Contains(names, "chat ") || !strings.Contains(names, "story ") {
		t.Errorf("%d: %s", code, text)
	}
	if code, _, text := ask(t, server, "GET", "/v1/models/chat", ""); code != 200 || object(t, text)["id"] != "chat" {
		t.Errorf("%d: %s", code, text)
	}
	code, _, text = ask(t, server, "GET", "/v1/models/none", "")
	if e := object(t, text)["error"].(map[string]any); code != 404 || e["code"] != "model_not_found" || e["param"] != "model" {
		t.Errorf("%d: %s", code, text)
	}
}

func TestCount(t *testing.T) {
	server := serve(t, shelf(t), false)
	for path, body := range map[string]string{
		"/v1/chat/completions/input_tokens": `{` + hello + `}`,
		"/v1/responses/input_tokens":        `{"model":"chat","input":"Once upon a time"}`,
	} {
		if code, _, text := ask(t, server, "POST", path, body); code != 200 || object(t, text)["input_tokens"] != 5.0 {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
}
