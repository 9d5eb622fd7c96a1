package moe

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/moetest"
)

// TestWalk runs files whose routing replays a recorded trace of Qwen3-30B-A3B:
// greedy decoding must walk the recorded positions in order, and the router
// must choose the recorded experts.
func TestWalk(t *testing.T) {
	f, err := os.Open("../testdata/traces/qwen3-30b-a3b.route.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trace, err := moetest.ReadTrace(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, experts := range []ggml.Type{ggml.Q4_K, ggml.Q8_0} {
		w, err := moetest.Routed{Hidden: 512, ExpertFF: 256, Heads: 4, KVHeads: 2, HeadDim: 64, Vocab: 512, Layers: 2, Experts: experts}.Writer(trace)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if _, err := w.WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 2} {
			m, err := FromBytes("routed", file.Bytes(), Options{Threads: threads, Context: 256})
			if err != nil {
				t.Fatal(err)
			}
			walk(t, m, trace)
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func walk(t *testing.T, m *Model, trace *moetest.Trace) {
	t.Helper()
	m.Observe(func(d *expert.Demand) {
		k := len(d.Chosen) / d.Tokens
		for i, pos := range d.Pos {
			var want []int32
			for _, p := range trace.Positions[pos][d.Layer] {
				want = append(want, int32(p.Expert))
			}
			got := slices.Clone(d.Chosen[i*k : (i+1)*k])
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("position %d layer %d: experts %v, want %v", pos, d.Layer, got, want)
			}
		}
	})
	s := newSession(t, m)
	defer s.Close()
	logits, err := s.Prefill(context.Background(), []int32{0, 1, 2, 3, 4}, PrefillOptions{})
	for pos := int32(5); pos < int32(len(trace.Positions)); pos++ {
		if err != nil {
			t.Fatal(err)
		}
		if got := argmax(logits); got != pos {
			t.Fatalf("walked to %d, want %d", got, pos)
		}
		logits, err = s.Step(context.Background(), pos)
	}
}
