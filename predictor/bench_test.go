package predictor_test

import (
	"math/rand/v2"
	"testing"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/kernels"
	"moed/predictor"
)

// large is the shape of a model whose experts do not fit in memory: a pass of
// one token, in which each layer is asked about the one two layers on.
type large struct {
	p       *predictor.Predictor
	gates   []expert.Gate
	demands []expert.Demand
	guesses []expert.Guess
}

func newLarge(tb testing.TB, layers, experts, hidden, topK, tokens int) *large {
	r := rand.New(rand.NewPCG(1, 2))
	gates := make([]expert.Gate, layers)
	l := &large{gates: gates, demands: make([]expert.Demand, layers)}
	for i := range gates {
		data := make([]byte, experts*hidden*2)
		kernels.StoreF16(data, floats(r, experts*hidden))
		m, err := kernels.NewMatrix(ggml.F16, experts, hidden, data)
		if err != nil {
			tb.Fatal(err)
		}
		norm := floats(r, hidden)
		for j := range norm {
			norm[j] = 1 + norm[j]/8
		}
		gates[i] = expert.Gate{Router: m, Norm: norm, TopK: topK}
		l.demands[i] = chosenBy(r, i, experts, topK, floats(r, tokens*hidden), tokens)
	}
	var err error
	if l.p, err = predictor.New(gates, predictor.Options{}); err != nil {
		tb.Fatal(err)
	}
	return l
}

func (l *large) pass() {
	for i := range l.demands {
		l.p.Observe(&l.demands[i])
		l.guesses = l.p.Guess(l.guesses[:0], &l.demands[i], i+2)
	}
}

// BenchmarkGuess is what one token costs a model of 48 layers.
func BenchmarkGuess(b *testing.B) {
	l := newLarge(b, 48, 128, 2048, 6, 1)
	l.pass()
	l.pass()
	b.ReportAllocs()
	for b.Loop() {
		l.pass()
	}
}
