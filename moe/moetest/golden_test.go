package moetest

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"moed/moe/gguf"
	"moed/moe/kernels"
)

// golden is what another engine computed for a file; see the directory's README.
type golden struct {
	File      string
	PromptIDs []int32 `json:"prompt_ids"`
	GreedyIDs []int32 `json:"greedy_ids"`
	Positions []struct {
		Pos  int
		Top8 [][2]float64 // token, logit
	}
	Full []struct {
		Pos    int
		L2     float64
		Sample [][2]float64
	}
	Router []struct {
		Layer   int
		MinGap  float64 `json:"min_gap"`
		Experts [][]int
		Weights [][]float64
	}
	Noise map[string]struct {
		MaxAbs   float64 `json:"max_abs"`
		MaxRelL2 float64 `json:"max_rel_l2"`
	}
}

const goldenDir = "../../testdata/golden"

func readGolden(t *testing.T, path string) (*golden, *gguf.Image) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if len(g.Positions) == 0 || len(g.Positions) != len(g.PromptIDs)+len(g.GreedyIDs) || len(g.Full) == 0 {
		t.Fatalf("%s: %d positions for %d tokens, %d full", path, len(g.Positions), len(g.PromptIDs)+len(g.GreedyIDs), len(g.Full))
	}
	f, err := gguf.Open(filepath.Join(goldenDir, g.File))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &g, f
}

func goldenFiles(t *testing.T, patterns ...string) []string {
	t.Helper()
	var paths []string
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(goldenDir, p))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: no files: %v", p, err)
		}
		paths = append(paths, found...)
	}
	return paths
}

// distance is the worst relative L2 distance at any position, over the logits
// that the file lists there.
func (g *golden) distance(logits [][]float64) float64 {
	var worst float64
	at := func(pos int, listed [][2]float64) {
		var diff, norm float64
		for _, l := range listed {
			d := logits[pos][int(l[0])] - l[1]
			diff += d * d
			norm += l[1] * l[1]
		}
		worst = max(worst, math.Sqrt(diff/norm))
	}
	for _, p := range g.Positions {
		at(p.Pos, p.Top8)
	}
	for _, f := range g.Full {
		at(f.Pos, f.Sample)
		worst = max(worst, math.Abs(math.Sqrt(dot(logits[f.Pos], logits[f.Pos]))/f.L2-1))
	}
	return worst
}

// Files of unquantised weights, where the other engine rounds little.
func TestReferenceAgainstGolden(t *testing.T) {
	for _, path := range goldenFiles(t, "*-F16.json", "*-F32.json") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			g, f := readGolden(t, path)
			r, err := Reference(f)
			if err != nil {
				t.Fatal(err)
			}
			logits, routes, err := r.run(slices.Concat(g.PromptIDs, g.GreedyIDs))
			if err != nil {
				t.Fatal(err)
			}
			limit := 3e-3 // of activations rounded to half precision
			if filepath.Base(path) == "qwen3moe-small-F32.json" {
				limit = 1e-4
			}
			d := g.distance(logits)
			t.Logf("relative distance %.2g", d)
			if d > limit {
				t.Errorf("relative distance %.2g, want at most %.2g", d, limit)
			}
			g.checkRoutes(t, routes, 10*limit)
		})
	}
}

func (g *golden) checkRoutes(t *testing.T, routes [][]route, limit float64) {
	t.Helper()
	if len(g.Router) == 0 {
		t.Fatal("no routes to compare")
	}
	for _, want := range g.Router {
		for i, got := range routes[want.Layer] {
			if !slices.Equal(got.experts, want.Experts[i]) {
				t.Errorf("layer %d: position %d: got experts %v, want %v", want.Layer, i, got.experts, want.Experts[i])
				continue
			}
			for j, w := range got.weights {
				if math.Abs(w-want.Weights[i][j]) > limit {
					t.Errorf("layer %d: position %d: got weights %.4f, want %.4f", want.Layer, i, got.weights, want.Weights[i])
					break
				}
			}
		}
	}
}

// Files of quantised weights, where the other engine rounds activations to eight
// bits. Its own distance from a run without that rounding is the yardstick.
func TestReferenceAgainstQuantizedGolden(t *testing.T) {
	for _, path := range goldenFiles(t, "*_*.json") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			g, f := readGolden(t, path)
			r, err := newReference(f, dequantize)
			if err != nil {
				t.Fatal(err)
			}
			logits, _, err := r.run(slices.Concat(g.PromptIDs, g.GreedyIDs))
			if err != nil {
				t.Fatal(err)
			}
			limit := 1.5 * g.Noise["dequantised_to_f32"].MaxRelL2
			d := g.distance(logits)
			t.Logf("relative distance %.2g, limit %.2g", d, limit)
			if !(d <= limit) {
				t.Errorf("relative distance %.2g, want at most %.2g", d, limit)
			}
		})
	}
}

// dequantize is a decoder for all types that package kernels knows.
func dequantize(t *gguf.Tensor, data []byte) ([]float64, error) {
	row := make([]float32, t.Elems())
	kernels.Dequantize(row, t.Type, data)
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = float64(v)
	}
	return out, nil
}
