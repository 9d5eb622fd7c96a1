package trace

import (
	"fmt"
	"math"
	"slices"
)

// Trace is the shape of a model and what its layers served, in order.
type Trace struct {
	Model, Arch string
	TopK        int // experts that a token chooses in a layer
	Layers      []Layer
	Visits      []Visit

	// Note says in words that the file this was read from is not whole; "" is
	// the rule.
	Note string
}

// Layer is the shape of one layer.
type Layer struct {
	Experts int   // 0: a layer without routed experts
	Bytes   int64 // of one expert
	Dense   int64 // bytes of what every token needs of the layer; 0 where unknown
}

// Visit is one layer serving one batch of tokens of one text.
type Visit struct {
	Turn   int // which text
	Layer  int
	Decode bool // one token after another, not a prompt
	Tokens int

	IDs     []int32   // [Tokens], nil where unknown; not to be changed, since visits share it
	Pos     []int32   // [Tokens], places in the text; shared as IDs
	Chosen  []int32   // [Tokens][TopK], in the router's order
	Weights []float32 // [Tokens][TopK], how much each choice counts; nil where unknown
	Probs   []float32 // [Tokens][Experts], what the router thinks of every expert; nil where unknown
}

// Bounds of what is read and written, far beyond any model.
const (
	maxLayers  = 1 << 12
	maxExperts = 1 << 16
	maxCells   = 1 << 22 // experts in all layers, were all as large as the largest
	maxTopK    = 1 << 10
	maxTokens  = 1 << 16
	maxBytes   = 1 << 50
	maxNumber  = math.MaxInt32 // of turns, tokens and positions
)

// Union is the different experts that the visit's tokens chose, ascending, and
// how many of the tokens chose each.
func (v *Visit) Union() (experts, counts []int32) {
	experts = slices.Clone(v.Chosen)
	slices.Sort(experts)
	n := 0
	for _, e := range experts {
		if n == 0 || experts[n-1] != e {
			experts[n] = e
			counts = append(counts, 0)
			n++
		}
		counts[n-1]++
	}
	return experts[:n], counts
}

// Experts is the largest number of experts of a layer.
func (t *Trace) Experts() int {
	n := 0
	for _, l := range t.Layers {
		n = max(n, l.Experts)
	}
	return n
}

// Cycle is how many bytes of experts one token chooses in all layers.
func (t *Trace) Cycle() int64 {
	n := int64(0)
	for _, l := range t.Layers {
		n += l.Bytes * int64(min(t.TopK, l.Experts))
	}
	return n
}

// check reports a shape that no model has.
func (t *Trace) check() error {
	if len(t.Layers) == 0 || len(t.Layers) > maxLayers {
		return fmt.Errorf("found %d layers, want 1 to %d", len(t.Layers), maxLayers)
	}
	if most := t.Experts(); most > maxCells/len(t.Layers) || most == 0 {
		return fmt.Errorf("found %d layers of up to %d experts, want 1 to %d in all", len(t.Layers), most, maxCells)
	}
	for i, l := range t.Layers {
		switch {
		case l.Experts < 0 || l.Experts > maxExperts:
			return fmt.Errorf("layer %d: found %d experts, want 0 to %d", i, l.Experts, maxExperts)
		case l.Bytes < 0 || l.Bytes > maxBytes || l.Dense < 0 || l.Dense > maxBytes:
			return fmt.Errorf("layer %d: found experts of %d bytes and %d besides, want 0 to %d", i, l.Bytes, l.Dense, int64(maxBytes))
		case l.Experts > 0 && t.TopK > l.Experts:
			return fmt.Errorf("layer %d: found a choice of %d out of %d experts", i, t.TopK, l.Experts)
		}
	}
	if t.TopK < 1 || t.TopK > maxTopK {
		return fmt.Errorf("found a choice of %d experts, want 1 to %d", t.TopK, maxTopK)
	}
	return nil
}

// checker holds visits to the shape of their trace.
type checker struct {
	trace *Trace
	seen  []int // [expert]: number of the token that chose it last
	token int   // counts all tokens of all visits, from 1
}

func newChecker(t *Trace) *checker { return &checker{trace: t, seen: make([]int, t.Experts())} }

func (c *checker) visit(v *Visit) error {
	t := c.trace
	if v.Layer < 0 || v.Layer >= len(t.Layers) || t.Layers[v.Layer].Experts == 0 {
		return fmt.Errorf("found a visit of layer %d, which has no experts", v.Layer)
	}
	experts := t.Layers[v.Layer].Experts
	switch {
	case v.Turn < 0 || v.Turn > maxNumber:
		return fmt.Errorf("found turn %d, want 0 to %d", v.Turn, maxNumber)
	case v.Tokens < 1 || v.Tokens > maxTokens:
		return fmt.Errorf("found %d tokens, want 1 to %d", v.Tokens, maxTokens)
	case len(v.Pos) != v.Tokens || v.IDs != nil && len(v.IDs) != v.Tokens:
		return fmt.Errorf("found %d positions and %d ids of %d tokens", len(v.Pos), len(v.IDs), v.Tokens)
	case len(v.Chosen) != v.Tokens*t.TopK || v.Weights != nil && len(v.Weights) != len(v.Chosen):
		return fmt.Errorf("found %d choices and %d weights of %d tokens that choose %d", len(v.Chosen), len(v.Weights), v.Tokens, t.TopK)
	case v.Probs != nil && len(v.Probs) != v.Tokens*experts:
		return fmt.Errorf("found %d probabilities of %d tokens and %d experts", len(v.Probs), v.Tokens, experts)
	}
	for i := range v.Tokens {
		if v.Pos[i] < 0 || v.IDs != nil && v.IDs[i] < 0 {
			return fmt.Errorf("token %d: found a negative position or id", i)
		}
		c.token++
		for _, e := range v.Chosen[i*t.TopK : (i+1)*t.TopK] {
			if e < 0 || int(e) >= experts {
				return fmt.Errorf("token %d: found expert %d of %d", i, e, experts)
			}
			if c.seen[e] == c.token {
				return fmt.Errorf("token %d: expert %d is chosen twice", i, e)
			}
			c.seen[e] = c.token
		}
	}
	for i, w := range v.Weights {
		if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) {
			return fmt.Errorf("token %d: found the weight %v", i/t.TopK, w)
		}
	}
	for i, p := range v.Probs {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("token %d: expert %d: found the probability %v, want 0 to 1", i/experts, i%experts, p)
		}
	}
	return nil
}
