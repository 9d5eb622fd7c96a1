package api

import (
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestEventsReader(t *testing.T) {
	text := ": loading 4%\n\ndata: {\"a\":1}\n\nevent: status\ndata: one\ndata: two\r\nid: 7\n\n:\n\ndata:\n\ndata: [DONE]\n\ndata: cut off"
	want := []event{
		{comment: "loading 4%"},
		{data: []byte(`{"a":1}`)},
		{name: "status", data: []byte("one\ntwo")},
		{},
		{data: []byte{}},
		{data: []byte("[DONE]")},
	}
	r := newEvents(strings.NewReader(text))
	for i, w := range want {
		got, err := r.next()
		if err != nil || !reflect.DeepEqual(got, w) {
			t.Fatalf("event %d: %+v, %v; want %+v", i, got, err, w)
		}
	}
	if got, err := r.next(); err != io.EOF {
		t.Errorf("%+v, %v; want the end: what is cut off is no event", got, err)
	}
}

func TestEventsTooLong(t *testing.T) {
	r := newEvents(io.MultiReader(strings.NewReader("data: "), strings.NewReader(strings.Repeat("x", maxEvent+1))))
	if _, err := r.next(); err == nil || err == io.EOF {
		t.Errorf("%v, want an error", err)
	}
}

// FuzzAnswer: whatever a daemon sends, the client ends with a result or an
// error.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"id":"x","choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}`)
	f.Add(`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]}}]}`)
	f.Add(`{"choices":[{"delta":{"tool_calls":[{"index":9}]}}]}`)
	f.Add(`{"choices":[{"text":"a","logprobs":{"tokens":["a"],"token_logprobs":[null],"top_logprobs":[{"a":-1}]}}]}`)
	f.Add(`{"error":{"message":"m","code":503}}`)
	f.Add(`{"prompt_progress":{"total":1},"usage":{}}`)
	f.Fuzz(func(t *testing.T, text string) {
		said := ""
		a := &answer{f: func(p ChatPiece) error { said += p.Text; return nil }}
		for e := newEvents(strings.NewReader("data: " + text + "\n\n")); ; {
			got, err := e.next()
			if err != nil {
				break
			}
			if err := a.take(got.data); err != nil {
				break
			}
		}
		if d := a.result(); d.Text != said {
			t.Errorf("the result has %q, the pieces %q", d.Text, said)
		}
	})
}
