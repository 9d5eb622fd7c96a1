package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"moed/cli/logbook"
	"moed/daemon"
)

// caller is a model that calls tools: no model that is small does so when it is
// told to. It keeps what it was asked.
type caller struct {
	calls [][]daemon.Call // of each answer
	asked []daemon.Request
}

func (*caller) Name() string            { return "caller" }
func (*caller) HasTemplate() bool       { return true }
func (*caller) Notes() []string         { return nil }
func (*caller) LoadTime() time.Duration { return 0 }
func (*caller) Close() error            { return nil }

func (m *caller) Generate(_ context.Context, r *daemon.Request, emit func(daemon.Piece) error) (daemon.Result, error) {
	var calls []daemon.Call
	if n := len(m.asked); n < len(m.calls) {
		calls = m.calls[n]
	}
	m.asked = append(m.asked, *r)
	return daemon.Result{Text: "so", Calls: calls, Finish: daemon.FinishStop, IDs: []int32{1}}, emit(daemon.Piece{Text: "so"})
}

func toolTalk(t *testing.T, m *caller, scripts map[string]string) (_ *talk, out, said *bytes.Buffer) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("tools are shell scripts here")
	}
	dir := t.TempDir()
	t.Setenv("MOED_USER_PATH", dir)
	if err := os.Mkdir(filepath.Join(dir, toolsDir), 0o700); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, script := range scripts {
		mode := os.FileMode(0o700)
		if filepath.Ext(name) == ".json" {
			mode = 0o600
		} else {
			names = append(names, name)
		}
		if err := os.WriteFile(filepath.Join(dir, toolsDir, name), []byte(script), mode); err != nil {
			t.Fatal(err)
		}
	}
	tools, err := findTools(names)
	if err != nil {
		t.Fatal(err)
	}
	out, said = &bytes.Buffer{}, &bytes.Buffer{}
	u := newUI(Streams{Out: out, Err: said})
	a := &ask{tools: tools, limit: 3, conversation: logbook.Conversation{ID: logbook.NewID()}, logs: logs{path: filepath.Join(dir, "logs.db"), on: true}}
	return &talk{ask: a, e: m, u: u}, out, said
}

