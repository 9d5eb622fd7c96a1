package path

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// Verdict is how well a Model foretells what it has not been trained on.
type Verdict struct {
	Trained, Stopped, Judged int // tokens that taught, that told when to stop, that were judged
	Loss                     float64
	Layers                   []Recall // by layer; zero where a layer has no experts
}

// Recall is the share of a layer's chosen experts that are among the top-k
// likeliest of a guess.
type Recall struct {
	Path     float64 // of the Model
	Popular  float64 // of those that most of the trained tokens chose
	Previous float64 // of those that the token before chose
	// Shuffled is that of the Model's guesses when they are put against the
	// choices of other tokens: what it would name without knowing anything of
	// the token.
	Shuffled float64
}

// setPopular sets the biases to how often each expert is chosen.
func (m *Model) setPopular(spans []span) {
	for at := range m.layers {
		counts, tokens := m.counts(spans, at)
		for e, n := range counts {
			p := (n + 0.5) / (tokens + 1)
			m.layers[at].bias[e] = float32(math.Log(p / (1 - p)))
		}
	}
}

// counts is how many tokens there are whose choices in a layer are known, and
// how many chose each expert.
func (m *Model) counts(spans []span, at int) (counts []float64, tokens float64) {
	counts = make([]float64, m.layers[at].experts)
	k := m.identity.TopK
	for _, s := range spans {
		if len(counts) == 0 {
			break
		}
		for _, e := range s.text.Chosen[at][s.from*k : s.to*k] {
			if e >= 0 {
				counts[e]++
				tokens += 1 / float64(k)
			}
		}
	}
	return counts, max(tokens, slices.Max(append(counts, 0)))
}

// follow calls use for each token of s whose choices are to be foretold, in
// order, with a Session that has just been told of it.
func (s *span) follow(m *Model, use func(session *Session, at int)) {
	session, k := m.NewSession(), m.identity.TopK
	for at := range s.to {
		session.Foretell(s.text.IDs[at:at+1], at)
		if at >= s.from {
			use(session, at)
		}
		for layer := range m.layers {
			if m.layers[layer].experts > 0 {
				session.Observe(layer, s.text.Chosen[layer][at*k:][:k])
			}
		}
	}
}

// loss is the binary cross entropy per token of spans.
func loss(m *Model, spans []span, threads int) float64 {
	parts := make([]float64, len(spans))
	parallel(threads, len(spans), func(i int) {
		spans[i].follow(m, func(s *Session, at int) {
			for layer := range m.layers {
				if m.layers[layer].experts > 0 {
					parts[i] += entropy(s.Of(layer), spans[i].text.Chosen[layer][at*m.identity.TopK:][:m.identity.TopK])
				}
			}
		})
	})
	sum := 0.0
	for _, p := range parts {
		sum += p
	}
	return sum / float64(max(1, tokens(spans)))
}

// entropy is the binary cross entropy of probabilities p when chosen came true.
func entropy(p []float32, chosen []int32) float64 {
	if slices.Min(chosen) < 0 {
		return 0
	}
	sum, product := 0.0, 1.0 // of probabilities, a few at a time: a logarithm takes long
	for e, x := range p {
		product *= max(1-float64(x), 1e-12)
		if e%16 == 15 {
			sum -= math.Log(product)
			product = 1
		}
	}
	for _, e := range chosen {
		sum -= math.Log(max(float64(p[e]), 1e-12) / max(1-float64(p[e]), 1e-12))
	}
	return sum - math.Log(product)
}

// guess is a layer's likeliest experts for one token, and what the token and the
// one before it chose.
type guess struct{ named, chosen, before []int32 }

// judge compares m with simpler guesses on spans.
func judge(m *Model, learned, spans []span, threads int) *Verdict {
	v := &Verdict{Trained: tokens(learned), Judged: tokens(spans), Loss: loss(m, spans, threads), Layers: make([]Recall, len(m.layers))}
	k := m.identity.TopK
	bySpan := make([][]guess, len(spans)) // [tokens][layers]
	parallel(threads, len(spans), func(i int) {
		spans[i].follow(m, func(s *Session, at int) {
			for layer := range m.layers {
				var g guess
				if m.layers[layer].experts > 0 {
					chosen := spans[i].text.Chosen[layer]
					g = guess{named: Best(nil, s.Of(layer), k), chosen: chosen[at*k:][:k]}
					if at > 0 {
						g.before = chosen[(at-1)*k:][:k]
					}
				}
				bySpan[i] = append(bySpan[i], g)
			}
		})
	})
	guesses := slices.Concat(bySpan...)
	others := rand.New(rand.NewPCG(3, 4)).Perm(v.Judged)
	parallel(threads, len(m.layers), func(layer int) {
		if m.layers[layer].experts > 0 {
			counts, _ := m.counts(learned, layer)
			popular := mostCounted(counts, k)
			v.Layers[layer] = recall(len(m.layers), layer, guesses, popular, others)
		}
	})
	return v
}

// recall judges one of several layers.
func recall(layers, layer int, guesses []guess, popular []int32, others []int) Recall {
	var r Recall
	known := 0.0
	for i := range others {
		g := &guesses[i*layers+layer]
		if slices.Min(g.chosen) < 0 {
			continue
		}
		known += float64(len(g.chosen))
		r.Path += among(g.chosen, g.named)
		r.Popular += among(g.chosen, popular)
		r.Previous += among(g.chosen, g.before)
		r.Shuffled += among(g.chosen, guesses[others[i]*layers+layer].named)
	}
	known = max(known, 1)
	return Recall{r.Path / known, r.Popular / known, r.Previous / known, r.Shuffled / known}
}

// among is how many of chosen are in named.
func among(chosen, named []int32) float64 {
	n := 0.0
	for _, e := range chosen {
		if slices.Contains(named, e) {
			n++
		}
	}
	return n
}

// mostCounted is the k experts with the highest counts.
func mostCounted(counts []float64, k int) []int32 {
	order := make([]int32, len(counts))
	for e := range order {
		order[e] = int32(e)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(counts[b], counts[a]) })
	return order[:min(k, len(order))]
}
