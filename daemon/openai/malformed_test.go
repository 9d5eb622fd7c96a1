package openai_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// malformed are bodies of which none may be served, by path.
var malformed = map[string][]string{
	"/v1/chat/completions": {
		``, `{`, `null`, `[]`, `"x"`, `{} {}`, `{}`, `{` + hello + `} 7`, "{\"model\":\"\xff\"}", `{` + strings.Repeat(`"a":[`, 70),
		`{"messages":[{"role":"user","content":"x"}],"messages":[]}`,
		`{"model":"nosuch","messages":[{"role":"user","content":"x"}]}`,
		`{"model":7,"messages":[{"role":"user","content":"x"}]}`,
		`{"model":"../../etc/passwd","messages":[{"role":"user","content":"x"}]}`,
		`{"messages":[]}`, `{"messages":null}`, `{"messages":"x"}`, `{"messages":[7]}`, `{"messages":[null]}`, `{"messages":[{}]}`,
		`{"messages":[{"content":"x"}]}`, `{"messages":[{"role":"robot","content":"x"}]}`, `{"messages":[{"role":"user"}]}`,
		`{"messages":[{"role":"user","content":7}]}`, `{"messages":[{"role":"user","content":{}}]}`, `{"messages":[{"role":"user","content":[7]}]}`,
		`{"messages":[{"role":"user","content":[{"type":"text"}]}]}`,
		`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}]}`,
		`{"messages":[{"role":"user","content":[{"type":"input_audio"}]}]}`,
		`{"messages":[{"role":"assistant","tool_calls":7}]}`, `{"messages":[{"role":"assistant","tool_calls":[{}]}]}`,
		`{` + hello + `,"max_tokens":0}`, `{` + hello + `,"max_tokens":-1}`, `{` + hello + `,"max_tokens":1.5}`, `{` + hello + `,"max_tokens":"8"}`, `{` + hello + `,"max_tokens":1e300}`,
		`{` + hello + `,"max_completion_tokens":0}`, `{` + hello + `,"n":2}`, `{` + hello + `,"n":0}`, `{` + hello + `,"best_of":3}`, `{` + hello + `,"n_discard":-5}`,
		`{"messages":[{"role":"user","content":"x"}],"temperature":-1}`, `{"messages":[{"role":"user","content":"x"}],"temperature":1e999}`,
		`{` + hello + `,"top_p":2}`, `{` + hello + `,"top_k":-1}`, `{` + hello + `,"min_p":7}`, `{` + hello + `,"repeat_penalty":0}`, `{` + hello + `,"presence_penalty":1e9}`,
		`{` + hello + `,"seed":1.5}`, `{` + hello + `,"seed":"x"}`, `{` + hello + `,"seed":99999999999999999999999}`,
		`{` + hello + `,"stop":7}`, `{` + hello + `,"stop":[7]}`, `{` + hello + `,"stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"]}`,
		`{` + hello + `,"logit_bias":[1]}`, `{` + hello + `,"logit_bias":{"x":1}}`, `{` + hello + `,"logit_bias":{"-1":1}}`, `{` + hello + `,"logit_bias":{"1":1e9}}`,
		`{` + hello + `,"top_logprobs":3}`, `{` + hello + `,"logprobs":true,"top_logprobs":21}`, `{` + hello + `,"logprobs":3}`,
		`{` + hello + `,"tools":{}}`, `{` + hello + `,"tools":[{}]}`, `{` + hello + `,"tools":[{"type":"function","function":{"name":""}}]}`, `{` + hello + `,"tools":[{"type":"function","function":{"name":"f","parameters":7}}]}`,
		`{` + hello + `,"tool_choice":"some"}`, `{` + hello + `,"tool_choice":{"type":"function"}}`, `{` + hello + `,"tool_choice":{"type":"function","function":{"name":"g"}}}`, `{` + hello + `,"tool_choice":"required"}`,
		`{` + hello + `,"response_format":{"type":"xml"}}`, `{` + hello + `,"response_format":{"type":"json_schema"}}`, `{` + hello + `,"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"nosuch"}}}}`,
		`{` + hello + `,"chat_template_kwargs":7}`, `{` + hello + `,"reasoning_effort":"some"}`, `{` + hello + `,"stream":"yes"}`, `{` + hello + `,"stream_options":7}`,
		`{` + hello + `,"functions":[{"name":"f"}]}`, `{` + hello + `,"function_call":"auto"}`, `{` + hello + `,"modalities":["text","audio"]}`,
	},
	"/v1/completions": {
		`{}`, `{"prompt":null}`, `{"prompt":7}`, `{"prompt":[]}`, `{"prompt":["a","b"]}`, `{"prompt":[null]}`, `{"prompt":[1,"a"]}`, `{"prompt":[-1]}`, `{"prompt":[1.5]}`, `{"prompt":[99999999999]}`,
		`{"prompt":[16000000]}`, `{"prompt":[[1],[2]]}`, `{"prompt":[[]]}`, `{"prompt":{"a":1}}`, `{"prompt":"x","logprobs":21}`, `{"prompt":"x","logprobs":1,"echo":true}`, `{"prompt":[1],"suffix":"x"}`, `{"prompt":"x","suffix":"y","echo":true}`,
	},
	"/v1/responses": {
		`{}`, `{"input":null}`, `{"input":7}`, `{"input":[]}`, `{"input":[7]}`, `{"input":[{}]}`, `{"input":[{"type":"item_reference","id":"x"}]}`, `{"input":[{"type":"message","content":"x"}]}`,
		`{"input":"x","previous_response_id":"resp_1"}`, `{"input":"x","conversation":"c"}`, `{"input":"x","background":true}`, `{"input":"x","truncation":"auto"}`, `{"input":"x","max_output_tokens":0}`,
		`{"input":"x","text":{"format":{"type":"xml"}}}`, `{"input":"x","text":7}`, `{"input":"x","top_logprobs":3}`, `{"input":"x","parallel_tool_calls":"yes"}`, `{"input":"x","reasoning":{"effort":"some"}}`, `{"input":[{"type":"function_call","call_id":"c"}]}`,
	},
	"/v1/chat/completions/input_tokens": {`{}`, `{"messages":[]}`},
	"/v1/responses/input_tokens":        {`{}`},
}

