package ollama_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// malformed are requests of which none may be served.
var malformed = [...]struct{ path, body string }{
	{"chat", ``},
	{"chat", `{`},
	{"chat", `[]`},
	{"chat", `"x"`},
	{"chat", `{"model":"story"} x`},
	{"chat", `{"model":7}`},
	{"chat", `{"model":"nosuch","messages":[{"role":"user","content":"x"}]}`},
	{"chat", `{"model":"../../etc/passwd","messages":[]}`},
	{"chat", `{"model":"story","messages":"x"}`},
	{"chat", `{"model":"story","messages":[7]}`},
	{"chat", `{"model":"story","messages":[{"content":"x"}]}`},
	{"chat", `{"model":"story","messages":[{"role":"robot","content":"x"}]}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x","images":["aGk="]}]}`},
	{"chat", `{"model":"chat","messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":{}}}]}]}`},
	{"chat", `{"model":"chat","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]}`},
	{"chat", `{"model":"chat","messages":[{"role":"user","content":"x"}],"tools":{}}`},
	{"chat", `{"model":"chat","messages":[{"role":"user","content":"x"}],"tools":[7]}`},
	{"chat", `{"model":"chat","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]}`},
	{"chat", `{"model":"chat","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":[]}}]}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}]}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"stream":"yes"}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"format":"xml"}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"format":["json"]}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"think":"very"}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"think":1}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"think":true}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"keep_alive":"soon"}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"keep_alive":{}}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"keep_alive":true}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"logprobs":1}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"top_logprobs":21}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"top_logprobs":-1}`},
	{"chat", `{"model":"story","messages":[{"role":"user","content":"x"}],"options":[]}`},
	{"generate", `{"model":"story","prompt":7}`},
	{"generate", `{"model":"story","prompt":"x","images":["aGk="]}`},
	{"generate", `{"model":"story","prompt":"x","raw":true,"system":"y"}`},
	{"generate", `{"model":"story","prompt":"x","raw":true,"context":[1]}`},
	{"generate", `{"model":"chat","prompt":"x","suffix":"y","system":"z"}`},
	{"generate", `{"model":"story","prompt":"x","template":"{{ .Prompt }}"}`},
	{"generate", `{"model":"story","prompt":"x","context":[-1]}`},
	{"generate", `{"model":"story","prompt":"x","context":[99999999]}`},
	{"generate", `{"model":"story","prompt":"x","context":[99999999999999999999]}`},
	{"generate", `{"model":"story","prompt":"x","context":"1"}`},
	{"generate", `{"model":"story","prompt":"x","options":{"temperature":-1}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"temperature":1e999}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"temperature":"hot"}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"top_p":1.5}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"top_k":-2}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"top_k":2.5}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"min_p":-0.1}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"repeat_penalty":-1}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"repeat_last_n":-2}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"num_predict":-3}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"num_predict":99999999999}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"num_ctx":0}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"num_ctx":-4096}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"num_ctx":1000000}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"seed":"x"}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"seed":1e30}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"stop":7}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"stop":[7]}}`},
	{"generate", `{"model":"story","prompt":"x","options":{"frequency_penalty":1e9}}`},
	{"show", `{}`},
	{"show", `{"model":"nosuch"}`},
	{"show", `{"model":7}`},
	{"pull", `{}`},
	{"pull", `{"model":7}`},
}

func TestMalformed(t *testing.T) {
	server := serve(t, shelf(t), true)
	for _, c := range malformed {
		code, _, body := ask(t, server, "POST", "/api/"+c.path, c.body)
		text, _ := object(t, body)["error"].(string)
		if code < 400 || code > 499 || text == "" {
			t.Errorf("%s %s: %d %s", c.path, c.body, code, body)
		}
	}
	if code, _, body := ask(t, server, "POST", "/api/generate", `{"model":"story","prompt":"Once","options":{"num_predict":1}}`); code != http.StatusOK {
		t.Errorf("after all of them: %d %s", code, body)
	}
}

// FuzzBody: no body is a panic, or an error of ours.
func FuzzBody(f *testing.F) {
	for _, c := range malformed {
		f.Add(c.path == "chat", c.body)
	}
	f.Add(true, `{"model":"chat","messages":[{"role":"user","content":"Once"}],"stream":false,"options":{"num_predict":2}}`)
	f.Add(false, `{"model":"chat","prompt":"Once","suffix":"time","think":false,"format":"","keep_alive":"1m","context":[],"options":{"num_predict":2,"num_ctx":64,"stop":"a"}}`)
	h := handler(shelf(f), true)
	f.Fuzz(func(t *testing.T, chat bool, body string) {
		path := "/api/generate"
		if chat {
			path = "/api/chat"
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
		if w.Code >= 500 {
			t.Errorf("%s %s: %d %s", path, body, w.Code, w.Body)
		}
	})
}
