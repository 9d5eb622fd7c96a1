package predictor_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/kernels"
	"moed/predictor"
)

const (
	hidden  = 256
	experts = 32
	topK    = 4
)

// routers are those of three layers; the middle one has none.
func routers(r *rand.Rand, change func(*expert.Gate)) []expert.Gate {
	gates := make([]expert.Gate, 3)
	for _, i := range []int{0, 2} {
		data := make([]byte, experts*hidden*4)
		kernels.StoreF32(data, floats(r, experts*hidden))
		m, err := kernels.NewMatrix(ggml.F32, experts, hidden, data)
		if err != nil {
			panic(err)
		}
		g := expert.Gate{Router: m, Norm: floats(r, hidden), TopK: topK}
		for j := range g.Norm {
			g.Norm[j] = 1 + g.Norm[j]/4
		}
		if change != nil {
			change(&g)
		}
		gates[i] = g
	}
	return gates
}

func floats(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// exact are the experts that gate chooses for x, the state before its norm, in
// float64, and the gap between the last of them and the next.
func exact(g *expert.Gate, x []float32) (chosen []int32, gap float64) {
	scores := make([]float64, experts)
	row := make([]float32, hidden)
	for e := range scores {
		kernels.Dequantize(row, g.Router.Type, g.Router.Data[e*g.Router.Stride:])
		for j := range row {
			scores[e] += float64(row[j]) * float64(x[j]) * float64(g.Norm[j])
		}
		if g.Bias != nil {
			scores[e] += float64(g.Bias[e])
		}
		if g.Sigmoid {
			scores[e] = 1 / (1 + math.Exp(-scores[e]))
		}
		if g.SelectBias != nil {
			scores[e] += float64(g.SelectBias[e])
		}
	}
	order := make([]int32, experts)
	for e := range order {
		order[e] = int32(e)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if scores[a] > scores[b] {
			return -1
		}
		return 1
	})
	chosen = slices.Clone(order[:topK])
	slices.Sort(chosen)
	return chosen, scores[order[topK-1]] - scores[order[topK]]
}

// demand is what layer 0 shows: its norm's output for each state.
func demand(g *expert.Gate, states [][]float32) *expert.Demand {
	d := &expert.Demand{Tokens: len(states)}
	for _, x := range states {
		for j := range x {
			d.Hidden = append(d.Hidden, x[j]*g.Norm[j])
		}
	}
	return d
}

// TestGuess: where the residual stream does not change between two layers, the
// later router is foreseen, up to what eight bits blur.
func TestGuess(t *testing.T) {
	for name, change := range map[string]func(r *rand.Rand, g *expert.Gate){
		"plain":   func(*rand.Rand, *expert.Gate) {},
		"bias":    func(r *rand.Rand, g *expert.Gate) { g.Bias = floats(r, experts) },
		"sigmoid": func(r *rand.Rand, g *expert.Gate) { g.Sigmoid, g.SelectBias = true, floats(r, experts) },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			gates := routers(r, func(g *expert.Gate) { change(r, g) })
			p, err := predictor.NewGate(gates)
			if err != nil {
				t.Fatal(err)
			}
			compared := 0
			for range 200 {
				x := floats(r, hidden)
				want, gap := exact(&gates[2], x)
				got := p.Guess(nil, demand(&gates[0], [][]float32{x}), 2)
				blur := 0.5 // of logits with a spread of 16
				if name == "sigmoid" {
					blur = 0.1
				}
				if gap < blur {
					continue
				}
				compared++
				if !slices.Equal(got, want) {
					t.Fatalf("guessed %v, the router chooses %v with a gap of %.2f", got, want, gap)
				}
			}
			if compared < 20 {
				t.Errorf("only %d of 200 choices were clear enough to compare", compared)
			}
		})
	}
}

// TestGuessUnion: the tokens of a batch are united, and from a share of the
// layer on all of it is named.
func TestGuessUnion(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	gates := routers(r, nil)
	p, err := predictor.NewGate(gates)
	if err != nil {
		t.Fatal(err)
	}
	a, b := floats(r, hidden), floats(r, hidden)
	one := p.Guess(nil, demand(&gates[0], [][]float32{a}), 2)
	other := p.Guess(nil, demand(&gates[0], [][]float32{b}), 2)
	want := slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(one), other...))))
	if got := p.Guess([]int32{99}, demand(&gates[0], [][]float32{a, b, a}), 2); !slices.Equal(got[1:], want) || got[0] != 99 {
		t.Errorf("guessed %v for tokens that alone give %v and %v", got, one, other)
	}
	var many [][]float32
	for range 500 {
		many = append(many, floats(r, hidden))
	}
	if got := p.Guess(nil, demand(&gates[0], many), 2); len(got) != experts {
		t.Errorf("guessed %d experts for 500 tokens, want all %d", len(got), experts)
	}
}

// TestGuessNothing: what is not a number names nobody, and does no harm.
func TestGuessNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	gates := routers(r, nil)
	p, err := predictor.NewGate(gates)
	if err != nil {
		t.Fatal(err)
	}
	x := floats(r, hidden)
	for j := range x {
		x[j] = float32(math.NaN())
	}
	if got := p.Guess(nil, demand(&gates[0], [][]float32{x}), 2); len(got) > topK {
		t.Errorf("guessed %v from a state that is not a number", got)
	}
	if _, err := predictor.NewGate(make([]expert.Gate, 2)); err == nil {
		t.Error("a model without routers was accepted")
	}
}
