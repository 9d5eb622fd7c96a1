package daemon

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"moed/flashio"
	"moed/moe"
	"moed/moe/moetest"
	"moed/offload"
)

// benched is a bench of a routed model with room for a share of its experts.
func benched(t *testing.T, path string, share float64, ahead int) *BenchResult {
	t.Helper()
	c := least(t, Config{Model: path, Context: 256, Flash: FlashConfig{Ahead: ahead}}, share)
	r, err := Bench(t.Context(), BenchOptions{Config: c, PromptIDs: []int32{70, 71, 72, 73, 74, 75, 76}, Tokens: 40})
	if err != nil {
		t.Fatal(err)
	}
	if r.FlashResult == nil {
		t.Fatal("nothing is reported of the experts")
	}
	if fmt.Sprint(r.Budget) != c.Memory {
		t.Errorf("a budget of %d, want %s", r.Budget, c.Memory)
	}
	return r
}

// TestBenchFlash: what is reported of a model read from a file makes sense and
// adds up, and the text is that of the model in memory.
func TestBenchFlash(t *testing.T) {
	const topK, layers, steps = 4, 4, 39 // the last of 40 tokens is not fed
	for _, layout := range []string{"stock", "packed"} {
		path := modelFile(t, routed("qwen3moe"), layout)
		want, err := Bench(t.Context(), BenchOptions{Config: Config{Model: path, Context: 256}, PromptIDs: []int32{70, 71, 72, 73, 74, 75, 76}, Tokens: 40})
		if err != nil {
			t.Fatal(err)
		}
		for _, share := range []float64{0, 0.3, 4} {
			for _, ahead := range []int{-1, 2} {
				t.Run(fmt.Sprintf("%s/share=%v/ahead=%d", layout, share, ahead), func(t *testing.T) {
					r := benched(t, path, share, ahead)
					if r.Text != want.Text || !slices.Equal(r.IDs, want.IDs) || r.SHA256 != want.SHA256 {
						t.Errorf("found %v, want %v", r.IDs, want.IDs)
					}
					if r.Layout != layout || r.Ahead != max(ahead, 0) || r.Policy == "" || r.Backend == "" {
						t.Errorf("found %s, %s, %s, ahead %d", r.Layout, r.Policy, r.Backend, r.Ahead)
					}
					sensible(t, r, steps)
					var sum LayerResult
					for i, l := range r.Layers {
						if l.Layer != i || l.Wanted != topK*steps || l.Hits < 0 || l.Late < 0 || l.Hits+l.Late > l.Wanted {
							t.Errorf("layer %d: %+v, want %d wanted", i, l, topK*steps)
						}
						sum.Wanted, sum.Hits, sum.Late = sum.Wanted+l.Wanted, sum.Hits+l.Hits, sum.Late+l.Late
					}
					if len(r.Layers) != layers || ratio(sum.Hits, sum.Wanted) != r.HitRatio || ratio(sum.Late, sum.Wanted) != r.LateRatio {
						t.Errorf("%d layers with %+v in all, want %v hits and %v late", len(r.Layers), sum, r.HitRatio, r.LateRatio)
					}
					misses(t, r, path, sum, steps)
				})
			}
		}
	}
}

func ratio(part, all int64) float64 { return float64(part) / float64(all) }

// sensible holds each number to its range.
func sensible(t *testing.T, r *BenchResult, steps int) {
	t.Helper()
	for name, v := range map[string]float64{"hits": r.HitRatio, "late": r.LateRatio, "hits and late": r.HitRatio + r.LateRatio} {
		if !(v >= 0 && v <= 1) {
			t.Errorf("%s: %v", name, v)
		}
	}
	for name, v := range map[string]float64{"bytes read": float64(r.BytesRead), "of the prompt": float64(r.PrefillBytes), "disk rate": r.DiskRate,
		"arithmetic": r.Arithmetic, "bound": r.Bound, "peak": float64(r.PeakRSS), "experts": float64(r.ExpertBytes)} {
		if !(v > 0) || math.IsInf(v, 0) {
			t.Errorf("%s: %v", name, v)
		}
	}
	switch {
	case r.ExpertBytes >= r.Budget:
		t.Errorf("%d bytes for experts of a budget of %d", r.ExpertBytes, r.Budget)
	case r.Stall < 0 || r.Wasted < 0 || r.Wasted > r.Guessed || r.Ahead == 0 && r.Guessed > 0:
		t.Errorf("stall %v, %d guessed, %d wasted, %d ahead", r.Stall, r.Guessed, r.Wasted, r.Ahead)
	case float64(r.BytesRead) < float64(r.PrefillBytes)+r.TokenBytes*float64(steps)-1:
		t.Errorf("%d bytes in all are less than %d of the prompt and %v per token", r.BytesRead, r.PrefillBytes, r.TokenBytes)
	}
	if bound := 1 / max(r.Arithmetic/1e3, r.BeladyBytes/(r.DiskRate*1e9)); math.Abs(bound-r.Bound) > 1e-6*bound {
		t.Errorf("a bound of %v, want %v of %v ms and %v bytes at %v GB/s", r.Bound, bound, r.Arithmetic, r.BeladyBytes, r.DiskRate)
	}
}

