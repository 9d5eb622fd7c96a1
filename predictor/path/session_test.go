package path

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// odd is a model with weights of no meaning and a layer without experts.
func odd(layers, experts, topK, width int) *Model {
	id := made(layers, experts, topK, 1000)
	if layers > 2 {
		id.Experts[1] = 0
	}
	m := newModel(id, width, []int32{3, 5, 7, 900}, nil)
	r := rand.New(rand.NewPCG(9, 9))
	m.begin(r)
	for i := range m.params {
		m.params[i] += float32(r.NormFloat64() * 0.3)
	}
	return m
}

// slow computes the probabilities of a layer as the package's text says, in
// float64.
func slow(m *Model, ids []int32, chosen [][][]int32, layer int) []float64 {
	w, t := m.width, len(ids)-1
	h := make([]float64, w)
	for i := range h {
		h[i] = float64(m.start[i]) + float64(m.token[int(m.row(ids[t]))*w+i])
		for j := 1; j <= min(lags, t); j++ {
			h[i] += float64(m.gates[(j-1)*w+i]) * float64(m.past[int(m.row(ids[t-j]))*w+i])
		}
		routed := float64(m.identity.routed() * m.identity.TopK)
		for l := range m.layers {
			if t > 0 && m.layers[l].experts > 0 {
				for _, e := range chosen[t-1][l] {
					h[i] += float64(m.layers[l].from[int(e)*w+i]) / routed
				}
			}
		}
	}
	of := m.layers[layer]
	p := make([]float64, of.experts)
	for e := range p {
		x := float64(of.bias[e])
		for i := range h {
			x += max(0, h[i]) * float64(of.out[i*of.experts+e])
		}
		often := 0.0
		for at := range t {
			often *= fade
			if slices.Contains(chosen[at][layer], int32(e)) {
				often += 1 - fade
			}
		}
		x += often * float64(of.often[e])
		if t > 0 && slices.Contains(chosen[t-1][layer], int32(e)) {
			x += float64(of.last[e])
		}
		p[e] = 1 / (1 + math.Exp(-x))
	}
	return p
}

// TestSession: what a Session foretells is what the formulas say, of a prompt in
// one pass and of tokens that come one by one.
func TestSession(t *testing.T) {
	m := odd(4, 16, 2, 13)
	r := rand.New(rand.NewPCG(2, 3))
	ids := []int32{3, 7, 7, 11, 900, 999, 5, 3, 0, 7, 7, 5, 3, 900, 12}
	var chosen [][][]int32 // [token][layer]
	for range ids {
		var of [][]int32
		for range m.layers {
			e := r.Int32N(16)
			of = append(of, []int32{e, (e + 1 + r.Int32N(15)) % 16})
		}
		chosen = append(chosen, of)
	}
	s := m.NewSession()
	for _, prompt := range []int{1, 9} {
		for from, to := 0, prompt; to <= len(ids); from, to = to, to+1 {
			s.Foretell(ids[from:to], from)
			for layer := range m.layers {
				got := s.Of(layer)
				if to-from > 1 || layer == 1 {
					if got != nil {
						t.Errorf("%d tokens, layer %d: found %v, want nil", to-from, layer, got)
					}
				} else {
					compare(t, got, slow(m, ids[:to], chosen, layer))
				}
				var all []int32
				for at := from; at < to; at++ {
					all = append(all, chosen[at][layer]...)
				}
				s.Observe(layer, all)
				s.Observe(layer, []int32{0, 1}) // a second time counts for nothing
				if s.Of(layer) != nil {
					t.Errorf("layer %d: foretold what has been observed", layer)
				}
			}
		}
	}
}

func compare(t *testing.T, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("found %d probabilities, want %d", len(got), len(want))
	}
	for e := range got {
		if math.Abs(float64(got[e])-want[e]) > 2e-5 {
			t.Errorf("expert %d: found %v, want %v", e, got[e], want[e])
		}
	}
}

