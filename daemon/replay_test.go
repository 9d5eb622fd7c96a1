package daemon

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"moed/flashio"
	"moed/moe"
	"moed/moe/expert"
	"moed/moe/moetest"
	"moed/offload"
	"moed/offload/policy"
	"moed/predictor/trace"
)

// TestReplayAgrees: a run from a store in which nothing is read ahead, and the
// replay of its trace, hit and read the same in every layer, under every policy,
// in memories from one slot of a size to more than a token wants. With more than
// one slot but fewer than a batch wants of a layer it is for the disk to say
// what stays, so no such memory is here.
func TestReplayAgrees(t *testing.T) {
	for _, m := range []struct {
		name, path string
		slots      []int // of each class, or the nearest that a memory gives
	}{
		{"one size", padded(t, tinyModel(t, moetest.Spec{Model: "qwen3moe", Layers: 4, Experts: 16, TopK: 4, Seed: 3})), []int{1, 4, 7, 15, 16, 40}},
		{"two sizes", packed(t, "../testdata/golden/qwen3moe-Q4_K_M.gguf").path, []int{1, 3, 5, 7}},
		{"a dense layer and shared experts", packed(t, "../testdata/golden/deepseek2-v3-Q4_K_M.gguf").path, []int{2, 5}},
		{"packed", packed(t, tinyModel(t, moetest.Spec{Model: "olmoe", Layers: 3, Experts: 12, TopK: 3, Seed: 5})).path, []int{3, 9, 20}},
	} {
		for _, slots := range m.slots {
			for _, name := range policy.Names() {
				t.Run(fmt.Sprintf("%s/%d slots/%s", m.name, slots, name), func(t *testing.T) {
					t.Parallel()
					agree(t, m.path, slots, name)
				})
			}
		}
	}
}

// padded appends to a model, so that its last expert is read in whole pages too.
func padded(t *testing.T, path string) string {
	t.Helper()
	if err := write(path, os.O_APPEND, strings.Repeat("\x00", 2*flashio.Alignment)); err != nil {
		t.Fatal(err)
	}
	return path
}

// agree runs a model with about that many slots of each class, and replays it.
func agree(t *testing.T, path string, slots int, name string) {
	h, err := readHeader(path)
	if err != nil {
		t.Fatal(err)
	}
	fp, err := moe.Measure(h.file, bitsOptions(1))
	if err != nil {
		t.Fatal(err)
	}
	classes, class, err := offload.Classes(fp.Table)
	if err != nil {
		t.Fatal(err)
	}
	memory := int64(0)
	for _, c := range classes {
		memory += c.Slot * int64(slots)
	}
	count, err := offload.Divide(classes, memory)
	if err != nil {
		t.Fatal(err)
	}
	prompt := []int32{1} // a batch that fits
	if slices.Min(count) >= fp.Table.Layers[len(fp.Table.Layers)-1].Experts {
		prompt = []int32{1, 2, 3, 4, 5}
	}
	live, tr := recordedRun(t, h, fp, memory, name, prompt)
	r := policy.Slots{Class: class, Count: count, Size: readSizes(t, fp.Table)}
	shape := policy.Shape{Layers: len(tr.Layers), Experts: tr.Experts()}
	var steps []policy.Step
	for i := range tr.Visits {
		steps = append(steps, stepOf(&tr.Visits[i], RuleStore))
	}
	p, err := policy.New(name, shape)
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.Replay(steps, shape, p)
	if err != nil {
		t.Fatal(err)
	}
	if result.Decode.Wanted == 0 || result.Decode.Hits == result.Decode.Wanted {
		t.Fatalf("the run tells nothing: %+v", result.Decode)
	}
	for i, want := range live.decode.Layers {
		if got := result.Layers[i]; int64(got.Wanted) != want.Wanted || int64(got.Hits) != want.Hits {
			t.Errorf("layer %d: replay finds %d hits of %d, the run had %d of %d", i, got.Hits, got.Wanted, want.Hits, want.Wanted)
		}
	}
	if missed := result.Decode.Wanted - result.Decode.Hits; int64(missed) != live.decode.Reads {
		t.Errorf("replay misses %d experts, the run read %d", missed, live.decode.Reads)
	}
	if result.Decode.Missed != live.decode.Bytes || result.Prefill.Missed != live.prefill.Bytes {
		t.Errorf("replay reads %d bytes for the prompt and %d after, the run read %d and %d",
			result.Prefill.Missed, result.Decode.Missed, live.prefill.Bytes, live.decode.Bytes)
	}
	if total := live.prefill.Total(); int64(result.Prefill.Hits) != total.Hits || int64(result.Prefill.Wanted) != total.Wanted {
		t.Errorf("replay finds %+v of the prompt, the run had %+v", result.Prefill, total)
	}
	best, err := r.Belady(steps, shape)
	if err != nil {
		t.Fatal(err)
	}
	if slots > 1 && best.Decode.Hits+best.Prefill.Hits < result.Decode.Hits+result.Prefill.Hits {
		t.Errorf("belady hits %d, %s %d", best.Decode.Hits, name, result.Decode.Hits)
	}
}

