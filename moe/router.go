package moe

import (
	"math"

	"moed/moe/kernels"
)

// routing is the routers' output for a batch and its order by expert. A pair is
// one (token, slot): one expert that one token chose. Pairs are numbered expert
// by expert, within an expert by token, so that an expert's inputs and outputs
// lie together.
type routing struct {
	logits  []float32 // [B][e], then probabilities
	scores  []float32 // [e] selection scores of the token at hand
	chosen  []int32   // [B][k] experts in descending order of selection score
	weights []float32 // [B][k]

	starts []int32 // [e+1] first pair of each expert
	tokens []int32 // [pair] its token
	pairs  []int32 // [B][k] the pair of each token and slot
}

func newRouting(c *Config, B int) routing {
	pairs := B * c.TopK
	return routing{
		logits:  make([]float32, B*c.Experts),
		scores:  make([]float32, c.Experts),
		chosen:  make([]int32, pairs),
		weights: make([]float32, pairs),
		starts:  make([]int32, c.Experts+1),
		tokens:  make([]int32, pairs),
		pairs:   make([]int32, pairs),
	}
}

// minWeightSum keeps the normalisation of weights that are all next to zero
// finite: the smallest normal half, as llama.cpp has it.
const minWeightSum = 6.103515625e-5

// route chooses each token's experts from the router's logits.
func (r *runner) route() {
	c := r.config
	for i := range r.n {
		logits := r.routing.logits[i*c.Experts : (i+1)*c.Experts]
		addBias(logits, r.layer.routerBias)
		chosen, weights := r.routing.chosen[i*c.TopK:(i+1)*c.TopK], r.routing.weights[i*c.TopK:(i+1)*c.TopK]
		chooseExperts(c, logits, r.layer.selectBias, r.routing.scores, chosen, weights)
	}
	r.routing.order(c, r.n)
}

// chooseExperts turns one token's router logits, which become probabilities,
// into chosen experts and their weights. bias is added for the choice only (nil for
// none); scores is scratch of the same length.
func chooseExperts(c *Config, logits, bias, scores []float32, chosen []int32, weights []float32) {
	switch c.Gating {
	case GatingSoftmax:
		kernels.Softmax(logits)
	case GatingSigmoid:
		kernels.Sigmoid(logits)
	}
	copy(scores, logits)
	if bias != nil {
		kernels.Add(scores, bias)
	}
	if c.Groups > 1 {
		maskGroups(scores, c.Groups, c.GroupsUsed)
	}
	for slot := range chosen {
		best := 0
		for e, s := range scores {
			if s > scores[best] {
				best = e
			}
		}
		chosen[slot], weights[slot] = int32(best), logits[best]
		scores[best] = float32(math.Inf(-1))
	}
	if c.Gating == GatingSoftmaxChosen {
		kernels.Softmax(weights)
		kernels.Softmax(logits) // for who predicts
	}
	if c.NormWeights {
		sum := float32(0)
		for _, w := range weights {
			sum += w
		}
		kernels.Scale(weights, 1/max(sum, minWeightSum))
	}
	if c.WeightScale != 0 && c.WeightScale != 1 {
		kernels.Scale(weights, c.WeightScale)
	}
}

// maskGroups leaves the scores of the best groups alone and takes the others
// out of the choice. A group counts as much as its two best experts together
// (DeepSeek-V3, section 2.1.2).
func maskGroups(scores []float32, groups, used int) {
	size := len(scores) / groups
	lost := float32(math.Inf(-1))
	for range groups - used {
		worst, least := -1, float32(math.Inf(1))
		for g := range groups {
			first, second := lost, lost
			for _, s := range scores[g*size : (g+1)*size] {
				if s > first {
					first, second = s, first
				} else if s > second {
					second = s
				}
			}
			// Of equal groups the later one goes. A group that is out has
			// scores of minus infinity, and so has its sum.
			if sum := first + second; sum > lost && sum <= least {
				worst, least = g, sum
			}
		}
		if worst < 0 {
			return
		}
		for i := worst * size; i < (worst+1)*size; i++ {
			scores[i] = lost
		}
	}
}

// order numbers the pairs of n tokens by a counting sort over experts.
func (rt *routing) order(c *Config, n int) {
	clear(rt.starts)
	for _, e := range rt.chosen[:n*c.TopK] {
		rt.starts[e+1]++
	}
	for e := range c.Experts {
		rt.starts[e+1] += rt.starts[e]
	}
	// starts[e] walks to the start of e+1 while pairs are dealt out.
	for i, e := range rt.chosen[:n*c.TopK] {
		p := rt.starts[e]
		rt.starts[e]++
		rt.tokens[p], rt.pairs[i] = int32(i/c.TopK), p
	}
	copy(rt.starts[1:], rt.starts[:c.Experts])
	rt.starts[0] = 0
}
