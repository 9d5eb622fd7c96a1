package ollama

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"moed/daemon"
)

// sent is what a client gets of pieces and a result. They are made up: no model
// small enough for a test thinks or calls tools.
func sent(t *testing.T, stream bool, pieces []daemon.Piece, res daemon.Result) []string {
	t.Helper()
	w := httptest.NewRecorder()
	q := &question{model: "m", chat: true, stream: stream}
	s := newStream(t.Context(), w, q)
	defer s.stop()
	for _, p := range pieces {
		if err := s.piece(nil, p); err != nil {
			t.Fatal(err)
		}
	}
	s.finish(nil, q.last("m", &res, time.Now(), 0), &res)
	return strings.Split(strings.TrimSpace(w.Body.String()), "\n")
}

// TestThinkingAndCalls: thinking has its own field, and calls come whole, with
// objects as arguments.
func TestThinkingAndCalls(t *testing.T) {
	res := daemon.Result{Text: "Hi", Reasoning: "hm", Finish: daemon.FinishCalls,
		Calls: []daemon.Call{{ID: "a", Name: "one", Arguments: `{"x":1}`}, {ID: "b", Name: "two", Arguments: "[1]"}, {ID: "c", Name: "three"}}}
	pieces := []daemon.Piece{{Reasoning: "hm"}, {Text: "Hi"}, {Call: &daemon.CallPiece{ID: "a", Name: "one"}}, {Call: &daemon.CallPiece{Arguments: `{"x":1}`}}}
	const called = `"tool_calls":[{"id":"a","function":{"index":0,"name":"one","arguments":{"x":1}}},` +
		`{"id":"b","function":{"index":1,"name":"two","arguments":{"arguments":"[1]"}}},{"id":"c","function":{"index":2,"name":"three","arguments":{}}}]`
	got := sent(t, true, pieces, res)
	want := []string{`"message":{"role":"assistant","content":"","thinking":"hm"},"done":false`, `"message":{"role":"assistant","content":"Hi"},"done":false`,
		called + `},"done":false`, `"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"`}
	if len(got) != len(want) {
		t.Fatalf("%d lines: %v", len(got), got)
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("line %d is %s\nwant %s", i, got[i], want[i])
		}
	}
	got = sent(t, false, pieces, res)
	if len(got) != 1 || !strings.Contains(got[0], `"message":{"role":"assistant","content":"Hi","thinking":"hm",`+called+`},"done":true`) {
		t.Errorf("whole %v", got)
	}
}

// TestBreath: a long silence is broken by a line without text, but not after the
// end.
func TestBreath(t *testing.T) {
	w := httptest.NewRecorder()
	q := &question{model: "m", stream: true}
	s := newStream(t.Context(), w, q)
	defer s.stop()
	s.latest = time.Now().Add(-time.Hour)
	for range 2 {
		if err := s.breathe(); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Body.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"response":"","done":false`) {
		t.Errorf("sent %q", got)
	}
	s.fail(errors.New("the disk is gone"))
	s.latest = time.Now().Add(-time.Hour)
	if err := s.breathe(); err != nil {
		t.Fatal(err)
	}
	if got := w.Body.String(); !strings.HasSuffix(got, "\n"+`{"error":"the disk is gone"}`+"\n") {
		t.Errorf("sent %q", got)
	}
}

// TestMessages: what chat templates read.
func TestMessages(t *testing.T) {
	got, err := openMessages([]message{
		{Role: "developer", Content: "<b>"}, {Role: "USER", Content: "x"},
		{Role: "assistant", Content: "c", Thinking: "t", ToolCalls: []toolCall{{Function: toolFunction{Name: "f"}}, {ID: "own", Function: toolFunction{Name: "g", Arguments: []byte(`{"a":1}`)}}}},
		{Role: "tool", Content: "1", ToolName: "f"}, {Role: "tool", Content: "2", ToolName: "g"},
	})
	const want = `[{"role":"system","content":"<b>"},{"role":"user","content":"x"},` +
		`{"role":"assistant","content":"c","reasoning_content":"t","tool_calls":[{"id":"call_0","type":"function","function":{"name":"f","arguments":{}}},{"id":"own","type":"function","function":{"name":"g","arguments":{"a":1}}}]},` +
		`{"role":"tool","content":"1","name":"f","tool_call_id":"call_0"},{"role":"tool","content":"2","name":"g","tool_call_id":"own"}]`
	if err != nil || strings.TrimSpace(string(got)) != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

func TestKeepAlive(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`"5m"`: 5 * time.Minute, `"1.5h"`: 90 * time.Minute, `30`: 30 * time.Second, `0.5`: time.Second / 2, `"30"`: 30 * time.Second,
		`0`: 0, `"0"`: 0, `"0s"`: 0, `-1`: -1, `"-1"`: -1, `"-1m"`: -1, `1e300`: -1, `"1e300"`: -1,
	} {
		got, err := keepAlive([]byte(text))
		if err != nil || got == nil || *got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "null"} {
		if got, err := keepAlive([]byte(text)); got != nil || err != nil {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func TestRounded(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 5_300_000: "5.3M", 30_532_122_624: "30.5B", 235_000_000_000: "235B", 1_040_000_000_000: "1.0T"} {
		if got := rounded(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
