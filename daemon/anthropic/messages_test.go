package anthropic_test

import (
	"net/http"
	"strings"
	"testing"
)

const begins = ", there was a little girl named Lily"

func TestMessage(t *testing.T) {
	server := serve(t, shelf(t), false)
	for _, c := range []struct{ name, body string }{
		{"string", `{"model":"chat","max_tokens":8,"temperature":0,"messages":[{"role":"user","content":"Once upon a time"}]}`},
		{"blocks", `{"model":"chat","max_tokens":8,"temperature":0,"top_k":1,"messages":[{"role":"user","content":[{"type":"text","text":"Once upon a time","cache_control":{"type":"ephemeral"}}]}],"metadata":{"user_id":"x"},"tools":[],"stream":false}`},
		{"system", `{"model":"chat","max_tokens":8,"temperature":0,"system":[{"type":"text","text":"Once upon"}],"messages":[{"role":"user","content":"a time"}]}`},
		{"plain model", `{"model":"story","max_tokens":8,"temperature":0,"messages":[{"role":"user","content":"Once upon a time"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, header, body := ask(t, server, "POST", "/v1/messages", c.body)
			if code != http.StatusOK {
				t.Fatalf("%d: %s", code, body)
			}
			m := object(t, body)
			blocks := m["content"].([]any)
			use := m["usage"].(map[string]any)
			if len(blocks) != 1 || blocks[0].(map[string]any)["type"] != "text" || blocks[0].(map[string]any)["text"] != begins {
				t.Errorf("content %v", blocks)
			}
			if m["type"] != "message" || m["role"] != "assistant" || m["stop_reason"] != "max_tokens" || m["stop_sequence"] != nil ||
				use["output_tokens"] != 8.0 || use["input_tokens"].(float64)+use["cache_read_input_tokens"].(float64) != 5 {
				t.Errorf("message %v", m)
			}
			if id, _ := m["id"].(string); !strings.HasPrefix(id, "msg_") || !strings.HasPrefix(header.Get("Request-Id"), "req_") {
				t.Errorf("id %v, request %q", m["id"], header.Get("Request-Id"))
			}
		})
	}
}

// TestStream: the events come in the order that clients put together.
func TestStream(t *testing.T) {
	server := serve(t, shelf(t), false)
	code, header, body := ask(t, server, "POST", "/v1/messages", `{"model":"chat","stream":true,"max_tokens":8,"temperature":0,"messages":[{"role":"user","content":"Once upon a time"}]}`)
	if code != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%d %s: %s", code, header.Get("Content-Type"), body)
	}
	var order []string
	text := ""
	for _, e := range events(t, body) {
		if e.name != e.data["type"] {
			t.Errorf("event %s has type %v", e.name, e.data["type"])
		}
		if n := len(order); e.name != "ping" && (n == 0 || order[n-1] != e.name) {
			order = append(order, e.name)
		}
		switch e.name {
		case "message_start":
			m := e.data["message"].(map[string]any)
			if use := m["usage"].(map[string]any); use["input_tokens"].(float64)+use["cache_read_input_tokens"].(float64) != 5 || len(m["content"].([]any)) != 0 {
				t.Errorf("begins with %v", m)
			}
		case "content_block_delta":
			text += e.data["delta"].(map[string]any)["text"].(string)
		case "message_delta":
			if e.data["delta"].(map[string]any)["stop_reason"] != "max_tokens" || e.data["usage"].(map[string]any)["output_tokens"] != 8.0 {
				t.Errorf("ends with %v", e.data)
			}
		}
	}
	const want = "message_start content_block_start content_block_delta content_block_stop message_delta message_stop"
	if got := strings.Join(order, " "); got != want || text != begins {
		t.Errorf("text %q, events %s", text, got)
	}
}

func TestCount(t *testing.T) {
	server := serve(t, shelf(t), false)
	code, _, body := ask(t, server, "POST", "/v1/messages/count_tokens", `{"model":"chat","messages":[{"role":"user","content":"Once upon a time"}]}`)
	if code != http.StatusOK || object(t, body)["input_tokens"] != 5.0 {
		t.Errorf("%d: %s", code, body)
	}
}

// TestConversation: calls of tools and their results reach the chat template.
func TestConversation(t *testing.T) {
	server := serve(t, shelf(t), false)
	count := func(messages string) float64 {
		code, _, body := ask(t, server, "POST", "/v1/messages/count_tokens", `{"model":"chat","tools":[{"name":"weather","input_schema":{"type":"object"}},{"type":"web_search_20250305","name":"web_search"}],"messages":[`+messages+`]}`)
		if code != http.StatusOK {
			t.Fatalf("%d: %s", code, body)
		}
		return object(t, body)["input_tokens"].(float64)
	}
	const asked = `{"role":"user","content":"a tree"}`
	const called = `,{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"x"},{"type":"tool_use","id":"t1","name":"weather","input":{"where":"here"}}]}`
	const answered = `,{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"it was a sunny day"}]},{"type":"text","text":"and then"}]}`
	one, two, three := count(asked), count(asked+called), count(asked+called+answered)
	if !(one < two && two < three) {
		t.Errorf("%v, %v and %v tokens", one, two, three)
	}
}

func TestNoEvents(t *testing.T) {
	server := serve(t, shelf(t), false)
	if code, _, body := ask(t, server, "POST", "/api/event_logging/batch", `{"events":[]}`); code != http.StatusNotFound || object(t, body)["type"] != "error" {
		t.Errorf("%d: %s", code, body)
	}
}

func TestTooLong(t *testing.T) {
	server := serve(t, shelf(t), false)
	for _, stream := range []string{"true", "false"} {
		code, _, body := ask(t, server, "POST", "/v1/messages", `{"model":"chat","max_tokens":8,"stream":`+stream+`,"messages":[{"role":"user","content":"`+strings.Repeat("a long story ", 2000)+`"}]}`)
		problem, _ := object(t, body)["error"].(map[string]any)
		if text, _ := problem["message"].(string); code != http.StatusBadRequest || problem["type"] != "invalid_request_error" || !strings.HasPrefix(text, "prompt is too long: ") {
			t.Errorf("%d: %s", code, body)
		}
	}
}

// TestToolUse: a model that has to call a tool does, with the arguments that the
// schema allows.
func TestToolUse(t *testing.T) {
	server := serve(t, shelf(t), false)
	const body = `"model":"chat","max_tokens":100,"temperature":0,"messages":[{"role":"user","content":"Once upon a time"}],` +
		`"tools":[{"name":"weather","description":"Tells it.","input_schema":{"type":"object","properties":{"where":{"enum":["here"]}},"required":["where"]}}],"tool_choice":{"type":"tool","name":"weather"}}`
	code, _, whole := ask(t, server, "POST", "/v1/messages", `{`+body)
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, whole)
	}
	m := object(t, whole)
	blocks := m["content"].([]any)
	use, _ := blocks[len(blocks)-1].(map[string]any)
	input, _ := use["input"].(map[string]any)
	if m["stop_reason"] != "tool_use" || use["type"] != "tool_use" || use["name"] != "weather" || use["id"] == "" || input["where"] != "here" {
		t.Errorf("message %s", whole)
	}
	_, _, streamed := ask(t, server, "POST", "/v1/messages", `{"stream":true,`+body)
	arguments, reason := "", ""
	for _, e := range events(t, streamed) {
		switch d, _ := e.data["delta"].(map[string]any); e.name {
		case "content_block_delta":
			part, _ := d["partial_json"].(string)
			arguments += part
		case "message_delta":
			reason, _ = d["stop_reason"].(string)
		}
	}
	if object(t, arguments)["where"] != "here" || reason != "tool_use" {
		t.Errorf("streamed %s", streamed)
	}
}

// TestStopSequence: the one that ended the answer is named.
func TestStopSequence(t *testing.T) {
	server := serve(t, shelf(t), false)
	_, _, body := ask(t, server, "POST", "/v1/messages", `{"model":"chat","max_tokens":20,"temperature":0,"stop_sequences":["never","little"],"messages":[{"role":"user","content":"Once upon a time"}]}`)
	if m := object(t, body); m["stop_reason"] != "stop_sequence" || m["stop_sequence"] != "little" {
		t.Errorf("message %s", body)
	}
}
