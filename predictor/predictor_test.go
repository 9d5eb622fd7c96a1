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
func routers(t testing.TB, r *rand.Rand, change func(*expert.Gate)) []expert.Gate {
	t.Helper()
	gates := make([]expert.Gate, 3)
	for _, i := range []int{0, 2} {
		data := make([]byte, experts*hidden*4)
		kernels.StoreF32(data, floats(r, experts*hidden))
		m, err := kernels.NewMatrix(ggml.F32, experts, hidden, data)
		if err != nil {
			t.Fatal(err)
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

// exact is what gate chooses for x, the state before its norm, in float64, the
// most preferred first.
func exact(g *expert.Gate, x []float32) []int32 {
	scores := make([]float64, experts)
	row := make([]float32, hidden)
	order := make([]int32, experts)
	for e := range scores {
		order[e] = int32(e)
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
	slices.SortFunc(order, func(a, b int32) int {
		if scores[a] > scores[b] {
			return -1
		}
		return 1
	})
	return order[:topK]
}

// shown is what a layer shows of states that do not change from layer to layer.
func shown(gates []expert.Gate, layer int, states [][]float32) *expert.Demand {
	g := &gates[layer]
	d := &expert.Demand{Layer: layer, Tokens: len(states)}
	for _, x := range states {
		for j := range x {
			d.Hidden = append(d.Hidden, x[j]*g.Norm[j])
		}
		d.Chosen = append(d.Chosen, exact(g, x)...)
	}
	united(d)
	return d
}

// TestForms: where the residual stream does not change between two layers, the
// later router is foreseen, whatever its form, up to what four bits blur.
func TestForms(t *testing.T) {
	for name, change := range map[string]func(r *rand.Rand, g *expert.Gate){
		"plain":   func(*rand.Rand, *expert.Gate) {},
		"bias":    func(r *rand.Rand, g *expert.Gate) { g.Bias = floats(r, experts) },
		"sigmoid": func(r *rand.Rand, g *expert.Gate) { g.Sigmoid = true; kernels.Scale(g.Norm, 1./16) },
		"chosen with a bias": func(r *rand.Rand, g *expert.Gate) {
			g.Sigmoid, g.SelectBias = true, floats(r, experts)
			kernels.Scale(g.SelectBias, 1./8)
			kernels.Scale(g.Norm, 1./16)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			gates := routers(t, r, func(g *expert.Gate) { change(r, g) })
			j, err := predictor.NewJudge(gates, predictor.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for range 400 {
				x := [][]float32{floats(r, hidden)}
				j.Observe(shown(gates, 0, x))
				j.Observe(shown(gates, 2, x))
			}
			scores := j.Scores()
			if len(scores) != 1 || scores[0].Layer != 2 || scores[0].Distance != 2 || scores[0].Visits != 400 {
				t.Fatalf("judged %+v", scores)
			}
			if x := scores[0].Recall; x.Mixer < 0.85 || *x.Gate < 0.85 || x.Shuffled > 0.5 {
				t.Errorf("named %.3f, the gate alone %.3f, of another token's choice %.3f", x.Mixer, *x.Gate, x.Shuffled)
			}
		})
	}
}

// TestStream: where the state says nothing, what came with what is learned, and
// probabilities are right.
func TestStream(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	gates := make([]expert.Gate, 2)
	for i := range gates {
		gates[i] = expert.Gate{Router: kernels.Matrix{Rows: experts}, TopK: 1}
	}
	j, err := predictor.NewJudge(gates, predictor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12000 {
		if i == 2000 {
			j.Forget()
		}
		first := int32(r.IntN(experts))
		second := (first*5 + 3) % experts
		if r.Float64() > float64(first)/experts { // some are surer than others
			second = int32(r.IntN(experts))
		}
		for layer, e := range []int32{first, second} {
			d := &expert.Demand{Layer: layer, Tokens: 1, Chosen: []int32{e}}
			united(d)
			j.Observe(d)
		}
	}
	s := j.Scores()[0]
	if s.Recall.Mixer < 0.45 || s.Recall.Gate != nil || s.Recall.Token != nil || s.Recall.Shuffled > 0.1 {
		t.Errorf("recall %+v, gate %v, token %v", s.Recall, s.Recall.Gate, s.Recall.Token)
	}
	calibrated(t, s)
}

// TestUnion: the tokens of a batch are united, and from a share of the layer on
// all of it is named.
func TestUnion(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	gates := routers(t, r, nil)
	for _, tokens := range []int{2, 5, 64, 65, 500} {
		p, err := predictor.New(gates, predictor.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []expert.Guess
		found, wanted := 0, 0
		for pass := range 60 {
			var states [][]float32
			for range tokens {
				states = append(states, floats(r, hidden))
			}
			d, then := shown(gates, 0, states), shown(gates, 2, states)
			p.Observe(d)
			got = p.Guess(got[:0], d, 2)
			p.Observe(then)
			if !slices.IsSortedFunc(got, func(a, b expert.Guess) int { return int(a.Expert - b.Expert) }) {
				t.Fatalf("not in order: %v", got)
			}
			if pass < 30 {
				continue
			}
			wanted += len(then.Experts)
			for _, g := range got {
				if g.P < 0 || g.P > 1 {
					t.Fatalf("a probability of %v", g.P)
				}
				if _, ok := slices.BinarySearch(then.Experts, g.Expert); ok && g.P > 0.3 {
					found++
				}
			}
		}
		if share := float64(found) / float64(wanted); share < 0.85 {
			t.Errorf("%d tokens: of what they want %.2f was likely", tokens, share)
		}
		if tokens > 60 && len(got) != experts {
			t.Errorf("%d tokens: %d experts named, want all", tokens, len(got))
		}
	}
}

// TestNothing: what is not a number does no harm, nor then and nor later.
func TestNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	gates := routers(t, r, nil)
	p, err := predictor.New(gates, predictor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []expert.Guess
	for pass := range 300 {
		x := [][]float32{floats(r, hidden)}
		d, then := shown(gates, 0, x), shown(gates, 2, x)
		if pass%3 == 1 {
			for _, d := range []*expert.Demand{d, then} {
				for i := range d.Hidden {
					d.Hidden[i] = float32(math.NaN())
				}
				d.Probs = make([]float32, experts)
				d.Probs[pass%experts] = float32(math.Inf(1))
				d.Probs[pass/2%experts] = float32(math.NaN())
			}
		}
		p.Observe(d)
		got = p.Guess(got[:0], d, 2)
		p.Observe(then)
		hits := 0
		for _, g := range got {
			if !(g.P >= 0 && g.P <= 1) {
				t.Fatalf("pass %d: a probability of %v", pass, g.P)
			}
			if g.P > 0.5 && slices.Contains(then.Experts, g.Expert) {
				hits++
			}
		}
		if pass > 200 && pass%3 == 0 && hits == 0 {
			t.Errorf("pass %d: nothing of %v is likely in %v", pass, then.Experts, got)
		}
	}
}

// TestOdd: demands by hand, and what cannot be asked.
func TestOdd(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	gates := routers(t, r, nil)
	p, err := predictor.New(gates, predictor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bare := &expert.Demand{Layer: 0, Tokens: 3, Experts: []int32{1, 5}, Counts: []int32{3, 2}}
	for _, d := range []*expert.Demand{
		bare, {Layer: 1, Tokens: 1}, {Layer: -1, Tokens: 1}, {Layer: 9, Tokens: 1}, {Layer: 0},
		{Layer: 0, Tokens: 2, Experts: []int32{-4, 900}, Chosen: []int32{7}, Hidden: []float32{1}},
	} {
		p.Observe(d)
		for layer := -1; layer < 4; layer++ {
			got := p.Guess(nil, d, layer)
			if may := layer == 2 && d.Layer == 0 && d.Tokens > 0; !may && len(got) > 0 {
				t.Errorf("guessed %v of layer %d from %+v", got, layer, d)
			}
		}
	}
	if _, err := predictor.New(make([]expert.Gate, 2), predictor.Options{}); err == nil {
		t.Error("a model without routers was accepted")
	}
	gates[2].TopK = experts + 1
	if _, err := predictor.New(gates, predictor.Options{}); err == nil {
		t.Error("a router that chooses more than there are was accepted")
	}
}

// known is a path that has seen the future.
type known struct{ p []float32 }

func (k *known) Foretell([]int32, int)  {}
func (k *known) Of(layer int) []float32 { return k.p }
func (k *known) Observe(int, []int32)   {}

// TestPath: a path that is right is believed.
func TestPath(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	gates := []expert.Gate{{Router: kernels.Matrix{Rows: experts}, TopK: 1}, {Router: kernels.Matrix{Rows: experts}, TopK: 1}}
	k := &known{p: make([]float32, experts)}
	j, err := predictor.NewJudge(gates, predictor.Options{Path: k})
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		e := int32(r.IntN(experts))
		clear(k.p)
		k.p[e] = 0.9
		for layer := range 2 {
			d := &expert.Demand{Layer: layer, Tokens: 1, Chosen: []int32{e * int32(layer)}}
			united(d)
			j.Observe(d)
		}
	}
	if x := j.Scores()[0].Recall; x.Mixer < 0.95 || *x.Path != 1 {
		t.Errorf("named %.3f, the path %.3f", x.Mixer, *x.Path)
	}
}

// TestAllocations: after some passes there are none.
func TestAllocations(t *testing.T) {
	for _, tokens := range []int{1, 80} {
		l := newLarge(t, 4, 16, 64, 2, tokens)
		l.pass()
		l.pass()
		if n := testing.AllocsPerRun(100, l.pass); n != 0 {
			t.Errorf("%d tokens: %v allocations in a pass", tokens, n)
		}
	}
}
