package daemon

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

var story = strings.Repeat("Once upon a time there was a little dog. ", 12)

// TestPrefixes: what a caller's prompt has in common with an earlier one of his
// is not read again, and that changes nothing; others' is as good as not there.
func TestPrefixes(t *testing.T) {
	e := opened(t, Config{})
	ask := func(uid uint32, token, more string) Result {
		r, err := answerOf(e, t.Context(), &Request{Prompt: story + more, MaxTokens: 30, Caller: Caller{UID: uid, Token: token}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := ask(1, "", "He was")
	if first.CachedTokens != 0 {
		t.Errorf("the first prompt has %d tokens of others", first.CachedTokens)
	}
	again := ask(1, "", "He was")
	if again.CachedTokens != again.PromptTokens-1 || !slices.Equal(again.IDs, first.IDs) {
		t.Errorf("again: %d of %d tokens were kept, %q; first %q", again.CachedTokens, again.PromptTokens, again.Text, first.Text)
	}
	next := ask(1, "", "He was"+first.Text+" The end.")
	if next.CachedTokens < first.PromptTokens+len(first.IDs)/2 {
		t.Errorf("going on: %d tokens were kept of a prompt of %d and an answer of %d", next.CachedTokens, first.PromptTokens, len(first.IDs))
	}
	other := ask(2, "", "He was")
	if other.CachedTokens != 0 || !slices.Equal(other.IDs, first.IDs) {
		t.Errorf("another user: %d tokens were kept, %q; want none, %q", other.CachedTokens, other.Text, first.Text)
	}
	if phone := ask(1, "phone", "He was"); phone.CachedTokens != 0 {
		t.Errorf("another token: %d tokens were kept", phone.CachedTokens)
	}
	if s := e.Stats(); s.Prefixes == 0 || s.Memory.Prefix == 0 || s.CachedTokens == 0 {
		t.Errorf("the counts do not show it: %+v", s)
	}
	e.loop.kept.drop()
	if gone := ask(1, "", "He was"); gone.CachedTokens != 0 || !slices.Equal(gone.IDs, first.IDs) {
		t.Errorf("when memory was short: %d tokens were kept, %q", gone.CachedTokens, gone.Text)
	}
}

// TestLeftPromptIsKept: a caller who leaves while the prompt is read finds what
// was read when he comes again.
func TestLeftPromptIsKept(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	e := opened(t, Config{Model: path, Context: 2048, Flash: quick})
	ids := make([]int32, 1500)
	for i := range ids {
		ids[i] = int32(i*7%250 + 3)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := e.Generate(ctx, &Request{IDs: ids, MaxTokens: 1, Progress: func(p PromptProgress) {
		if p.Read >= 600 {
			cancel()
		}
	}}, func(Piece) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Skipf("the prompt was read at once: %v", err)
	}
	again, err := answerOf(e, t.Context(), &Request{IDs: ids, MaxTokens: 1})
	if err != nil || again.CachedTokens < 400 {
		t.Errorf("%d tokens were kept: %v", again.CachedTokens, err)
	}
}

// TestSpill: prefixes outlast the engine where there is a place for them, and a
// damaged one does no harm.
func TestSpill(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	dir := t.TempDir() + "/prefixes"
	c := Config{Model: path, Context: 512, Flash: quick, Spill: dir}
	r := &Request{IDs: slices.Repeat([]int32{5, 9, 7, 30}, 40), MaxTokens: 20, Caller: Caller{UID: 5}}
	run := func() Result {
		e, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		e.loop.kept.restored.Wait()
		got, err := answerOf(e, t.Context(), r)
		if err = errors.Join(err, e.Close()); err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := run()
	if got := run(); got.CachedTokens != 159 || !slices.Equal(got.IDs, want.IDs) {
		t.Errorf("after another load: %d of 160 tokens were kept, %v; want %v", got.CachedTokens, got.IDs, want.IDs)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, f := range files {
		name := dir + "/" + f.Name()
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(); got.CachedTokens != 0 || !slices.Equal(got.IDs, want.IDs) {
		t.Errorf("after a damaged file: %d tokens were kept, %v", got.CachedTokens, got.IDs)
	}
}