// TestTools: what a tool prints goes back to the model, and into the history.
func TestTools(t *testing.T) {
	m := &caller{calls: [][]daemon.Call{{{ID: "c1", Name: "add", Arguments: `{"a":1}`}, {ID: "c2", Name: "fail", Arguments: "{}"}, {ID: "c3", Name: "none", Arguments: "{}"}}}}
	talk, out, said := toolTalk(t, m, map[string]string{
		"add":      "#!/bin/sh\necho \"got $(cat)\"\n",
		"add.json": `{"description": "adds", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}`,
		"fail":     "#!/bin/sh\necho broken >&2\nexit 3\n",
	})
	talk.show.calls = true
	if err := talk.say(t.Context(), "please"); err != nil {
		t.Fatal(err)
	}
	if out.String() != "soso\n" {
		t.Errorf("printed %q", out)
	}
	if !strings.Contains(said.String(), `moed: tool add {"a":1}`) {
		t.Errorf("said %q", said)
	}
	var tools []struct{ Function tool }
	if err := json.Unmarshal(m.asked[0].Tools, &tools); err != nil || len(tools) != 2 {
		t.Fatalf("tools %s, %v", m.asked[0].Tools, err)
	}
	want := `[{"role":"user","content":"please"},` +
		`{"role":"assistant","content":"so","tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":1}"}},{"id":"c2","type":"function","function":{"name":"fail","arguments":"{}"}},{"id":"c3","type":"function","function":{"name":"none","arguments":"{}"}}]},` +
		`{"role":"tool","content":"got {\"a\":1}\n","name":"add","tool_call_id":"c1"},` +
		`{"role":"tool","content":"error: exit status 3: broken","name":"fail","tool_call_id":"c2"},` +
		`{"role":"tool","content":"error: there is no tool of that name","name":"none","tool_call_id":"c3"}]`
	if got := string(m.asked[1].Messages); got != want {
		t.Errorf("messages\n%s\nwant\n%s", got, want)
	}
	book, err := logbook.Open(t.Context(), talk.logs.path)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	kept, err := book.List(t.Context(), logbook.Query{})
	if err != nil || len(kept) != 2 || len(kept[0].Calls) != 3 || len(kept[1].Results) != 3 {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

// TestToolsNeedApproval: without a terminal nobody can be asked, and nothing is
// called.
func TestToolsNeedApproval(t *testing.T) {
	if tty, err := terminal(nil); err == nil {
		tty.(*os.File).Close()
		t.Skip("there is a terminal to ask at")
	}
	m := &caller{calls: [][]daemon.Call{{{ID: "c1", Name: "touch", Arguments: "{}"}}}}
	mark := filepath.Join(t.TempDir(), "called")
	talk, _, _ := toolTalk(t, m, map[string]string{"touch": "#!/bin/sh\ntouch " + mark + "\n"})
	talk.approve = true
	if err := talk.say(t.Context(), "please"); err == nil || !strings.Contains(err.Error(), "no terminal to ask you at") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the tool was called")
	}
}

// TestToolsEnd: a model that calls on and on is stopped.
func TestToolsEnd(t *testing.T) {
	call := []daemon.Call{{ID: "c", Name: "ok", Arguments: "{}"}}
	m := &caller{calls: [][]daemon.Call{call, call, call, call, call}}
	talk, _, _ := toolTalk(t, m, map[string]string{"ok": "#!/bin/sh\n"})
	if err := talk.say(t.Context(), "please"); err == nil || err.Error() != "the model called tools 3 times in a row" {
		t.Errorf("got %v", err)
	}
	if len(m.asked) != 3 {
		t.Errorf("asked %d times, want 3", len(m.asked))
	}
}

func TestToolNames(t *testing.T) {
	t.Setenv("MOED_USER_PATH", t.TempDir())
	for _, name := range []string{"nope", "../x", "", "/bin/sh"} {
		if found, err := findTools([]string{name}); err == nil {
			t.Errorf("%q: found %v", name, found)
		}
	}
}

func TestExtract(t *testing.T) {
	tests := map[string]struct{ text, first, last string }{
		"none":            {"a\nb", "a\nb", "a\nb"},
		"one":             {"see:\n```go\nx := 1\n```\ndone", "x := 1", "x := 1"},
		"two":             {"```\na\n```\n~~~\nb\n\nc\n~~~", "a", "b\n\nc"},
		"a fence in one":  {"````\n```\na\n```\n````\n", "```\na\n```", "```\na\n```"},
		"no end":          {"x\n```py\na\nb", "a\nb", "a\nb"},
		"in line":         {"use ```a``` here", "use ```a``` here", "use ```a``` here"},
		"carriage return": {"```\r\na\r\n```\r\n", "a\r", "a\r"},
		"empty":           {"```\n```", "", ""},
	}
	for name, test := range tests {
		if first, last := extract(test.text, false), extract(test.text, true); first != test.first || last != test.last {
			t.Errorf("%s: got %q and %q, want %q and %q", name, first, last, test.first, test.last)
		}
	}
}

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "12h": 12 * time.Hour, "2w": 336 * time.Hour, "1y": 8760 * time.Hour, "0d": 0} {
		if got, err := parseAge(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "30", "-1d", "1.5d", "99999999y", "30 d", "30m"} {
		if got, err := parseAge(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestMatching(t *testing.T) {
	names := []string{"qwen3-30b-a3b-instruct", "qwen3-30b", "Olmoe", "qwen3-235b"}
	tests := map[string]string{"qwen3": "qwen3-30b", "QWEN 30b": "qwen3-30b", "a3b": "qwen3-30b-a3b-instruct", "olmoe": "Olmoe", "olmoe 30b": ""}
	for terms, want := range tests {
		if got, _ := matching(names, strings.Fields(terms)); got != want {
			t.Errorf("%s: got %q, want %q", terms, got, want)
		}
	}
}
