package anthropic

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"moed/daemon"
)

// TestBlocks: thinking, text and calls become blocks, each closed before the next
// begins. The pieces are made up: no model small enough for a test calls tools.
func TestBlocks(t *testing.T) {
	w := httptest.NewRecorder()
	s := newExchange(w).newStream(t.Context(), true, "m")
	for _, p := range []daemon.Piece{
		{Reasoning: "hm"}, {Reasoning: "m"}, {Text: "Hi"},
		{Call: &daemon.CallPiece{Index: 0, ID: "a", Name: "one"}}, {Call: &daemon.CallPiece{Index: 0, Arguments: `{"x":`}}, {Call: &daemon.CallPiece{Index: 0, Arguments: `1}`}},
		{Call: &daemon.CallPiece{Index: 1, ID: "b", Name: "two", Arguments: "{}"}},
	} {
		if err := s.piece(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.finish(&daemon.Result{Finish: daemon.FinishCalls}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(w.Body.String(), "\n") {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || strings.Contains(data, "message_start") {
			continue
		}
		got = append(got, data)
	}
	want := []string{
		`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"moed"}}`,
		`{"type":"content_block_stop","index":0}`,
		`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hi"}}`,
		`{"type":"content_block_stop","index":1}`,
		`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"a","name":"one","input":{}}}`,
		`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}`,
		`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"x\":"}}`,
		`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}`,
		`{"type":"content_block_stop","index":2}`,
		`{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"b","name":"two","input":{}}}`,
		`{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{}"}}`,
		`{"type":"content_block_stop","index":3}`,
		`{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}`,
		`{"type":"message_stop"}`,
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("event %d\n got %v\nwant %v", i, got[min(i, len(got)):], want[min(i, len(want)):])
		}
	}
}

func TestWhole(t *testing.T) {
	res := &daemon.Result{Reasoning: "hm", Text: "Hi", Calls: []daemon.Call{{ID: "a", Name: "one", Arguments: "[1]"}, {ID: "b", Name: "two"}}, Finish: daemon.FinishCalls}
	m := newExchange(httptest.NewRecorder()).whole("m", res)
	if len(m.Content) != 4 || *m.StopReason != "tool_use" {
		t.Fatalf("message %+v", m)
	}
	if got := string(m.Content[2].(toolBlock).Input); got != `{"arguments":"[1]"}` {
		t.Errorf("what is no object is passed on as %s", got)
	}
	if got := string(m.Content[3].(toolBlock).Input); got != "{}" {
		t.Errorf("nothing is passed on as %s", got)
	}
	stopped := &daemon.Result{Text: "Hi", Finish: daemon.FinishStop, StopString: "END"}
	if m := newExchange(httptest.NewRecorder()).whole("m", stopped); *m.StopReason != "stop_sequence" || *m.StopSequence != "END" {
		t.Errorf("message %+v", m)
	}
}

// TestFailMidStream: once the stream has begun an error is its last event.
func TestFailMidStream(t *testing.T) {
	w := httptest.NewRecorder()
	s := newExchange(w).newStream(t.Context(), true, "m")
	if err := s.piece(daemon.Piece{Text: "Hi"}); err != nil {
		t.Fatal(err)
	}
	s.fail(errors.New("the disk is gone"))
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, "event: error\n") || !strings.Contains(body, `"type":"api_error","message":"the disk is gone"`) || !strings.Contains(body, `"request_id":"req_`) {
		t.Errorf("%d: %s", w.Code, body)
	}
}
