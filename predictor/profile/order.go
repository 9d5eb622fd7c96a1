package profile

import (
	"cmp"
	"slices"
)

// A Place is one expert of a model.
type Place struct {
	Layer, Expert int
}

const (
	// massWeight is how far the router's probabilities are trusted beside what
	// it chose: they tell experts apart that nobody has chosen yet.
	massWeight = 0.1
	// leastShare is the fewest expected uses per token that are worth a read
	// before anybody asks.
	leastShare = 1e-3
)

// Share appends to dst the expected uses per token of each of a layer's experts,
// 0 to 1, and returns it: nothing for a layer that has not been seen.
func (p *Profile) Share(dst []float32, at int) []float32 {
	if at < 0 || at >= len(p.layers) {
		return dst
	}
	l := &p.layers[at]
	if l.tokens < leastTokens*l.unit {
		return dst
	}
	perUse, perMass := l.weights()
	for e := range l.uses {
		dst = append(dst, float32(min(perUse*l.uses[e]+perMass*l.mass[e], 1)))
	}
	return dst
}

// leastTokens is what a layer's tokens must come to: what has decayed further is
// forgotten, before its quotients are no numbers any more.
const leastTokens = 1e-6

// weights turn counts into expected uses per token. Probabilities count so that
// all experts together are used as often as they were.
func (l *layer) weights() (perUse, perMass float64) {
	uses, mass := 0.0, 0.0
	for e := range l.uses {
		uses, mass = uses+l.uses[e], mass+l.mass[e]
	}
	if mass == 0 {
		return 1 / l.tokens, 0
	}
	return (1 - massWeight) / l.tokens, massWeight * uses / mass / l.tokens
}

// Order lists the experts in descending order of expected uses per token and
// byte; bytes are those of one expert of each layer. Experts of equal value
// stand by layer and number. Those used less than once in a thousand tokens, and
// layers of no bytes, are left out.
func (p *Profile) Order(bytes []int64) []Place {
	type valued struct {
		Place
		value float64
	}
	var all []valued
	var shares []float32
	for i := range p.layers {
		if i >= len(bytes) || bytes[i] <= 0 {
			continue
		}
		shares = p.Share(shares[:0], i)
		for e, share := range shares {
			if share >= leastShare {
				all = append(all, valued{Place{i, e}, float64(share) / float64(bytes[i])})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b valued) int { return cmp.Compare(b.value, a.value) })
	order := make([]Place, len(all))
	for i := range all {
		order[i] = all[i].Place
	}
	return order
}
