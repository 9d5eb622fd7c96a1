package moe

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"
)

var smallModel = filepath.Join(goldenDir, "qwen3moe-Q4_K_M.gguf")

func sequence(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((i*37 + 11) % 300)
	}
	return ids
}

func TestStepAllocatesNothing(t *testing.T) {
	for _, path := range goldenFiles(t) {
		m := openGolden(t, path, Options{Threads: 2, Context: 256})
		s := newSession(t, m)
		if _, err := s.Prefill(context.Background(), sequence(70), PrefillOptions{}); err != nil {
			t.Fatal(err)
		}
		id := int32(0)
		if n := testing.AllocsPerRun(40, func() {
			if _, err := s.Step(context.Background(), id); err != nil {
				t.Fatal(err)
			}
			id++
		}); n != 0 {
			t.Errorf("%s: %v allocations a token, want none", filepath.Base(path), n)
		}
	}
}

func TestPrefillEqualsForward(t *testing.T) {
	m := openGolden(t, smallModel, Options{Context: 256, Batch: 16})
	ids := sequence(50)
	want := feed(t, newSession(t, m), ids, 7)
	s := newSession(t, m)
	var seen [][]float32
	last, err := s.Prefill(context.Background(), ids, PrefillOptions{Logits: func(pos int, logits []float32) {
		if pos != len(seen) {
			t.Fatalf("logits of position %d after %d", pos, len(seen)-1)
		}
		seen = append(seen, append([]float32{}, logits...))
	}})
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, "all logits", want, seen)
	sameBits(t, "last logits", want[len(want)-1:], [][]float32{last})
	var done []int
	plain := newSession(t, m)
	last, err = plain.Prefill(context.Background(), ids, PrefillOptions{Progress: func(n, total int) {
		if total != len(ids) {
			t.Errorf("progress of %d tokens, want %d", total, len(ids))
		}
		done = append(done, n)
	}})
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, "plain", want[len(want)-1:], [][]float32{last})
	if len(done) != 4 || done[0] != 16 || done[3] != 50 {
		t.Errorf("progress %v, want 16, 32, 48, 50", done)
	}
}

func TestReuse(t *testing.T) {
	m := openGolden(t, smallModel, Options{Context: 256})
	ids := sequence(80)
	want := feed(t, newSession(t, m), ids, 80)
	s := newSession(t, m)
	feed(t, s, append(sequence(66), 5, 6, 7), 69)
	if n := s.Reuse(ids); n != 66 || len(s.Tokens()) != 66 {
		t.Fatalf("reuse of %d tokens, %d held, want 66", n, len(s.Tokens()))
	}
	sameBits(t, "after reuse", want[66:], feed(t, s, ids[66:], 80))
	if n := s.Reuse(ids); n != 79 {
		t.Errorf("reuse of the same prompt keeps %d tokens, want 79", n)
	}
	before := m.Memory().KV
	if n := s.Reuse([]int32{299}); n != 0 {
		t.Errorf("reuse of another prompt keeps %d tokens, want none", n)
	}
	if after := m.Memory().KV; after >= before {
		t.Errorf("KV cache %d bytes after rewinding, %d before", after, before)
	}
}

func TestFailureChangesNothing(t *testing.T) {
	m := openGolden(t, smallModel, Options{Context: 64, Batch: 32})
	ids := sequence(60)
	s := newSession(t, m)
	feed(t, s, ids[:20], 20)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Prefill(gone, ids[20:], PrefillOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled prefill: %v", err)
	}
	for name, bad := range map[string][]int32{"negative": {1, -1}, "beyond": {1, 1 << 20}} {
		if _, err := s.Prefill(context.Background(), bad, PrefillOptions{}); err == nil {
			t.Errorf("%s token was taken", name)
		}
	}
	if _, err := s.Prefill(context.Background(), sequence(45), PrefillOptions{}); !errors.Is(err, ErrContextFull) {
		t.Errorf("65 tokens in a context of 64: %v", err)
	}
	if len(s.Tokens()) != 20 {
		t.Fatalf("%d tokens held after failures, want 20", len(s.Tokens()))
	}
	want := feed(t, newSession(t, m), ids, 30)
	sameBits(t, "after failures", want[20:], feed(t, s, ids[20:], 32))
	if err := s.Rewind(61); err == nil {
		t.Error("rewind beyond the end was taken")
	}
}

// TestKVTypes holds that a coarser cache changes logits a little, not a lot.
func TestKVTypes(t *testing.T) {
	ids := sequence(100)
	exact := feed(t, newSession(t, openGolden(t, smallModel, Options{Context: 128, KV: KVF32})), ids, 100)
	for kv, limit := range map[KVType]float64{KVF16: 0.05, KVQ8_0: 0.1} {
		got := feed(t, newSession(t, openGolden(t, smallModel, Options{Context: 128, KV: kv})), ids, 9)
		worst := 0.0
		for pos := range exact {
			diff, norm := 0.0, 0.0
			for i, x := range exact[pos] {
				diff += float64(got[pos][i]-x) * float64(got[pos][i]-x)
				norm += float64(x) * float64(x)
			}
			worst = max(worst, math.Sqrt(diff/norm))
		}
		if worst > limit || worst == 0 {
			t.Errorf("%v: relative difference %g, want up to %g but not none", kv, worst, limit)
		}
	}
}

func TestParseKV(t *testing.T) {
	for _, kv := range []KVType{KVF16, KVF32, KVQ8_0} {
		if got, err := ParseKV(kv.String()); got != kv || err != nil {
			t.Errorf("%v reads back as %v, %v", kv, got, err)
		}
	}
	if _, err := ParseKV("q4_0"); err == nil {
		t.Error("q4_0 was taken")
	}
}
