package moe

import (
	"context"
	"slices"
	"testing"

	"moed/moe/expert"
)

// TestObserve: each layer with experts tells of itself once per pass, what it
// tells agrees with itself, and nobody is told any more after that has ended.
func TestObserve(t *testing.T) {
	for _, path := range goldenFiles(t) {
		m := openGolden(t, path, Options{Threads: 1, Context: 256})
		s := newSession(t, m)
		c := m.Config()
		var layers []int
		m.Observe(func(d *expert.Demand) {
			layers = append(layers, d.Layer)
			if len(d.IDs) != d.Tokens || len(d.Pos) != d.Tokens || len(d.Chosen) != d.Tokens*c.TopK || len(d.Probs) != d.Tokens*c.Experts {
				t.Errorf("%s: layer %d: %d tokens, %d ids, %d choices, %d probabilities", path, d.Layer, d.Tokens, len(d.IDs), len(d.Chosen), len(d.Probs))
			}
			for at, e := range d.Experts {
				n := int32(0)
				for _, chosen := range d.Chosen {
					if chosen == e {
						n++
					}
				}
				if n != d.Counts[at] || n == 0 {
					t.Errorf("%s: layer %d: expert %d is counted %d times, chosen %d times", path, d.Layer, e, d.Counts[at], n)
				}
			}
		})
		if _, err := s.Prefill(context.Background(), sequence(5), PrefillOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Step(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		var want []int
		for range 2 {
			for l := c.LeadDense; l < c.Layers && c.Experts > 0; l++ {
				want = append(want, l)
			}
		}
		if !slices.Equal(layers, want) {
			t.Errorf("%s: told of layers %v, want %v", path, layers, want)
		}
		m.Observe(nil)
		if _, err := s.Step(context.Background(), 1); err != nil {
			t.Fatal(err)
		}
		if len(layers) != len(want) {
			t.Errorf("%s: told of layer %d after the end", path, layers[len(want)])
		}
	}
}
