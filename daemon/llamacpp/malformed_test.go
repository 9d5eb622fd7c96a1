package llamacpp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// malformed are requests of which none may be served.
var malformed = [...]struct{ path, body string }{
	{"completion", ``},
	{"completion", `{`},
	{"completion", `null`},
	{"completion", `[]`},
	{"completion", `{"prompt":"x"} {}`},
	{"completion", `{}`},
	{"completion", `{"prompt":7}`},
	{"completion", `{"prompt":{}}`},
	{"completion", `{"prompt":null}`},
	{"completion", `{"prompt":[]}`},
	{"completion", `{"prompt":[null]}`},
	{"completion", `{"prompt":[[1,2]]}`},
	{"completion", `{"prompt":[1.5]}`},
	{"completion", `{"prompt":[-1]}`},
	{"completion", `{"prompt":[99999999]}`},
	{"completion", `{"prompt":[99999999999999999999]}`},
	{"completion", `{"prompt":"x","model":"nosuch"}`},
	{"completion", `{"prompt":"x","model":7}`},
	{"completion", `{"prompt":"x","n_predict":-3}`},
	{"completion", `{"prompt":"x","n_predict":1.5}`},
	{"completion", `{"prompt":"x","n_predict":1e12}`},
	{"completion", `{"prompt":"x","n_predict":"7"}`},
	{"completion", `{"prompt":"x","n_discard":-1}`},
	{"completion", `{"prompt":"x","n_discard":-2147483648}`},
	{"completion", `{"prompt":"x","n_keep":-2}`},
	{"completion", `{"prompt":"x","n_indent":-1}`},
	{"completion", `{"prompt":"x","id_slot":-2}`},
	{"completion", `{"prompt":"x","t_max_predict_ms":-2}`},
	{"completion", `{"prompt":"x","temperature":1e999}`},
	{"completion", `{"prompt":"x","temperature":"hot"}`},
	{"completion", `{"prompt":"x","top_k":-2}`},
	{"completion", `{"prompt":"x","top_p":1.1}`},
	{"completion", `{"prompt":"x","min_p":-0.1}`},
	{"completion", `{"prompt":"x","repeat_penalty":-1}`},
	{"completion", `{"prompt":"x","repeat_last_n":-2}`},
	{"completion", `{"prompt":"x","frequency_penalty":1e7}`},
	{"completion", `{"prompt":"x","seed":"x"}`},
	{"completion", `{"prompt":"x","seed":1.5}`},
	{"completion", `{"prompt":"x","stop":7}`},
	{"completion", `{"prompt":"x","stop":[7]}`},
	{"completion", `{"prompt":"x","n_probs":-1}`},
	{"completion", `{"prompt":"x","n_probs":101}`},
	{"completion", `{"prompt":"x","n":2}`},
	{"completion", `{"prompt":"x","logit_bias":[[1]]}`},
	{"completion", `{"prompt":"x","logit_bias":[["a",1]]}`},
	{"completion", `{"prompt":"x","logit_bias":{"a":1}}`},
	{"completion", `{"prompt":"x","logit_bias":[[99999999,1]]}`},
	{"completion", `{"prompt":"x","logit_bias":[[-1,1]]}`},
	{"completion", `{"prompt":"x","logit_bias":[[1,1e300]]}`},
	{"completion", `{"prompt":"x","logit_bias":7}`},
	{"completion", `{"prompt":"x","grammar":"root ::= \"a\""}`},
	{"completion", `{"prompt":"x","json_schema":"x"}`},
	{"completion", `{"prompt":"x","ignore_eos":true}`},
	{"completion", `{"prompt":"x","image_data":[{"data":"aGk="}]}`},
	{"completion", `{"prompt":"x","lora":[{"id":0,"scale":1}]}`},
	{"infill", `{"model":"chat","input_prefix":7}`},
	{"infill", `{"model":"chat","input_extra":{}}`},
	{"infill", `{"model":"nosuch","input_prefix":"x"}`},
	{"tokenize", `{}`},
	{"tokenize", `{"content":7}`},
	{"tokenize", `{"content":[-1]}`},
	{"tokenize", `{"content":["a",null]}`},
	{"tokenize", `{"content":"x","add_special":1}`},
	{"detokenize", `{"tokens":"x"}`},
	{"detokenize", `{"tokens":[-1]}`},
	{"detokenize", `{"tokens":[99999999]}`},
	{"detokenize", `{"tokens":[1.5]}`},
	{"apply-template", `{}`},
	{"apply-template", `{"messages":"x"}`},
	{"apply-template", `{"model":"chat","messages":[]}`},
	{"apply-template", `{"model":"chat","messages":[7]}`},
	{"apply-template", `{"model":"chat","messages":[{"role":"user","content":"x"}],"tools":{}}`},
	{"apply-template", `{"model":"chat","messages":[{"role":"user","content":"x"}],"chat_template_kwargs":{"messages":[]}}`},
	{"models/load", `{}`},
	{"models/load", `{"model":"nosuch"}`},
	{"models/unload", `{"model":7}`},
}

func TestMalformed(t *testing.T) {
	server := serve(t, shelf(t), true)
	for _, c := range malformed {
		code, _, body := ask(t, server, "POST", "/"+c.path, c.body)
		problem, _ := object(t, body)["error"].(map[string]any)
		if text, _ := problem["message"].(string); code < 400 || code > 499 || text == "" || problem["code"] != float64(code) {
			t.Errorf("%s %s: %d %s", c.path, c.body, code, body)
		}
	}
	if code, _, body := ask(t, server, "POST", "/completion", `{"prompt":"Once","n_predict":1}`); code != http.StatusOK {
		t.Errorf("after all of them: %d %s", code, body)
	}
}

// TestRefused: what moed does not do is refused in words.
func TestRefused(t *testing.T) {
	server := serve(t, shelf(t), true)
	for _, c := range []string{"POST /props", "POST /slots/0", "POST /embedding", "POST /rerank", "GET /lora-adapters", "POST /lora-adapters"} {
		method, path, _ := strings.Cut(c, " ")
		if code, _, body := ask(t, server, method, path, `{}`); code != http.StatusNotImplemented || object(t, body)["error"] == nil {
			t.Errorf("%s: %d %s", c, code, body)
		}
	}
}

// FuzzBody: no body is a panic, or an error of ours.
func FuzzBody(f *testing.F) {
	paths := []string{"completion", "infill", "tokenize", "detokenize", "apply-template"}
	for _, c := range malformed {
		for i, path := range paths {
			if path == c.path {
				f.Add(uint8(i), c.body)
			}
		}
	}
	f.Add(uint8(0), `{"prompt":["Once",1,2],"n_predict":2,"stream":true,"return_progress":true,"n_probs":1,"logit_bias":[[1,false]]}`)
	f.Add(uint8(1), `{"model":"chat","input_prefix":"a","input_suffix":"b","n_predict":2,"input_extra":[{"filename":"a","text":"b"}]}`)
	h := handler(shelf(f), true)
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		path := "/" + paths[int(which)%len(paths)]
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
		if w.Code >= 500 && w.Code != http.StatusNotImplemented {
			t.Errorf("%s %s: %d %s", path, body, w.Code, w.Body)
		}
	})
}
