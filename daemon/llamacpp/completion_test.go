package llamacpp_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestCompletion: streamed or not, from text or from tokens, it is the same.
func TestCompletion(t *testing.T) {
	server := serve(t, shelf(t), false)
	_, _, tokens := ask(t, server, "POST", "/tokenize", `{"content":"Once upon a time","add_special":true}`)
	ids := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(tokens), `{"tokens":`), "}")
	for _, prompt := range []string{`"Once upon a time"`, ids} {
		for _, stream := range []bool{true, false} {
			code, header, body := ask(t, server, "POST", "/completion", fmt.Sprintf(`{"prompt":%s,"stream":%v,"temperature":0,"n_predict":8,"cache_prompt":true,"return_tokens":true,"samplers":["top_k"],"id_slot":-1}`, prompt, stream))
			if code != http.StatusOK {
				t.Fatalf("%d: %s", code, body)
			}
			var all []event
			if stream {
				if got := header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
					t.Errorf("content type %q", got)
				}
				all = events(t, body)
			} else {
				all = []event{{data: object(t, body)}}
			}
			text := ""
			for i, e := range all {
				text += e.data["content"].(string)
				if e.data["stop"] != (i == len(all)-1) {
					t.Errorf("event %d of %d: %v", i, len(all), e.data)
				}
			}
			last := all[len(all)-1].data
			timings, _ := last["timings"].(map[string]any)
			if text != begins || last["stop_type"] != "limit" || last["tokens_predicted"] != 8.0 || last["tokens_evaluated"] != 5.0 || last["model"] != "story" ||
				len(last["tokens"].([]any)) != 8 || last["truncated"] != false || timings["predicted_n"] != 8.0 || timings["predicted_ms"].(float64) <= 0 {
				t.Errorf("text %q, last %v", text, last)
			}
		}
	}
}

// TestStopTypes: why an answer ended is told.
func TestStopTypes(t *testing.T) {
	server := serve(t, shelf(t), false)
	for _, c := range []struct{ more, kind, word string }{
		{`"n_predict":3`, "limit", ""},
		{`"stop":["little"]`, "word", "little"},
		{`"stop":" girl"`, "word", " girl"},
		{`"n_predict":0`, "limit", ""},
	} {
		_, _, body := ask(t, server, "POST", "/completion", `{"prompt":"Once upon a time","temperature":0,`+c.more+`}`)
		if got := object(t, body); got["stop_type"] != c.kind || got["stopping_word"] != c.word || c.word != "" && strings.Contains(got["content"].(string), c.word) {
			t.Errorf("%s: %s", c.more, body)
		}
		if got := object(t, body); strings.Contains(c.more, ":0") && (got["content"] != "" || got["tokens_predicted"] != 0.0) {
			t.Errorf("%s: %s", c.more, body)
		}
	}
}

func TestProgressAndProbabilities(t *testing.T) {
	server := serve(t, shelf(t), false)
	_, _, body := ask(t, server, "POST", "/completion", `{"prompt":"Once upon a time there was a big old tree","temperature":0,"stream":true,"n_predict":4,"n_probs":2,"return_progress":true}`)
	progress, probs := 0, 0
	for _, e := range events(t, body) {
		if p, ok := e.data["prompt_progress"].(map[string]any); ok {
			progress++
			if p["processed"].(float64) > p["total"].(float64) || p["total"].(float64) < 9 {
				t.Errorf("progress %v", p)
			}
		}
		list, _ := e.data["completion_probabilities"].([]any)
		for _, one := range list {
			if p := one.(map[string]any); len(p["top_logprobs"].([]any)) != 2 || p["logprob"].(float64) > 0 || p["token"] == "" {
				t.Errorf("probability %v", p)
			}
			probs++
		}
	}
	if progress == 0 || probs != 4 {
		t.Errorf("%d events of progress, %d tokens with probabilities, want 4: %s", progress, probs, body)
	}
}

// TestInfill: the prefix of the gap and what is before it are read, and a model
// that has no tokens for a gap says so.
func TestInfill(t *testing.T) {
	server := serve(t, shelf(t), false)
	evaluated := func(body string) float64 {
		code, _, got := ask(t, server, "POST", "/infill", body)
		if code != http.StatusOK {
			t.Fatalf("%s: %d %s", body, code, got)
		}
		return object(t, got)["tokens_evaluated"].(float64)
	}
	short := evaluated(`{"model":"chat","input_prefix":"Once","input_suffix":" time","n_predict":4}`)
	long := evaluated(`{"model":"chat","input_prefix":"Once","input_suffix":" time","prompt":" upon","input_extra":[{"filename":"a.txt","text":"a tree"}],"n_predict":4}`)
	if short < 5 || long < short+4 {
		t.Errorf("%v and %v tokens read", short, long)
	}
	if code, _, body := ask(t, server, "POST", "/infill", `{"model":"story","input_prefix":"a","input_suffix":"b"}`); code != http.StatusNotImplemented {
		t.Errorf("%d: %s", code, body)
	}
}

func TestTooLong(t *testing.T) {
	server := serve(t, shelf(t), false)
	code, _, body := ask(t, server, "POST", "/completion", `{"prompt":"`+strings.Repeat("a long story ", 2000)+`"}`)
	problem, _ := object(t, body)["error"].(map[string]any)
	if code != http.StatusBadRequest || problem["type"] != "exceed_context_size_error" || problem["n_prompt_tokens"].(float64) <= problem["n_ctx"].(float64) {
		t.Errorf("%d: %s", code, body)
	}
}
