package daemon

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// TestPredictEval: a run and its trace are judged alike but for the gate.
func TestPredictEval(t *testing.T) {
	ctx := context.Background()
	prompts := texts(t, "Once upon a time there was a dog", "One day, a girl")
	live, err := PredictEval(ctx, PredictOptions{Prompts: prompts, Tokens: 40})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "t.trace")
	if _, err := TraceRecord(ctx, TraceOptions{Prompts: prompts, Tokens: 40, Out: file}); err != nil {
		t.Fatal(err)
	}
	recorded, err := PredictEval(ctx, PredictOptions{Config: Config{Model: file}})
	if err != nil {
		t.Fatal(err)
	}
	if live.Trace || !recorded.Trace || live.Texts != 2 || recorded.Texts != 2 || live.Tokens == 0 || live.Tokens != recorded.Tokens {
		t.Fatalf("live %v: %d texts, %d tokens; recorded %v: %d texts, %d tokens",
			live.Trace, live.Texts, live.Tokens, recorded.Trace, recorded.Texts, recorded.Tokens)
	}
	if len(live.Scores) != 9 || len(recorded.Scores) != 9 || len(live.All) != 2 {
		t.Fatalf("%d and %d scores, %d sums", len(live.Scores), len(recorded.Scores), len(live.All))
	}
	for i := range live.Scores {
		a, b := live.Scores[i], recorded.Scores[i]
		if a.Visits != live.Tokens || b.Visits != live.Tokens {
			t.Errorf("layer %d: %d and %d visits of %d tokens", a.Layer, a.Visits, b.Visits, live.Tokens)
		}
		if a.Recall.Gate == nil || b.Recall.Gate != nil {
			t.Errorf("layer %d: the gate is missing in the run, or there in the trace", a.Layer)
		}
		if *a.Recall.Transition != *b.Recall.Transition || *a.Recall.Token != *b.Recall.Token || *a.Recall.Previous != *b.Recall.Previous {
			t.Errorf("layer %d: sources differ between run and trace", a.Layer)
		}
	}
	if r := live.All[0].Recall; r.Mixer < r.Shuffled+0.2 {
		t.Errorf("the mixer named %.3f, and of another token's choice %.3f", r.Mixer, r.Shuffled)
	}
}

// TestPredictEvalFails: what cannot be judged is said, and an end is an end.
func TestPredictEvalFails(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := PredictEval(ctx, PredictOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that was ended gave %v", err)
	}
	for _, o := range []PredictOptions{
		{Config: Config{Model: filepath.Join(t.TempDir(), "nowhere")}},
		{Config: Config{Model: texts(t, "no trace, no model")}},
		{Tokens: -1},
		{Prompts: filepath.Join(t.TempDir(), "nowhere")},
	} {
		if r, err := PredictEval(context.Background(), o); err == nil || r != nil {
			t.Errorf("%+v was judged", o)
		}
	}
}