// runStats are what a store counted.
type runStats struct{ prefill, decode offload.Stats }

// recordedRun runs a model for a while and returns its trace as read back from
// a file.
func recordedRun(t *testing.T, h *header, fp *moe.Footprint, memory int64, name string, prompt []int32) (runStats, *trace.Trace) {
	t.Helper()
	o := flashOptions{Options: bitsOptions(1), bytes: memory, ahead: -1, policy: name}
	f, err := openFlash(t.Context(), h, fp, o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	shape, err := traceShape(h.path, f.model)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, trace.Binary, shape)
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{writer: w}
	w.Exact = true
	f.model.Observe(rec.note)
	s, err := f.model.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	logits, err := s.Prefill(context.Background(), prompt, moe.PrefillOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var stats runStats
	stats.prefill = f.store.Stats()
	rec.visit.Decode = true
	for i := range 60 {
		id := int32(0)
		for j, l := range logits { // a walk that does not fall into a loop
			if l > logits[id] && j%7 != i%7 {
				id = int32(j)
			}
		}
		if logits, err = s.Step(context.Background(), id); err != nil {
			t.Fatal(err)
		}
	}
	now := f.store.Stats()
	stats.decode = now.Sub(&stats.prefill)
	if rec.err != nil || w.Close() != nil {
		t.Fatal(rec.err)
	}
	tr, err := trace.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	return stats, tr
}

// readSizes are the bytes that reading an expert of each layer takes: whole
// pages. All of a layer must take as many.
func readSizes(t *testing.T, table *expert.Table) []int64 {
	t.Helper()
	sizes := make([]int64, len(table.Layers))
	for i := range table.Layers {
		l := &table.Layers[i]
		for e := range l.Experts {
			n := l.Bundles.Stride
			if l.Bundles.Group == 0 {
				for _, s := range []expert.Stack{l.Gate, l.Up, l.Down} {
					_, length, _ := flashio.Window(s.Offset+int64(e)*s.Size, s.Size)
					n += length
				}
			}
			if e > 0 && n != sizes[i] {
				t.Fatalf("layer %d: expert %d is read in %d bytes, the one before in %d", i, e, n, sizes[i])
			}
			sizes[i] = n
		}
	}
	return sizes
}

// TestReplayOtherCaches: the caches of their own are served by the published
// rule alone, among all policies, and hit something but not more than belady.
func TestReplayOtherCaches(t *testing.T) {
	o := ReplayOptions{Trace: "../testdata/traces/qwen3-30b-a3b.route.csv", Rule: RulePublished,
		Budgets: []string{"1000MiB", "2000MiB", "3000MiB", "4000MiB"}, Policies: []string{s3fifo, tinyLFU}}
	first, err := Replay(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Replay(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range first.Budgets {
		for _, p := range b.Policies {
			if p.HitRatio <= 0 || p.HitRatio > b.Belady.HitRatio {
				t.Errorf("%s in %d bytes: hits %.3f, belady %.3f", p.Policy, b.Bytes, p.HitRatio, b.Belady.HitRatio)
			}
			t.Logf("%s in %d MiB: hits %.1f %%", p.Policy, b.Bytes>>20, 100*p.HitRatio)
		}
		if got, want := again.Budgets[i].Policies[0].HitRatio, b.Policies[0].HitRatio; got != want {
			t.Errorf("s3-fifo in %d bytes: hits %v, then %v", b.Bytes, want, got)
		}
	}
	if got := policiesOf(RulePublished); !slices.Contains(got, s3fifo) || !slices.Contains(got, tinyLFU) {
		t.Errorf("all policies are %v", got)
	}
	o.Rule = ""
	if _, err := Replay(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--rule published") {
		t.Errorf("by the store's rule: %v", err)
	}
}
