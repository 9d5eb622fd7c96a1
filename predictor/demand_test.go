package predictor_test

import (
	"math/rand/v2"
	"slices"

	"moed/moe/expert"
)

func floats(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// chosenBy is a demand of a layer in which each token chooses at random.
func chosenBy(r *rand.Rand, layer, experts, topK int, hidden []float32, tokens int) expert.Demand {
	d := expert.Demand{Layer: layer, Tokens: tokens, Hidden: hidden}
	for range tokens {
		for _, e := range r.Perm(experts)[:topK] {
			d.Chosen = append(d.Chosen, int32(e))
		}
		p := make([]float32, experts)
		for e := range p {
			p[e] = r.Float32() / float32(experts)
		}
		d.Probs = append(d.Probs, p...)
	}
	united(&d)
	return d
}

// united sets Experts and Counts from Chosen.
func united(d *expert.Demand) {
	d.Experts = slices.Compact(slices.Sorted(slices.Values(d.Chosen)))
	d.Counts = make([]int32, len(d.Experts))
	for _, e := range d.Chosen {
		i, _ := slices.BinarySearch(d.Experts, e)
		d.Counts[i]++
	}
}
