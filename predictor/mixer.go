package predictor

import (
	"math"

	"moed/moe/kernels"
)

// mode says which sources have something to say. Each combination has weights
// of its own, as the others count for more where one is missing.
type mode int

const (
	withGate mode = 1 << iota
	withPath
	modes = 1 << iota
)

// mixer weighs the features of experts at one distance: logistic regression,
// learned online, with weights for all layers together and a correction for
// each. Its probabilities are of one token; a curve corrects those of a pass.
type mixer struct {
	shared regression
	own    []regression // [layers]
	one    curve        // for passes of one token
	many   curve        // for batches
}

// regression has a weight per feature, and one more for the bias.
type regression struct {
	w      [count + 1]float32
	square [count + 1]float32 // of the gradients, for AdaGrad (Duchi et al. 2011)
}

const (
	sharedStep = 0.05
	ownStep    = 0.05
)

// newMixers makes a mixer for each distance and mode, with weights that are
// about what small models end up with.
func newMixers(ahead, layers int) []mixer {
	all := make([]mixer, ahead*modes)
	for i := range all {
		m := &all[i]
		m.own = make([]regression, layers)
		w := &m.shared.w
		w[transition], w[token], w[popularity], w[lately], w[opinion] = 0.4, 0.3, 0.1, 0.1, 0.1
		if of := mode(i % modes); of&withGate != 0 {
			w[gap], w[top], w[count] = 1.5, 1, -1
			w[transition], w[token], w[popularity], w[lately], w[opinion] = 0.2, 0.2, 0.1, 0.1, 0.1
		}
		if of := mode(i % modes); of&withPath != 0 {
			w[foretold] = 0.3
		}
		for f := range m.shared.square {
			m.shared.square[f] = 1
			for l := range m.own {
				m.own[l].square[f] = 1
			}
		}
		m.one, m.many = newCurve(), newCurve()
	}
	return all
}

func (m *mixer) curve(tokens int) *curve {
	if tokens > 1 {
		return &m.many
	}
	return &m.one
}

// weights are those for a layer.
func (m *mixer) weights(layer int) (w [count + 1]float32) {
	for f := range w {
		w[f] = m.shared.w[f] + m.own[layer].w[f]
	}
	return w
}

// mix sets odds to the weighed sum of the features.
func mix(odds []float32, x *features, w [count + 1]float32) {
	for e := range odds {
		odds[e] = w[count]
	}
	for f := range x {
		if w[f] != 0 {
			kernels.AddScaled(odds, x[f][:len(odds)], w[f])
		}
	}
}

// learn moves the weights towards what would have foretold hits, [experts],
// from x better than odds did. wrong is memory for [experts].
func (m *mixer) learn(layer int, x *features, odds, hits, wrong []float32, of mode) {
	copy(wrong, odds)
	kernels.Sigmoid(wrong)
	var g [count + 1]float32
	for e, h := range hits {
		wrong[e] = h - wrong[e]
		g[count] += wrong[e]
	}
	for f := range x {
		if f == foretold && of&withPath == 0 || f <= top && of&withGate == 0 {
			continue
		}
		g[f] = dot(wrong, x[f][:len(wrong)])
	}
	m.shared.step(&g, sharedStep)
	m.own[layer].step(&g, ownStep)
}

func (r *regression) step(g *[count + 1]float32, rate float32) {
	for f, x := range g {
		if x != 0 {
			r.square[f] += x * x
			r.w[f] += rate * x / float32(math.Sqrt(float64(r.square[f])))
		}
	}
}

func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// union sets odds to the log-odds that some token wants each expert, where miss
// is how likely none of a sample does, and each of that stands for so many.
func union(odds, miss []float32, each float64) {
	for e, x := range miss {
		none := min(max(math.Pow(float64(x), each), 1e-6), 1-1e-6)
		odds[e] = float32(math.Log((1 - none) / none))
	}
}
