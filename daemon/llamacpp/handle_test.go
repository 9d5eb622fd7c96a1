package llamacpp_test

import (
	"net/http"
	"strings"
	"testing"
)

const begins = ", there was a little girl named Lily"

func TestHealth(t *testing.T) {
	server := serve(t, shelf(t), false)
	for _, path := range []string{"/health", "/v1/health"} {
		if code, _, body := ask(t, server, "GET", path, ""); code != http.StatusOK || object(t, body)["status"] != "ok" {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

// TestProps: what a client needs to know is there before the model is loaded, and
// nothing is loaded for it.
func TestProps(t *testing.T) {
	s := shelf(t)
	server := serve(t, s, false)
	props := func(query string) map[string]any {
		code, _, body := ask(t, server, "GET", "/props"+query, "")
		if code != http.StatusOK {
			t.Fatalf("%d: %s", code, body)
		}
		return object(t, body)
	}
	p := props("?model=chat")
	room := p["default_generation_settings"].(map[string]any)["n_ctx"].(float64)
	if p["chat_template"] != chatTemplate || p["model_path"] != "chat.gguf" || p["is_sleeping"] != true || p["total_slots"] != 8.0 || room <= 0 {
		t.Errorf("props %v", p)
	}
	if caps := p["chat_template_caps"].(map[string]any); caps["supports_tools"] != true {
		t.Errorf("capabilities %v", caps)
	}
	if p := props(""); p["model_alias"] != "story" || p["chat_template"] != "" {
		t.Errorf("props %v", p)
	}
	if len(s.Running()) != 0 {
		t.Error("the model was loaded")
	}
	ask(t, server, "POST", "/tokenize", `{"model":"chat","content":"x"}`)
	p = props("?model=chat")
	if p["is_sleeping"] != false || p["default_generation_settings"].(map[string]any)["n_ctx"] != room {
		t.Errorf("loaded: %v", p)
	}
	if code, _, body := ask(t, server, "GET", "/props?model=nosuch", ""); code != http.StatusNotFound {
		t.Errorf("%d: %s", code, body)
	}
}

func TestSlots(t *testing.T) {
	server := serve(t, shelf(t), false)
	ask(t, server, "POST", "/completion", `{"prompt":"The secret is","n_predict":4}`)
	code, _, body := ask(t, server, "GET", "/slots", "")
	if code != http.StatusOK || strings.Count(body, `"is_processing":false`) != 8 || strings.Contains(body, "secret") {
		t.Errorf("%d: %s", code, body)
	}
	if code, _, _ := ask(t, server, "GET", "/slots?fail_on_no_slot=1", ""); code != http.StatusOK {
		t.Errorf("status %d with all slots free", code)
	}
}

// TestTokens: text becomes tokens and text again.
func TestTokens(t *testing.T) {
	server := serve(t, shelf(t), false)
	const text = "Once upon a time, \u00e9\u4e16 there was"
	code, _, body := ask(t, server, "POST", "/tokenize", `{"content":"`+text+`"}`)
	list := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(body), `{"tokens":`), "}")
	if code != http.StatusOK || len(object(t, body)["tokens"].([]any)) < 5 {
		t.Fatalf("%d: %s", code, body)
	}
	if _, _, body := ask(t, server, "POST", "/detokenize", `{"tokens":`+list+`}`); strings.TrimPrefix(object(t, body)["content"].(string), " ") != text {
		t.Errorf("back as %s", body)
	}
	_, _, special := ask(t, server, "POST", "/tokenize", `{"content":"`+text+`","add_special":true}`)
	if special == body {
		t.Error("add_special adds nothing")
	}
	_, _, mixed := ask(t, server, "POST", "/tokenize", `{"content":[9,10,"Once",11]}`)
	if ids := object(t, mixed)["tokens"].([]any); len(ids) < 4 || ids[0] != 9.0 || ids[1] != 10.0 || ids[len(ids)-1] != 11.0 {
		t.Errorf("mixed %s", mixed)
	}
	_, _, body = ask(t, server, "POST", "/tokenize", `{"content":"a\u4e16","with_pieces":true}`)
	var whole []byte
	for _, p := range object(t, body)["tokens"].([]any) {
		switch piece := p.(map[string]any)["piece"].(type) {
		case string:
			whole = append(whole, piece...)
		case []any:
			for _, b := range piece {
				whole = append(whole, byte(b.(float64)))
			}
		}
	}
	if strings.TrimPrefix(string(whole), " ") != "a\u4e16" {
		t.Errorf("pieces make %q: %s", whole, body)
	}
}

func TestApplyTemplate(t *testing.T) {
	server := serve(t, shelf(t), false)
	code, _, body := ask(t, server, "POST", "/apply-template", `{"model":"chat","messages":[{"role":"system","content":"Be <b>old"},{"role":"user","content":"hello"}]}`)
	if prompt, _ := object(t, body)["prompt"].(string); code != http.StatusOK || !strings.HasSuffix(prompt, "Be <b>old hello") {
		t.Errorf("%d: %s", code, body)
	}
}

// TestModels: only admins load and unload.
func TestModels(t *testing.T) {
	s := shelf(t)
	server, other := serve(t, s, true), serve(t, s, false)
	states := func() map[string]string {
		_, _, body := ask(t, other, "GET", "/models", "")
		out := map[string]string{}
		for _, m := range object(t, body)["data"].([]any) {
			m := m.(map[string]any)
			out[m["id"].(string)] = m["status"].(map[string]any)["value"].(string)
		}
		return out
	}
	for _, verb := range []string{"load", "unload"} {
		if code, _, body := ask(t, other, "POST", "/models/"+verb, `{"model":"story"}`); code != http.StatusForbidden {
			t.Errorf("%s: %d %s", verb, code, body)
		}
	}
	if got := states(); got["story"] != "unloaded" || got["chat"] != "unloaded" {
		t.Errorf("states %v", got)
	}
	if code, _, body := ask(t, server, "POST", "/models/load", `{"model":"story"}`); code != http.StatusOK || object(t, body)["success"] != true {
		t.Errorf("%d: %s", code, body)
	}
	if got := states(); got["story"] != "loaded" {
		t.Errorf("states %v", got)
	}
	if code, _, body := ask(t, server, "POST", "/models/unload", `{"model":"story"}`); code != http.StatusOK {
		t.Errorf("%d: %s", code, body)
	}
	if code, _, body := ask(t, server, "POST", "/models/unload", `{"model":"chat"}`); code != http.StatusBadRequest {
		t.Errorf("what is not loaded: %d %s", code, body)
	}
}
