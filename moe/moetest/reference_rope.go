package moetest

import "math"

// rope rotates pairs of a head's values by angles that grow with the position
// (J. Su et al., RoFormer, 2021).
type rope struct {
	halves bool      // pair i with i + dim/2 rather than 2i with 2i+1
	freqs  []float64 // angle per position of each pair
	scale  float64   // of the rotated values
}

// apply rotates the first 2·len(freqs) values of x, in place.
func (r *rope) apply(x []float64, position int) {
	n := len(r.freqs)
	for i, freq := range r.freqs {
		a, b := 2*i, 2*i+1
		if r.halves {
			a, b = i, i+n
		}
		sin, cos := math.Sincos(float64(position) * freq)
		sin, cos = sin*r.scale, cos*r.scale
		x[a], x[b] = x[a]*cos-x[b]*sin, x[a]*sin+x[b]*cos
	}
}

// readRope completes c.rope, and with YaRN c.attentionScale.
func (c *refConfig) readRope(k *refKeys) rope {
	r := rope{halves: c.rope.halves, scale: 1}
	dim := k.sizeOr("rope.dimension_count", c.keyDim)
	base := k.floatOr("rope.freq_base", 10000)
	for i := range dim / 2 {
		r.freqs = append(r.freqs, math.Pow(base, -2*float64(i)/float64(dim)))
	}
	if kind, err := k.f.String(k.arch + ".rope.scaling.type"); err != nil || kind != "yarn" {
		k.fail(err)
		return r
	}
	factor := k.floatOr("rope.scaling.factor", 1)
	trained := k.floatOr("rope.scaling.original_context_length", 0)
	r.stretch(factor, trained, base)
	r.scale = 1 + 0.1*math.Log(factor)
	// DeepSeek scales the dot products instead: m² with m = 0.1·mscale·ln(factor) + 1,
	// where files hold 0.1·mscale.
	if m := k.floatOr("rope.scaling.yarn_log_multiplier", 0); m != 0 {
		r.scale = 1
		m = 1 + m*math.Log(factor)
		c.attentionScale *= m * m
	}
	return r
}

// stretch slows the pairs that do not complete a turn within the trained context
// by factor, leaves those with 32 turns or more, and blends between (B. Peng et
// al., YaRN: Efficient Context Window Extension of Large Language Models, 2023).
// The bounds of the blend are whole pairs.
func (r *rope) stretch(factor, trained, base float64) {
	dim := 2 * float64(len(r.freqs))
	pairWithTurns := func(turns float64) float64 {
		return dim * math.Log(trained/(turns*2*math.Pi)) / (2 * math.Log(base))
	}
	low := max(0, math.Floor(pairWithTurns(32)))
	high := min(dim-1, math.Ceil(pairWithTurns(1)))
	for i := range r.freqs {
		slow := (float64(i) - low) / max(0.001, high-low)
		slow = max(0, min(1, slow))
		r.freqs[i] = r.freqs[i]/factor*slow + r.freqs[i]*(1-slow)
	}
}
