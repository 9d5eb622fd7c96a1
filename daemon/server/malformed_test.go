package server

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// target is what takes a body, with one that is right and, by field, values
// that are not.
type target struct {
	method, path, body string
	wrong              map[string][]string
}

// options of sampling that OpenAI's dialect and llama-server's share, and what
// is wrong for them.
func wrongSampling(more map[string][]string) map[string][]string {
	wrong := map[string][]string{
		"temperature":       {`"hot"`, `-1`, `[]`, `1e999`},
		"top_p":             {`"x"`, `-0.5`, `{}`},
		"stop":              {`5`, `{}`, `[5]`},
		"seed":              {`"x"`, `{}`},
		"frequency_penalty": {`"x"`, `[1]`},
		"presence_penalty":  {`"x"`},
		"stream":            {`"yes"`, `5`},
		"max_tokens":        {`"x"`, `1e30`, `[]`, `-7`},
		"model":             {`5`, `[]`, `"../../../etc/passwd"`, `"no-such-model"`, `"..\\..\\secret"`, `"a/../../b"`, `"/etc/shadow"`},
	}
	for field, values := range more {
		wrong[field] = values
	}
	return wrong
}

func targets() []target {
	messages := []string{`5`, `"x"`, `{}`, `[]`, `[5]`, `["x"]`, `[{"role":5,"content":"x"}]`, `[{"role":"user","content":5}]`, `[{"role":"user","content":[{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}]}]`}
	ollamaOptions := []string{`5`, `"x"`, `{"temperature":"hot"}`, `{"num_predict":"x"}`, `{"num_predict":1e30}`, `{"seed":"x"}`, `{"stop":5}`, `{"num_ctx":-1}`, `{"top_k":"x"}`}
	names := []string{`5`, `"../../etc/passwd"`, `"no-such-model"`, `"..\\x"`}
	return []target{
		{"POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"Once"}],"max_tokens":1}`, wrongSampling(map[string][]string{
			"messages":        messages,
			"tools":           {`5`, `{}`, `[5]`},
			"tool_choice":     {`5`, `"f"`, `{"type":"function","function":{"name":"f"}}`},
			"n":               {`2`, `"x"`},
			"top_logprobs":    {`-1`, `1000`, `"x"`},
			"logprobs":        {`"x"`},
			"logit_bias":      {`5`, `{"x":1}`, `{"1":"x"}`},
			"response_format": {`5`, `{"type":"nonsense"}`, `{"type":"json_schema"}`, `{"type":"json_schema","json_schema":{"name":"a","schema":5}}`},
			"stream_options":  {`5`, `"x"`},
		})},
		{"POST", "/v1/completions", `{"prompt":"Once","max_tokens":1}`, wrongSampling(map[string][]string{
			"prompt":   {`5`, `{}`, `[-1]`, `[999999999]`, `[1e30]`, `[1.5]`, `[{}]`, `[]`},
			"logprobs": {`-1`, `"x"`, `1000`},
			"n":        {`3`},
			"suffix":   {`5`},
		})},
		{"POST", "/v1/responses", `{"input":"Once","max_output_tokens":1}`, map[string][]string{
			"input":                {`5`, `{}`, `[5]`},
			"model":                names,
			"previous_response_id": {`"resp_1"`},
			"temperature":          {`"hot"`, `-1`},
			"max_output_tokens":    {`"x"`, `1e30`},
			"stream":               {`"yes"`},
		}},
		{"POST", "/v1/embeddings", `{"input":"x","model":"stories-moe-5m"}`, nil},
		{"POST", "/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":"Once"}]}`, map[string][]string{
			"messages":    {`5`, `[]`, `[5]`, `[{"role":"user","content":5}]`},
			"model":       names,
			"max_tokens":  {`"x"`, `0`, `-1`, `1e30`},
			"temperature": {`"hot"`, `-1`},
			"stream":      {`"yes"`},
		}},
		{"POST", "/v1/messages/count_tokens", `{"messages":[{"role":"user","content":"Once"}]}`, map[string][]string{"messages": {`5`, `[5]`}, "model": names}},
		{"POST", "/api/chat", `{"messages":[{"role":"user","content":"Once"}],"options":{"num_predict":1}}`, map[string][]string{
			"messages": {`5`, `"x"`, `[5]`, `[{"role":"user","content":5}]`}, "model": names, "options": ollamaOptions,
			"stream": {`"yes"`}, "format": {`5`, `"nonsense"`}, "keep_alive": {`{}`, `"soon"`}, "tools": {`5`, `[5]`},
		}},
		{"POST", "/api/generate", `{"prompt":"Once","options":{"num_predict":1}}`, map[string][]string{
			"prompt": {`5`, `{}`}, "model": names, "options": ollamaOptions, "images": {`["aGk="]`}, "raw": {`"x"`}, "suffix": {`5`}, "format": {`5`},
			"keep_alive": {`[]`, `"forever and ever"`},
		}},
		{"POST", "/api/show", `{"model":"stories-moe-5m"}`, map[string][]string{"model": names}},
		{"POST", "/tokenize", `{"content":"x"}`, map[string][]string{"content": {`5`, `{}`}, "add_special": {`"x"`}}},
		{"POST", "/detokenize", `{"tokens":[1]}`, map[string][]string{"tokens": {`"x"`, `[1.5]`, `["x"]`, `[1e30]`}}},
		{"POST", "/apply-template", `{"messages":[{"role":"user","content":"x"}]}`, map[string][]string{"messages": {`5`, `[5]`}}},
		{"POST", "/infill", `{"input_prefix":"a","input_suffix":"b","n_predict":1}`, map[string][]string{"input_prefix": {`5`}, "input_suffix": {`5`}, "n_predict": {`"x"`}}},
		{"POST", "/completion", `{"prompt":"Once","n_predict":1}`, map[string][]string{"prompt": {`{}`, `[-1]`}, "n_predict": {`"x"`}, "temperature": {`"x"`}}},
		{"POST", "/moed/v1/load", `{"model":"stories-moe-5m"}`, map[string][]string{"model": names, "keep_alive": {`{}`, `"soon"`, `1e300`}, "stream": {`5`}}},
		{"POST", "/moed/v1/unload", `{"model":"stories-moe-5m"}`, map[string][]string{"model": append(names, `""`)}},
		{"POST", "/moed/v1/cancel", `{"id":"x"}`, map[string][]string{"id": {`5`, `""`, `"no such"`, `"../x"`}}},
		{"PUT", "/moed/v1/budget", `{"memory":"1G"}`, map[string][]string{"memory": {`5`, `"lots"`, `"-1G"`, `"900%"`, `"9999999999999999999G"`}}},
	}
}

// malformed is requests that are each to get a 4xx, or a 501 where they ask for
// what moed does not do at all.
func malformed(t *testing.T) []malformedRequest {
	t.Helper()
	var all []malformedRequest
	add := func(method, path, body string, headers ...string) {
		all = append(all, malformedRequest{method, path, body, headers})
	}
	deep := strings.Repeat(`[`, 100_000)
	for _, g := range targets() {
		for _, body := range []string{"", "null", "5", `"x"`, "[]", "{", g.body[:len(g.body)/2], g.body[:len(g.body)-1], g.body + "x", g.body + g.body,
			`{"x":` + deep + strings.Repeat(`]`, 100_000) + `}`, `{"x":` + deep, "\x00", "\xff\xfe{}", "\x1f\x8b\x08\x00"} {
			add(g.method, g.path, body)
		}
		if g.path != "/moed/v1/budget" {
			add("GET", g.path, "")
		}
		add("DELETE", g.path, "")
		add(g.method, g.path+"/..%2f..%2fx", g.body)
		for field, values := range g.wrong {
			for _, value := range values {
				add(g.method, g.path, with(t, g.body, field, value))
			}
		}
	}
	for _, path := range []string{"/api/create", "/api/push", "/api/pull", "/api/copy", "/api/blobs/sha256:..%2f..%2fetc%2fpasswd", "/api/blobs/sha256:" + strings.Repeat("0", 64),
		"/slots/0?action=save", "/slots/-1?action=restore", "/props", "/lora-adapters", "/models/load", "/v1/fine_tuning/jobs", "/v1/files", "/api/event_logging/batch"} {
		add("POST", path, `{"model":"x","name":"x","filename":"../../x","n_discard":-1}`)
	}
	add("DELETE", "/api/delete", `{"model":"../../x"}`)
	add("GET", "/v1/models/no-such-model", "")
	add("GET", "/v1/models/%00", "")
	add("GET", "/moed/v1/experts?model=..%2f..%2fx", "")
	add("GET", "/ui/../../etc/passwd", "")
	add("BREW", "/v1/models", "")
	return all
}

type malformedRequest struct {
	method, path, body string
	headers            []string
}

// with is body with that value, as it is, for a field.
func with(t *testing.T, body, field, value string) string {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatal(err)
	}
	delete(all, field)
	parts := []string{fmt.Sprintf("%q:%s", field, value)} // which need not be JSON
	for name, v := range all {
		parts = append(parts, fmt.Sprintf("%q:%s", name, v))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// TestMalformed: whatever comes is refused with a reason, and the daemon serves
// on.
func TestMalformed(t *testing.T) {
	r := newRig(t, nil)
	all := malformed(t)
	if len(all) < 200 {
		t.Fatalf("%d requests, want 200 at least", len(all))
	}
	for i, q := range all {
		got := r.ask(t, Unix, q.method, q.path, q.body, append(q.headers, "Content-Type: application/json")...)
		body := q.body
		if len(body) > 150 {
			body = body[:150] + "…"
		}
		if (got.status < 400 || got.status > 499) && got.status != http.StatusNotImplemented {
			t.Errorf("%s %s %q: %d %.300s", q.method, q.path, body, got.status, got.body)
			continue
		}
		if !strings.Contains(got.body, `"error":`) {
			t.Errorf("%s %s %q: %d %.300s has no error in it", q.method, q.path, body, got.status, got.body)
		}
		if i%50 == 0 {
			r.mustServe(t)
		}
	}
	r.mustServe(t)
	if strings.Contains(r.log.String(), "panicked") {
		t.Error("a handler panicked")
	}
}

// mustServe fails the test unless a good request is answered.
func (r *rig) mustServe(t *testing.T) {
	t.Helper()
	got := r.ask(t, Unix, "POST", "/api/generate", `{"model":"stories-moe-5m","prompt":"Once","stream":false,"options":{"num_predict":2}}`)
	if got.status != 200 || !strings.Contains(got.body, `"done":true`) {
		t.Fatalf("a good request gets %d %s", got.status, got.body)
	}
}

// TestMalformedConnections: what is no HTTP.
func TestMalformedConnections(t *testing.T) {
	r := newRig(t, nil)
	for name, text := range map[string]string{
		"noise":            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
		"no version":       "GET /\r\n\r\n",
		"two lengths":      "POST /api/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"negative length":  "POST /api/chat HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
		"huge length":      "POST /api/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 2147483649\r\n\r\n",
		"bad chunk":        "POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
		"length and chunk": "POST /api/chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"no host":          "GET /api/version HTTP/1.1\r\n\r\n",
		"header injection": "GET /api/version HTTP/1.1\r\nHost: a\r\nX: a\r\n b\x00\r\n\r\n",
		"absolute":         "GET http://evil.example/api/nothing HTTP/1.1\r\nHost: a\r\n\r\n",
		"star":             "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("unix", r.socket)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprint(c, text)
			b := make([]byte, 64)
			n, _ := c.Read(b)
			if line := string(b[:n]); !strings.HasPrefix(line, "HTTP/1.1 4") && !strings.HasPrefix(line, "HTTP/1.1 501") && !strings.HasPrefix(line, "HTTP/1.0 4") {
				t.Errorf("%q, want a 4xx", line)
			}
		})
	}
	r.mustServe(t)
}