// misses holds the bytes read to the experts missed.
func misses(t *testing.T, r *BenchResult, path string, sum LayerResult, steps int) {
	t.Helper()
	h, err := readHeader(path)
	if err != nil {
		t.Fatal(err)
	}
	fp, err := moe.Measure(h.file, moe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := &fp.Table.Layers[0]
	size := float64(l.Bytes()) // of one, where it is read
	if l.Bundles.Group > 0 {
		size = float64(l.Bundles.Stride)
	}
	most := size + 3*2*flashio.Alignment // whole pages around each matrix
	missed := float64(sum.Wanted-sum.Hits-sum.Late) / float64(steps)
	if r.Ahead == 0 {
		// Nothing is read but what is missed, and no choice of victims misses less.
		if sum.Late > 0 || r.TokenBytes < missed*size || r.TokenBytes > missed*most {
			t.Errorf("%v bytes read per token, and %d late, want %v of %v to %v", r.TokenBytes, sum.Late, missed, size, most)
		}
		if r.BeladyBytes > r.TokenBytes {
			t.Errorf("the best choice of victims would read %v bytes per token, we read %v", r.BeladyBytes, r.TokenBytes)
		}
	}
	if r.ExpertBytes == offload.SlotBytes(fp.Table) {
		// Everything is read once at most, so that the best choice does no better.
		experts := float64(len(fp.Table.Layers) * l.Experts)
		if total := float64(r.PrefillBytes) + r.TokenBytes*float64(steps); total > experts*most {
			t.Errorf("%v bytes read for %v experts of at most %v", total, experts, most)
		}
		return
	}
	if r.BeladyBytes <= 0 || r.TokenBytes <= 0 || r.HitRatio == 1 {
		t.Errorf("%v bytes per token, at best %v, %v hits: this memory should not do", r.TokenBytes, r.BeladyBytes, r.HitRatio)
	}
}

// TestBenchFlashKeys pins the names that scripts rely on, and that they are left
// out where there is nothing to read.
func TestBenchFlashKeys(t *testing.T) {
	keys := []string{"hit_ratio", "late_ratio", "bytes_read", "bytes_read_prefill", "bytes_read_per_token", "bytes_belady_per_token", "stall_s",
		"disk_gb_s", "budget_bytes", "experts_resident_bytes", "prefetched", "prefetched_useful", "prefetched_wasted", "prefetch_saved_s", "predict_s", "arithmetic_ms_per_token", "bound_tok_s",
		"backend", "layout", "policy", "ahead", "layers"}
	found := func(r *BenchResult) map[string]json.RawMessage {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	routed := found(benched(t, modelFile(t, routed("olmoe"), "stock"), 0.3, 0))
	dense, err := Bench(t.Context(), BenchOptions{Config: Config{Model: modelFile(t, moetest.Spec{Model: "qwen3"}, "stock"), Memory: "1G"}, PromptIDs: []int32{70}, Tokens: 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if _, ok := routed[key]; !ok {
			t.Errorf("no key %s", key)
		}
		if v, ok := found(dense)[key]; ok {
			t.Errorf("a model without experts has %s: %s", key, v)
		}
	}
	if _, ok := routed["peak_rss_bytes"]; !ok {
		t.Error("no key peak_rss_bytes")
	}
	var layers []map[string]float64
	if err := json.Unmarshal(routed["layers"], &layers); err != nil || len(layers) == 0 || layers[0]["wanted"] <= 0 {
		t.Errorf("layers: %s, %v", routed["layers"], err)
	}
}

// TestBenchOneToken: a run without a decode step has nothing to tell of one.
func TestBenchOneToken(t *testing.T) {
	c := least(t, Config{Model: modelFile(t, routed("qwen3moe"), "stock"), Context: 256}, 0.3)
	r, err := Bench(t.Context(), BenchOptions{Config: c, PromptIDs: []int32{70, 71}, Tokens: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.FlashResult == nil || r.BytesRead <= 0 || r.PrefillBytes <= 0 || r.TokenBytes != 0 || r.Layers != nil {
		t.Errorf("found %+v", r.FlashResult)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}
