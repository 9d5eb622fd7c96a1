package logbook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func openNew(t *testing.T) *Book {
	t.Helper()
	b, err := Open(t.Context(), filepath.Join(t.TempDir(), "d", "odd name %41?#.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// sample is a response with all there is.
func sample(conversation, prompt string) Response {
	return Response{ID: NewID(), Model: "m", Prompt: prompt, System: "sys", Options: json.RawMessage(`{"top_k":1}`), Text: "answer to " + prompt,
		Details: json.RawMessage(`{"finish_reason":"stop"}`), Reasoning: "hm", Conversation: Conversation{conversation, prompt, "m"},
		Duration: 1500 * time.Millisecond, Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Input: 3, Output: 4,
		TokenDetails: json.RawMessage(`{"cached_tokens":1}`), Schema: json.RawMessage(`{"type":"object"}`),
		Fragments: []Fragment{NewFragment("shared", "a.txt"), NewFragment("other", "")}, SystemFragments: []Fragment{NewFragment("shared", "")},
		Resolved: "/m.gguf", Calls: []ToolCall{{"clock", "{}", "c1"}}, Results: []ToolResult{{"clock", "noon", "c0"}}}
}

func TestAddAndList(t *testing.T) {
	b := openNew(t)
	first, second := sample("c", "first"), sample("c", "second")
	if err := b.Add(t.Context(), first, second); err != nil {
		t.Fatal(err)
	}
	second.Conversation.Name = "first" // a conversation keeps its name
	second.SystemFragments[0].Source = "a.txt"
	first.SystemFragments[0].Source = "a.txt"
	got, err := b.List(t.Context(), Query{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Response{first, second}, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if err := b.Add(t.Context(), sample("d", "third"), first); err == nil {
		t.Error("the same response went in twice")
	}
	if s, err := b.Status(t.Context()); err != nil || s.Responses != 2 || s.Conversations != 1 {
		t.Errorf("got %+v, %v, want nothing of what failed", s, err)
	}
}

func TestQuery(t *testing.T) {
	b := openNew(t)
	var ids []string
	for i, prompt := range []string{"red apple", "green apple", "C++ code", "blue sky", "apple apple"} {
		r := sample(fmt.Sprint("c", i%2), prompt)
		r.Text = "so"
		if i == 3 {
			r.Model, r.Fragments, r.Schema = "other", []Fragment{NewFragment("third", "")}, nil
		}
		ids = append(ids, r.ID)
		if err := b.Add(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		q    Query
		want string
	}{
		"all":               {Query{}, "0 1 2 3 4"},
		"last":              {Query{Last: 2}, "3 4"},
		"model":             {Query{Model: "other"}, "3"},
		"conversation":      {Query{Conversation: "c1"}, "1 3"},
		"best last":         {Query{Search: "apple", Last: 1}, "4"},
		"latest":            {Query{Search: "apple", Latest: true}, "0 1 4"},
		"operators":         {Query{Search: "red OR blue", Latest: true}, "0 3"},
		"beginnings":        {Query{Search: "gre*"}, "1"},
		"no such language":  {Query{Search: `C++`}, "2"},
		"a quotation mark":  {Query{Search: `"sky`}, "3"},
		"an answer's words": {Query{Search: "so", Latest: true, Last: 2}, "3 4"},
		"not there":         {Query{Search: "pear"}, ""},
		"after":             {Query{AfterID: ids[2]}, "3 4"},
		"from":              {Query{FromID: ids[2]}, "2 3 4"},
		"fragment":          {Query{Fragments: []string{NewFragment("third", "").Hash}}, "3"},
		"two fragments":     {Query{Fragments: []string{NewFragment("third", "").Hash, NewFragment("other", "").Hash}}, ""},
		"schema":            {Query{Schema: SchemaID(json.RawMessage(`{ "type": "object" }`)), Last: 1}, "4"},
		"together":          {Query{Search: "apple", Conversation: "c1"}, "1"},
	}
	for name, test := range tests {
		list, err := b.List(t.Context(), test.q)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, r := range list {
			for i, id := range ids {
				if id == r.ID {
					got = append(got, fmt.Sprint(i))
				}
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %v, want %s", name, got, test.want)
		}
	}
	if c, err := b.Latest(t.Context()); err != nil || c.ID != "c0" || c.Name != "red apple" {
		t.Errorf("latest conversation %+v, %v", c, err)
	}
	if _, err := b.Conversation(t.Context(), "nope"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestFragments(t *testing.T) {
	b := openNew(t)
	f := NewFragment("text of it", "a.txt")
	if err := b.SetAlias(t.Context(), "it", f); err != nil {
		t.Fatal(err)
	}
	if err := b.SetAlias(t.Context(), "other", NewFragment("others", "")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"it", f.Hash, f.Hash[:8]} {
		if got, err := b.Fragment(t.Context(), key); err != nil || got.Content != "text of it" || got.Aliases[0] != "it" {
			t.Errorf("%s: got %+v, %v", key, got, err)
		}
	}
	for _, key := range []string{"nope", f.Hash[:3], f.Hash + "0", "%%%%%%%", ""} {
		if got, err := b.Fragment(t.Context(), key); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: got %+v, %v, want ErrNotFound", key, got, err)
		}
	}
	for text, want := range map[string]int{"": 2, "TEXT": 1, "a.txt": 1, "other": 1, "nope": 0} {
		if list, err := b.Fragments(t.Context(), text); err != nil || len(list) != want {
			t.Errorf("%q: %d fragments, %v, want %d", text, len(list), err, want)
		}
	}
	if err := b.RemoveAlias(t.Context(), "it"); err != nil {
		t.Error(err)
	}
	if err := b.RemoveAlias(t.Context(), "it"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

// TestPurge: what was deleted is in none of the files any more.
func TestPurge(t *testing.T) {
	b := openNew(t)
	old, kept := sample("c", "the secret canary"), sample("d", "kept")
	old.Fragments = []Fragment{NewFragment("a fragment's canary", "")}
	kept.Time = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	if err := b.Add(t.Context(), old, kept); err != nil {
		t.Fatal(err)
	}
	n, err := b.Purge(t.Context(), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC))
	if err != nil || n != 1 {
		t.Fatalf("deleted %d, %v, want 1", n, err)
	}
	if list, err := b.List(t.Context(), Query{Search: "kept"}); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v, want what was kept", list, err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(b.Path()), "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if content, err := os.ReadFile(file); err != nil || strings.Contains(string(content), "canary") {
			t.Errorf("%s still has what was deleted (%v)", file, err)
		}
	}
	if s, err := b.Status(t.Context()); err != nil || s.Conversations != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestBackup(t *testing.T) {
	b := openNew(t)
	if err := b.Add(t.Context(), sample("c", "kept")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := b.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := b.Backup(t.Context(), path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want that it is there", err)
	}
	copied, err := OpenExisting(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if list, err := copied.List(t.Context(), Query{Search: "kept"}); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes")
	}
	b := openNew(t)
	if err := b.Add(t.Context(), sample("c", "x")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{b.Path(): 0o600, b.Path() + "-wal": 0o600, filepath.Dir(b.Path()): fs.ModeDir | 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// TestBroken: what is no book is an error that says so, and stays as it is.
func TestBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if _, err := OpenExisting(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is none", err)
	}
	const text = "this is no database, but some text that is long enough to be looked at as one, a hundred bytes and more of it"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "not a database") {
		t.Errorf("got %v", err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("the file has changed: %q, %v", got, err)
	}
	b := openNew(t)
	if _, err := b.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), b.Path()); err == nil || !strings.Contains(err.Error(), "newer moed") {
		t.Errorf("got %v", err)
	}
}

// TestTogether: many open and write a new database at once, each as a process
// would; nothing is lost.
func TestTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			b, err := Open(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer b.Close()
			for j := range 5 {
				if err := b.Add(t.Context(), sample(fmt.Sprint(i), fmt.Sprint(j))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	b, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if s, err := b.Status(t.Context()); err != nil || s.Responses != 40 || s.Conversations != 8 {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestKilled: a process that is killed while it writes leaves a sound book with
// whole responses only.
func TestKilled(t *testing.T) {
	const name = "LOGBOOK_TEST_WRITES"
	if path := os.Getenv(name); path != "" { // the process that is killed
		for {
			b, err := Open(context.Background(), path)
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			if err := b.Add(context.Background(), sample(NewID(), strings.Repeat("word ", 1000)), sample(NewID(), "short")); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			fmt.Println("added")
			b.Close()
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.db")
	for i := range 12 {
		writer := exec.Command(self, "-test.run=^TestKilled$")
		writer.Env = append(os.Environ(), name+"="+path)
		var said strings.Builder
		writer.Stdout = &said
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(15+17*i) * time.Millisecond)
		writer.Process.Kill()
		writer.Wait()
		if text := strings.ReplaceAll(said.String(), "added\n", ""); text != "" {
			t.Errorf("it said %q", text)
		}
		b, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var verdict string
		if err := b.db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Errorf("integrity: %s, %v", verdict, err)
		}
		if _, err := b.db.Exec("INSERT INTO responses_fts(responses_fts, rank) VALUES ('integrity-check', 1)"); err != nil {
			t.Errorf("index: %v", err)
		}
		s, err := b.Status(t.Context())
		if err != nil || s.Responses%2 != 0 || s.Responses < 2*strings.Count(said.String(), "added") {
			t.Errorf("%+v, %v; it said %q", s, err, said.String())
		}
		b.Close()
	}
}

// TestNames: others read these tables by the names that llm's have.
func TestNames(t *testing.T) {
	b := openNew(t)
	tests := map[string]string{
		"conversations":    "id name model",
		"responses":        "rowid id model prompt system prompt_json options_json response response_json reasoning conversation_id duration_ms datetime_utc input_tokens output_tokens token_details schema_id resolved_model",
		"responses_fts":    "prompt response",
		"schemas":          "id content",
		"fragments":        "id hash content datetime_utc source",
		"fragment_aliases": "alias fragment_id",
		"prompt_fragments": "response_id fragment_id order",
		"system_fragments": "response_id fragment_id order",
		"tool_calls":       "id response_id name arguments tool_call_id",
		"tool_results":     "id response_id name output tool_call_id",
	}
	for table, want := range tests {
		var got string
		if err := b.db.QueryRow("SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_table_info(?) ORDER BY cid)", table).Scan(&got); err != nil || got != want {
			t.Errorf("%s has %s, %v, want %s", table, got, err, want)
		}
	}
	if err := b.Add(t.Context(), sample("c", "a word to find")); err != nil {
		t.Fatal(err)
	}
	var id string // as people join them
	if err := b.db.QueryRow("SELECT responses.id FROM responses JOIN responses_fts ON responses_fts.rowid = responses.rowid WHERE responses_fts MATCH 'find'").Scan(&id); err != nil {
		t.Error(err)
	}
}
