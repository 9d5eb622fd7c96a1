package moe

import (
	"math"
	"slices"
	"testing"

	"moed/moe/ggml"
	"moed/moe/gguf"
	"moed/moe/moetest"
)

// TestReference compares every form of model with a forward pass in float64
// that was written from the papers, apart from this one: with float weights
// closely, and each with a tied output too.
func TestReference(t *testing.T) {
	for _, form := range moetest.Models() {
		for _, tied := range []bool{false, true} {
			name := form
			if tied {
				name += "/tied"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				im, err := moetest.Spec{Model: form, Tied: tied, Type: ggml.F32}.Image()
				if err != nil {
					t.Fatal(err)
				}
				compareWithReference(t, im)
			})
		}
	}
}

func compareWithReference(t *testing.T, im *gguf.Image) {
	ref, err := moetest.Reference(im)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int32, 40)
	for i := range ids {
		ids[i] = int32((i*53 + 17) % 250)
	}
	want, chosen, err := ref.Logits(ids)
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(im, "tiny", Options{KV: KVF32, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	rec := &routeRecorder{experts: map[[2]int][]int32{}, weights: map[[2]int][]float32{}}
	m.Observe(rec.note)
	got := feed(t, newSession(t, m), ids, 11)
	worst := 0.0
	for pos := range want {
		diff, norm := 0.0, 0.0
		for i, x := range want[pos] {
			diff += (float64(got[pos][i]) - x) * (float64(got[pos][i]) - x)
			norm += x * x
		}
		worst = max(worst, math.Sqrt(diff/norm))
	}
	// Rounding to float32 in a few hundred operations one after the other.
	if !(worst < 1e-4) {
		t.Errorf("relative difference %g, want below 1e-4", worst)
	}
	for layer := range chosen {
		for pos := range chosen[layer] {
			var found []int
			for _, e := range rec.experts[[2]int{layer, pos}] {
				found = append(found, int(e))
			}
			if !slices.Equal(found, chosen[layer][pos]) {
				t.Errorf("layer %d position %d: experts %v, want %v", layer, pos, found, chosen[layer][pos])
			}
		}
	}
}
