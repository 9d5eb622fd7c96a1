package moe

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"moed/moe/expert"
)

// golden is llama.cpp's output for one file; see testdata/golden/README.md.
type golden struct {
	Prompt    []int32 `json:"prompt_ids"`
	Greedy    []int32 `json:"greedy_ids"`
	Positions []struct {
		Pos   int          `json:"pos"`
		Token int32        `json:"token"`
		Top   [][2]float64 `json:"top8"`
	} `json:"positions"`
	Full []struct {
		Pos    int          `json:"pos"`
		L2     float64      `json:"l2"`
		Sample [][2]float64 `json:"sample"`
	} `json:"full"`
	Router []struct {
		Layer   int         `json:"layer"`
		MinGap  float64     `json:"min_gap"`
		Experts [][]int32   `json:"experts"`
		Weights [][]float64 `json:"weights"`
	} `json:"router"`
	GreedyMinGap float64 `json:"greedy_min_gap"`
	LogitStd     float64 `json:"logit_std"`
	FileType     string  `json:"ftype"`
	Noise        struct {
		PromptBatch1 maxAbs `json:"prompt_batch1"`
		Dequantised  maxAbs `json:"dequantised_to_f32"`
	} `json:"noise"`
}

type maxAbs struct {
	MaxAbs float64 `json:"max_abs"`
}

const goldenDir = "../testdata/golden"

func goldenFiles(t testing.TB) []string {
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.gguf"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files in %s: %v", goldenDir, err)
	}
	return files
}

func readGolden(t testing.TB, gguf string) golden {
	t.Helper()
	data, err := os.ReadFile(gguf[:len(gguf)-len("gguf")] + "json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func openGolden(t testing.TB, path string, o Options) *Model {
	t.Helper()
	m, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// routeRecorder notes every token's choices.
type routeRecorder struct {
	experts map[[2]int][]int32 // by layer and position
	weights map[[2]int][]float32
}

func feed(t testing.TB, s *Session, ids []int32, chunk int) [][]float32 {
	t.Helper()
	var all [][]float32
	for len(ids) > 0 {
		n := min(chunk, len(ids))
		batch := make([]Token, n)
		for i := range batch {
			batch[i] = Token{Session: s, ID: ids[i], Logits: make([]float32, s.model.config.Vocab)}
			all = append(all, batch[i].Logits)
		}
		if err := s.model.Forward(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		ids = ids[n:]
	}
	return all
}

func TestGolden(t *testing.T) {
	// Where no rounding flips the arithmetic is the same. Nearly every
	// quantised file has such positions; F16 files never, since llama.cpp
	// rounds activations to half there and moed does not.
	var exact atomic.Int32
	t.Cleanup(func() {
		if n := exact.Load(); n < 25 {
			t.Errorf("%d files have a position closer than 1e-4, want at least 25 of 28", n)
		}
	})
	for _, path := range goldenFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			g := readGolden(t, path)
			m := openGolden(t, path, Options{KV: KVF32, Context: 256, Threads: 1})
			rec := &routeRecorder{experts: map[[2]int][]int32{}, weights: map[[2]int][]float32{}}
			m.Observe(rec.note)
			ids := append(append([]int32{}, g.Prompt...), g.Greedy...)
			s, err := m.NewSession()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			logits := feed(t, s, g.Prompt, len(g.Prompt))
			logits = append(logits, feed(t, s, g.Greedy, 1)...)
			worst, closest := checkLogits(t, g, ids, logits, g.tolerance())
			checkRoutes(t, g, rec)
			t.Logf("between %.2g and %.2g abs", closest, worst)
			if closest < 1e-4 {
				exact.Add(1)
			}
		})
	}
}

func (rec *routeRecorder) note(d *expert.Demand) {
	k := len(d.Chosen) / d.Tokens
	for i, pos := range d.Pos {
		rec.experts[[2]int{d.Layer, pos}] = slices.Clone(d.Chosen[i*k : (i+1)*k])
		rec.weights[[2]int{d.Layer, pos}] = slices.Clone(d.Weights[i*k : (i+1)*k])
	}
}

// tolerance is the most that a logit may differ. A float file leaves rounding
// alone: 1e-4 and 3e-3 of the logits' size. With integer activations the last
// bit of a sum can round an activation the other way, and the difference jumps;
// then the figure to stay under is llama.cpp's difference from itself, between
// batch sizes, or half of what not quantising activations at all would change.
func (g *golden) tolerance() float64 {
	switch g.FileType {
	case "F32":
		return 1e-4 * g.LogitStd
	case "F16":
		return 1e-2 * g.LogitStd
	}
	return max(0.1, g.Noise.PromptBatch1.MaxAbs, g.Noise.Dequantised.MaxAbs/2)
}

func checkLogits(t *testing.T, g golden, ids []int32, logits [][]float32, tolerance float64) (worst, closest float64) {
	closest = math.Inf(1)
	for i, p := range g.Positions {
		if p.Token != ids[i] {
			t.Fatalf("position %d: golden token %d, fed %d", i, p.Token, ids[i])
		}
		here := 0.0
		for _, top := range p.Top {
			here = max(here, math.Abs(float64(logits[i][int(top[0])])-top[1]))
		}
		worst, closest = max(worst, here), min(closest, here)
	}
	for _, f := range g.Full {
		l2 := 0.0
		for _, x := range logits[f.Pos] {
			l2 += float64(x) * float64(x)
		}
		if l2 = math.Sqrt(l2); math.Abs(l2-f.L2) > tolerance*math.Sqrt(float64(len(logits[f.Pos]))) {
			t.Errorf("position %d: L2 norm %g, want %g", f.Pos, l2, f.L2)
		}
		for _, s := range f.Sample {
			worst = max(worst, math.Abs(float64(logits[f.Pos][int(s[0])])-s[1]))
		}
	}
	if !(worst <= tolerance) {
		t.Errorf("a logit differs by %g, want at most %g", worst, tolerance)
	}
	for j, want := range g.Greedy {
		pos := len(g.Prompt) - 1 + j
		top := g.Positions[pos].Top
		if top[0][1]-top[1][1] > 2*worst && argmax(logits[pos]) != want {
			t.Errorf("position %d: greedy id %d, want %d", pos, argmax(logits[pos]), want)
		}
	}
	return worst, closest
}

func checkRoutes(t *testing.T, g golden, rec *routeRecorder) {
	for _, layer := range g.Router {
		for pos, want := range layer.Experts {
			got := rec.experts[[2]int{layer.Layer, pos}]
			inOrder := slices.Equal(got, want)
			slices.Sort(got)
			slices.Sort(want)
			if layer.MinGap > 0.02 && !slices.Equal(got, want) {
				t.Errorf("layer %d position %d: experts %v, want %v", layer.Layer, pos, got, want)
			}
			if !inOrder {
				continue
			}
			for slot, w := range layer.Weights[pos] {
				if d := math.Abs(float64(rec.weights[[2]int{layer.Layer, pos}][slot]) - w); d > 0.05*max(1, w) {
					t.Errorf("layer %d position %d slot %d: weight differs by %g", layer.Layer, pos, slot, d)
				}
			}
		}
	}
}

func argmax(x []float32) int32 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int32(best)
}
