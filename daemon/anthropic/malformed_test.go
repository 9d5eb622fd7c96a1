package anthropic_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const hello = `"model":"chat","messages":[{"role":"user","content":"x"}]`

// malformed are requests of which none may be served.
var malformed = [...]string{
	``,
	`{`,
	`null`,
	`[]`,
	`{"model":"chat"} 7`,
	`{}`,
	`{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}`,
	`{"model":"nosuch","max_tokens":1,"messages":[{"role":"user","content":"x"}]}`,
	`{"model":7,"max_tokens":1,"messages":[{"role":"user","content":"x"}]}`,
	`{"model":"chat","max_tokens":1}`,
	`{"model":"chat","max_tokens":1,"messages":[]}`,
	`{"model":"chat","max_tokens":1,"messages":"x"}`,
	`{"model":"chat","max_tokens":1,"messages":[7]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"content":"x"}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"robot","content":"x"}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":7}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":{}}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":[7]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":["x"]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":7}]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":[{"type":"document"}]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"x"}]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","content":"x"}]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"user","content":[{}]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b"}]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":"c"}]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"tool_use","name":"b","input":{}}]}]}`,
	`{"model":"chat","max_tokens":1,"messages":[{"role":"assistant","content":[{"type":"image"}]}]}`,
	`{` + hello + `}`,
	`{` + hello + `,"max_tokens":0}`,
	`{` + hello + `,"max_tokens":-1}`,
	`{` + hello + `,"max_tokens":1.5}`,
	`{` + hello + `,"max_tokens":1e12}`,
	`{` + hello + `,"max_tokens":"1"}`,
	`{` + hello + `,"max_tokens":1,"temperature":-0.1}`,
	`{` + hello + `,"max_tokens":1,"temperature":2.1}`,
	`{` + hello + `,"max_tokens":1,"temperature":1e999}`,
	`{` + hello + `,"max_tokens":1,"top_p":1.1}`,
	`{` + hello + `,"max_tokens":1,"top_p":-1}`,
	`{` + hello + `,"max_tokens":1,"top_k":-1}`,
	`{` + hello + `,"max_tokens":1,"top_k":1.5}`,
	`{` + hello + `,"max_tokens":1,"stop_sequences":"x"}`,
	`{` + hello + `,"max_tokens":1,"stop_sequences":[""]}`,
	`{` + hello + `,"max_tokens":1,"stop_sequences":[7]}`,
	`{` + hello + `,"max_tokens":1,"system":7}`,
	`{` + hello + `,"max_tokens":1,"system":[{"type":"image"}]}`,
	`{` + hello + `,"max_tokens":1,"tools":{}}`,
	`{` + hello + `,"max_tokens":1,"tools":[{"input_schema":{}}]}`,
	`{` + hello + `,"max_tokens":1,"tools":[{"name":"f"}]}`,
	`{` + hello + `,"max_tokens":1,"tools":[{"name":"f","input_schema":"x"}]}`,
	`{` + hello + `,"max_tokens":1,"tool_choice":{"type":"any"}}`,
	`{` + hello + `,"max_tokens":1,"tool_choice":{"type":"some"}}`,
	`{` + hello + `,"max_tokens":1,"tool_choice":"auto"}`,
	`{` + hello + `,"max_tokens":1,"tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"tool","name":"g"}}`,
	`{` + hello + `,"max_tokens":1,"tools":[{"type":"web_search_20250305","name":"w"}],"tool_choice":{"type":"tool","name":"w"}}`,
	`{` + hello + `,"max_tokens":4096,"thinking":{"type":"maybe"}}`,
	`{` + hello + `,"max_tokens":4096,"thinking":{"type":"enabled","budget_tokens":1}}`,
	`{` + hello + `,"max_tokens":1024,"thinking":{"type":"enabled","budget_tokens":1024}}`,
	`{` + hello + `,"max_tokens":4096,"thinking":true}`,
	`{` + hello + `,"max_tokens":1,"output_config":{"effort":"some"}}`,
	`{` + hello + `,"max_tokens":1,"output_config":{"format":{"type":"xml"}}}`,
	`{` + hello + `,"max_tokens":1,"mcp_servers":[{"url":"http://example.org"}]}`,
	`{` + hello + `,"max_tokens":1,"stream":"yes"}`,
	`{"model":"story","max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f","input_schema":{}}]}`,
}

func TestMalformed(t *testing.T) {
	server := serve(t, shelf(t), true)
	for _, body := range malformed {
		code, _, got := ask(t, server, "POST", "/v1/messages", body)
		m := object(t, got)
		problem, _ := m["error"].(map[string]any)
		if text, _ := problem["message"].(string); code < 400 || code > 499 || text == "" || m["type"] != "error" || m["request_id"] == "" {
			t.Errorf("%s: %d %s", body, code, got)
		}
	}
	if code, _, body := ask(t, server, "POST", "/v1/messages", `{`+hello+`,"max_tokens":1}`); code != http.StatusOK {
		t.Errorf("after all of them: %d %s", code, body)
	}
}

// FuzzBody: no body is a panic, or an error of ours.
func FuzzBody(f *testing.F) {
	for _, body := range malformed {
		f.Add(body)
	}
	f.Add(`{` + hello + `,"max_tokens":2,"stream":true,"system":"Be old","tools":[{"name":"f","input_schema":{}}],"tool_choice":{"type":"auto"},"thinking":{"type":"disabled"}}`)
	f.Add(`{"model":"chat","max_tokens":2,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","is_error":true}]}]}`)
	h := handler(shelf(f), true)
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/v1/messages", "/v1/messages/count_tokens"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
			if w.Code >= 500 {
				t.Errorf("%s %s: %d %s", path, body, w.Code, w.Body)
			}
		}
	})
}
