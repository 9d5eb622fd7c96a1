package openai_test

import (
	"strings"
	"testing"
)

// TestRespond: a response without and with a stream; its events come in the order
// that clients put together, numbered one after the other.
func TestRespond(t *testing.T) {
	server := serve(t, shelf(t), false)
	for _, input := range []string{
		`"Once upon a time"`,
		`[{"role":"user","content":"Once upon a time"}]`,
		`[{"type":"message","role":"user","content":[{"type":"input_text","text":"Once upon a time"}]}]`,
		`[{"type":"reasoning","summary":[]},{"type":"message","role":"user","content":"Once upon a time"}]`,
	} {
		body := `{"model":"chat","temperature":0,"max_output_tokens":8,"input":` + input
		code, _, text := ask(t, server, "POST", "/v1/responses", body+"}")
		if code != 200 {
			t.Fatalf("%s: %d %s", input, code, text)
		}
		r := object(t, text)
		check(t, r)

		_, _, text = ask(t, server, "POST", "/v1/responses", body+`,"stream":true}`)
		var order []string
		said := ""
		for i, e := range events(t, text, false) {
			if e.name != e.data["type"] || e.data["sequence_number"] != float64(i) {
				t.Errorf("event %d is %s: %v", i, e.name, e.data)
			}
			if n := len(order); n == 0 || order[n-1] != e.name {
				order = append(order, e.name)
			}
			switch e.name {
			case "response.output_text.delta":
				said += e.data["delta"].(string)
			case "response.output_text.done":
				if e.data["text"] != begins {
					t.Errorf("done with %v", e.data["text"])
				}
			case "response.incomplete":
				check(t, e.data["response"].(map[string]any))
			}
		}
		const want = "response.created response.in_progress response.output_item.added response.content_part.added " +
			"response.output_text.delta response.output_text.done response.content_part.done response.output_item.done response.incomplete"
		if got := strings.Join(order, " "); got != want || said != begins {
			t.Errorf("%q in events %s", said, got)
		}
	}
}

// check compares a response with what it has to be.
func check(t *testing.T, r map[string]any) {
	t.Helper()
	items, _ := r["output"].([]any)
	if len(items) != 1 {
		t.Fatalf("%v", r)
	}
	it := items[0].(map[string]any)
	part := it["content"].([]any)[0].(map[string]any)
	use := r["usage"].(map[string]any)
	if r["object"] != "response" || r["status"] != "incomplete" || r["incomplete_details"].(map[string]any)["reason"] != "max_output_tokens" ||
		it["type"] != "message" || it["role"] != "assistant" || part["type"] != "output_text" || part["text"] != begins ||
		use["input_tokens"] != 5.0 || use["output_tokens"] != 8.0 || use["total_tokens"] != 13.0 || r["store"] != false {
		t.Errorf("%v", r)
	}
}

// TestEcho: a response says how it was asked for.
func TestEcho(t *testing.T) {
	server := serve(t, shelf(t), false)
	_, _, text := ask(t, server, "POST", "/v1/responses", `{"model":"chat","max_output_tokens":40,"input":"x","metadata":{"a":"b"},"parallel_tool_calls":false,"reasoning":{"effort":"low"},"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"boolean"}}}}`)
	r := object(t, text)
	format := r["text"].(map[string]any)["format"].(map[string]any)
	if format["name"] != "n" || r["metadata"].(map[string]any)["a"] != "b" || r["parallel_tool_calls"] != false || r["reasoning"].(map[string]any)["effort"] != "low" {
		t.Errorf("%s", text)
	}
}

func TestRespondCalls(t *testing.T) {
	server := serve(t, shelf(t), false)
	const body = `{"model":"chat","temperature":0,"max_output_tokens":200,"input":"Once upon a time","tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"enum":["Bern","Rome"]}},"required":["city"],"additionalProperties":false},"strict":true}],"tool_choice":{"type":"function","name":"weather"}`
	_, _, text := ask(t, server, "POST", "/v1/responses", body+"}")
	r := object(t, text)
	it := r["output"].([]any)[0].(map[string]any)
	city := object(t, it["arguments"].(string))["city"]
	if it["type"] != "function_call" || it["name"] != "weather" || it["call_id"] == "" || city != "Bern" && city != "Rome" || r["status"] != "completed" {
		t.Errorf("%s", text)
	}
	_, _, text = ask(t, server, "POST", "/v1/responses", body+`,"stream":true}`)
	joined, last := "", event{}
	for _, e := range events(t, text, false) {
		if e.name == "response.function_call_arguments.delta" {
			joined += e.data["delta"].(string)
		}
		last = e
	}
	if joined != it["arguments"] || last.name != "response.completed" {
		t.Errorf("the stream calls with %q and ends with %s", joined, last.name)
	}
	code, _, text := ask(t, server, "POST", "/v1/responses", `{"model":"chat","max_output_tokens":4,"instructions":"Be old","input":[{"role":"user","content":"x"},{"type":"function_call","call_id":"c1","name":"weather","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"sun"}]}`)
	if code != 200 {
		t.Errorf("%d: %s", code, text)
	}
}