// TestSessionJumps: a place that does not follow begins another text, of which
// nothing of the one before is left.
func TestSessionJumps(t *testing.T) {
	m := odd(3, 16, 2, 8)
	s, fresh := m.NewSession(), m.NewSession()
	for pos := range 10 {
		s.Foretell([]int32{int32(pos)}, pos)
		for layer := range m.layers {
			s.Observe(layer, []int32{int32(pos), 15})
		}
	}
	s.Foretell([]int32{7}, 40)
	fresh.Foretell([]int32{7}, 0)
	for layer := range m.layers {
		if got, want := s.Of(layer), fresh.Of(layer); !slices.Equal(got, want) {
			t.Errorf("layer %d: found %v, want %v", layer, got, want)
		}
	}
}

// TestSessionOdd: what no model does ends nothing, and a layer that was not
// observed has chosen nothing.
func TestSessionOdd(t *testing.T) {
	m := odd(3, 16, 2, 8)
	s := m.NewSession()
	if s.Of(0) != nil {
		t.Error("foretold a token that nobody has named")
	}
	s.Foretell(nil, 0)
	s.Observe(0, []int32{1, 2})
	s.Foretell([]int32{-5}, 0)
	for _, layer := range []int{-1, 1, 3} {
		if p := s.Of(layer); p != nil {
			t.Errorf("layer %d: found %v", layer, p)
		}
		s.Observe(layer, []int32{1, 2})
	}
	s.Observe(0, []int32{-1, 99, 4})
	s.Observe(2, []int32{1, 2})
	s.Foretell([]int32{1 << 30}, 1)
	for e, p := range s.Of(0) {
		if !(p >= 0 && p <= 1) {
			t.Errorf("expert %d: found %v", e, p)
		}
	}
	s.Foretell([]int32{3}, 2) // nothing was observed
	if l := &s.layers[2]; len(l.last) != 0 {
		t.Errorf("layer 2 is said to have chosen %v", l.last)
	}
}

func TestLogistic(t *testing.T) {
	for x := -40.0; x < 40; x += 0.0137 {
		got, want := float64(logistic(float32(x))), 1/(1+math.Exp(-x))
		if math.Abs(got-want) > 1e-5 || got < 0 || got > 1 {
			t.Fatalf("of %v: found %v, want %v", x, got, want)
		}
	}
}

func TestBest(t *testing.T) {
	p := []float32{0.1, 0.5, 0.5, 0.9, 0}
	if got, want := Best([]int32{3}, p, 3), []int32{3, 3, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if got := Best(nil, p, 9); len(got) != 5 {
		t.Errorf("found %v, want all five", got)
	}
}

// token lets s foretell and observe one token of a model of 48 layers of 128.
func token(s *Session, pos int, chosen []int32) {
	s.Foretell([]int32{int32(pos % 10)}, pos)
	for layer := range s.layers {
		s.Of(layer)
		s.Observe(layer, chosen)
	}
}

func TestSessionAllocates(t *testing.T) {
	s, chosen, pos := odd(4, 16, 2, 8).NewSession(), []int32{1, 3}, 0
	if n := testing.AllocsPerRun(100, func() { token(s, pos, chosen); pos++ }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkToken(b *testing.B) {
	s, chosen, pos := odd(48, 128, 8, defaultWidth).NewSession(), []int32{1, 3, 17, 33, 48, 77, 100, 120}, 0
	for b.Loop() {
		token(s, pos, chosen)
		pos++
	}
}

// BenchmarkLearn is a step of training, with batchSize tokens.
func BenchmarkLearn(b *testing.B) {
	id := made(48, 128, 8, 1000)
	all := texts(id, 1, 300, func(r *rand.Rand, _ []int32, _, slot int) int32 { return int32(slot*16 + r.IntN(16)) })
	t := newTraining(id, []span{{text: &all[0], to: 300}}, nil, Options{Width: defaultWidth, Threads: 2})
	for b.Loop() {
		t.batch.learn(t.samples[100 : 100+batchSize])
	}
}
