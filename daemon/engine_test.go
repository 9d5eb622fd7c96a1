package daemon_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moed/daemon"
	"moed/moe"
)

// story is what the reference engine makes of "Once upon a time", greedily.
const story = ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball."

func open(t *testing.T, c daemon.Config) *daemon.Engine {
	t.Helper()
	e, err := daemon.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func golden(name string) string { return filepath.Join("..", "testdata", "golden", name) }

// generate returns the result and holds what was emitted to it.
func generate(t *testing.T, e *daemon.Engine, r daemon.Request) daemon.Result {
	t.Helper()
	var shown strings.Builder
	result, err := e.Generate(context.Background(), &r, func(p daemon.Piece) error {
		if p.Text == "" && p.Reasoning == "" && p.Call == nil && p.LogProbs == nil {
			t.Error("an empty piece was emitted")
		}
		shown.WriteString(p.Text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if shown.String() != result.Text {
		t.Errorf("emitted %q, but the result is %q", shown.String(), result.Text)
	}
	return result
}

func TestGenerate(t *testing.T) {
	e := open(t, daemon.Config{})
	greedy := func(r daemon.Request) daemon.Request { r.Prompt = "Once upon a time"; return r }
	tests := map[string]struct {
		r      daemon.Request
		text   string
		tokens int
		finish string
	}{
		"so many tokens":            {greedy(daemon.Request{MaxTokens: 8}), ", there was a little girl named Lily", 8, "length"},
		"one token":                 {greedy(daemon.Request{MaxTokens: 1}), ",", 1, "length"},
		"raw is the same here":      {greedy(daemon.Request{MaxTokens: 8, Raw: true}), ", there was a little girl named Lily", 8, "length"},
		"a stop string":             {greedy(daemon.Request{Stop: []string{"girl"}}), ", there was a little ", 6, "stop"},
		"a stop string that is cut": {greedy(daemon.Request{Stop: []string{"ittle gi"}}), ", there was a l", 6, "stop"},
		"held back, then shown":     {greedy(daemon.Request{MaxTokens: 8, Stop: []string{"Lily!"}}), ", there was a little girl named Lily", 8, "length"},
		"the end of the text":       {greedy(daemon.Request{Sampling: daemon.Sampling{LogitBias: map[int32]float64{2047: 1000}}}), "", 0, "stop"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := generate(t, e, test.r)
			if got.Text != test.text || len(got.IDs) != test.tokens || got.Finish != test.finish {
				t.Errorf("got %q, %d tokens, %s; want %q, %d, %s", got.Text, len(got.IDs), got.Finish, test.text, test.tokens, test.finish)
			}
			if got.PromptTokens != 5 {
				t.Errorf("the prompt has %d tokens, want 5", got.PromptTokens)
			}
			if got.Timings.FirstToken <= 0 || got.Timings.Prefill > got.Timings.FirstToken {
				t.Errorf("timings %+v", got.Timings)
			}
		})
	}
}

// TestSameText: the seed decides, and neither threads nor what the session
// holds from before do.
func TestSameText(t *testing.T) {
	r := daemon.Request{Prompt: "One day, Tom", MaxTokens: 60, Sampling: daemon.DefaultSampling()}
	r.Sampling.Seed = 5
	r.Sampling.RepeatPenalty = 1.1
	e := open(t, daemon.Config{})
	want := generate(t, e, r)
	other := r
	other.Prompt, other.Sampling.Seed = "One day, a cat", 6
	generate(t, e, other)
	if got := generate(t, e, r); got.Text != want.Text {
		t.Errorf("after another text: %q, want %q", got.Text, want.Text)
	}
	for _, threads := range []int{1, 2, 3} {
		if got := generate(t, open(t, daemon.Config{Threads: threads}), r); got.Text != want.Text {
			t.Errorf("with %d threads: %q, want %q", threads, got.Text, want.Text)
		}
	}
	r.Sampling.Seed = 8
	if got := generate(t, e, r); got.Text == want.Text {
		t.Error("two seeds gave one text")
	}
}

// TestLogProbs compares with the logits of the reference engine: its largest
// two after the prompt are 14.193 and 10.938.
func TestLogProbs(t *testing.T) {
	got := generate(t, open(t, daemon.Config{KV: "f32"}), daemon.Request{Prompt: "Once upon a time", MaxTokens: 3, LogProbs: 2})
	if len(got.LogProbs) != 3 {
		t.Fatalf("log probabilities of %d tokens, want 3", len(got.LogProbs))
	}
	first := got.LogProbs[0]
	if first.ID != 44 || first.Text != "," || len(first.Top) != 2 || first.Top[0] != first.LogProb || first.Top[1].Text != " there" {
		t.Errorf("first %+v", first)
	}
	if gap := first.Top[0].Log - first.Top[1].Log; math.Abs(gap-(14.1932-10.93816)) > 0.05 {
		t.Errorf("the first two are %v apart", gap)
	}
	if first.Log >= 0 || first.Log < -0.1 {
		t.Errorf("log probability %v of a token that is nearly certain", first.Log)
	}
}

func TestContextIsFull(t *testing.T) {
	e := open(t, daemon.Config{Context: 16})
	noEnd := daemon.Sampling{LogitBias: map[int32]float64{2047: -1000}}
	got := generate(t, e, daemon.Request{Prompt: "Once upon a time", Sampling: noEnd})
	if got.Finish != daemon.FinishLength || len(got.IDs) != 11 || !strings.HasPrefix(story, got.Text) {
		t.Errorf("got %q, %d tokens, %s; want 11 of the story", got.Text, len(got.IDs), got.Finish)
	}
	long := daemon.Request{Prompt: strings.Repeat("Once upon a time ", 10)}
	_, err := e.Generate(context.Background(), &long, func(daemon.Piece) error { return nil })
	if !errors.Is(err, moe.ErrContextFull) || !strings.Contains(err.Error(), "in a context of 16") {
		t.Errorf("a prompt that does not fit: %v", err)
	}
}

func TestInterrupted(t *testing.T) {
	e := open(t, daemon.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pieces := 0
	r := daemon.Request{Prompt: "Once upon a time"}
	got, err := e.Generate(ctx, &r, func(daemon.Piece) error {
		if pieces++; pieces == 5 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || got.Finish != daemon.FinishInterrupted {
		t.Errorf("got %v, %s", err, got.Finish)
	}
	// The engine may be some tokens ahead of who is told of them.
	if both := min(len(story), len(got.Text)); both == 0 || story[:both] != got.Text[:both] {
		t.Errorf("the text so far is %q", got.Text)
	}
	if after := generate(t, e, daemon.Request{Prompt: "Once upon a time", MaxTokens: 8}); !strings.HasPrefix(story, after.Text) {
		t.Errorf("the next text is %q", after.Text)
	}
}

func TestEmitFails(t *testing.T) {
	e := open(t, daemon.Config{})
	broken := errors.New("broken pipe")
	r := daemon.Request{Prompt: "Once upon a time"}
	if _, err := e.Generate(context.Background(), &r, func(daemon.Piece) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestProgress(t *testing.T) {
	e := open(t, daemon.Config{})
	var seen []int
	r := daemon.Request{Prompt: strings.Repeat("Once upon a time ", 60), MaxTokens: 1, Progress: func(p daemon.PromptProgress) { seen = append(seen, p.Read, p.Total) }}
	got := generate(t, e, r)
	if n := len(seen); n == 0 || !slices.Equal(seen[n-2:], []int{got.PromptTokens, got.PromptTokens}) {
		t.Errorf("progress %v of %d tokens", seen, got.PromptTokens)
	}
}

func TestOpenErrors(t *testing.T) {
	tests := map[string]daemon.Config{
		"nowhere.gguf":                 {Model: "nowhere.gguf"},
		"not known":                    {KV: "q3"},
		"this model has at most 512":   {Context: 513},
		"not a regular file":           {Model: "."},
		"not a GGUF file: begins with": {Model: "engine_test.go"},
	}
	for want, c := range tests {
		if _, err := daemon.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want …%s…", c, err, want)
		}
	}
}