// TestParam: a problem names the field, as the route calls it.
func TestParam(t *testing.T) {
	server := serve(t, shelf(t), true)
	long := strings.Repeat("Once upon a time ", 2000)
	for _, c := range []struct{ path, body, param, code string }{
		{"/v1/chat/completions", `{"messages":[{"role":"robot","content":"x"}]}`, "messages", ""},
		{"/v1/chat/completions", `{"messages":[{"role":"user","content":"` + long + `"}]}`, "messages", "context_length_exceeded"},
		{"/v1/chat/completions", `{` + hello + `,"top_p":2}`, "top_p", ""},
		{"/v1/completions", `{"prompt":"` + long + `"}`, "prompt", "context_length_exceeded"},
		{"/v1/completions", `{"prompt":[16000000]}`, "prompt", ""},
		{"/v1/responses", `{"input":"` + long + `"}`, "input", "context_length_exceeded"},
		{"/v1/responses", `{"input":[{"role":"robot","content":"x"}]}`, "input", ""},
		{"/v1/responses", `{"input":"x","stream":true,"model":"none"}`, "model", "model_not_found"},
	} {
		_, _, got := ask(t, server, "POST", c.path, c.body)
		e := object(t, got)["error"].(map[string]any)
		if code, _ := e["code"].(string); e["param"] != c.param || code != c.code {
			t.Errorf("%s %.60s: %s, want %q and %q", c.path, c.body, got, c.param, c.code)
		}
	}
}

func TestMalformed(t *testing.T) {
	server := serve(t, shelf(t), true)
	for path, all := range malformed {
		for _, body := range all {
			code, _, got := ask(t, server, "POST", path, body)
			e, _ := object(t, got)["error"].(map[string]any)
			text, _ := e["message"].(string)
			kind, _ := e["type"].(string)
			_, param := e["param"]
			if code < 400 || code > 499 || text == "" || kind == "" || !param {
				t.Errorf("%s %.200s: %d %s", path, body, code, got)
			}
		}
	}
	if code, _, got := ask(t, server, "POST", "/v1/embeddings", `{"input":"x"}`); code != http.StatusNotImplemented || !strings.Contains(got, "embeddings") {
		t.Errorf("embeddings: %d %s", code, got)
	}
	if code, _, got := ask(t, server, "POST", "/v1/chat/completions", `{`+hello+`,"max_tokens":1}`); code != 200 {
		t.Errorf("after all of them: %d %s", code, got)
	}
}

// FuzzBody: no body is a panic, or an error of ours.
func FuzzBody(f *testing.F) {
	for _, all := range malformed {
		for _, body := range all {
			f.Add(body)
		}
	}
	f.Add(`{` + hello + weather + `,"max_tokens":2}`)
	f.Add(`{"input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"y"}],"max_output_tokens":2,"stream":true}`)
	h := handler(shelf(f), true)
	f.Fuzz(func(t *testing.T, body string) {
		for path := range malformed {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
			if w.Code >= 500 {
				t.Errorf("%s %s: %d %s", path, body, w.Code, w.Body)
			}
		}
	})
}
