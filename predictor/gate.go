package predictor

import (
	"fmt"
	"slices"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/kernels"
)

const (
	// sample is how many tokens of a batch are looked at: beyond them the union
	// of a layer's experts says little that is new.
	sample = 64
	// sweepShare is the share of a layer's experts from which on all of them
	// are named: reading a layer from end to end is then as quick, and misses
	// none (ds4 measured it for prefill).
	sweepShare = 0.6
)

// Gate guesses what a later layer wants by applying its router to the hidden
// state of the layer at hand: the residual stream changes little from one layer
// to the next (the speculative loading of Eliseev and Mazur 2023, arXiv
// 2312.17238; the look-ahead of HOBBIT and Fate). It is used by one goroutine at
// a time.
type Gate struct {
	layers []gateLayer
	hidden int
	pool   *kernels.Pool // of one thread: it has no goroutines
	x      *kernels.Vectors
	logits []float32 // [sample][experts]
	chosen []bool    // [experts]
}

// gateLayer is a copy of a router of which the norm before it is a part, in
// eight bits: a guess needs no more, and the copy costs a quarter of the memory
// traffic.
type gateLayer struct {
	router  kernels.Matrix
	inverse []float32 // [hidden], takes this layer's norm out of its input
	expert.Gate
}

// NewGate copies the routers of a model.
func NewGate(gates []expert.Gate) (*Gate, error) {
	g := &Gate{layers: make([]gateLayer, len(gates)), pool: kernels.NewPool(1)}
	most := 0
	for i := range gates {
		if gates[i].Router.Rows == 0 {
			continue
		}
		if err := g.layers[i].fold(gates[i]); err != nil {
			return nil, fmt.Errorf("router of layer %d: %w", i, err)
		}
		g.hidden = gates[i].Router.Cols
		most = max(most, gates[i].Router.Rows)
	}
	if most == 0 {
		return nil, fmt.Errorf("the model has no routers")
	}
	g.x = kernels.NewVectors(g.hidden, sample, kernels.FormQ8_0)
	g.logits = make([]float32, sample*most)
	g.chosen = make([]bool, most)
	return g, nil
}

// fold sets l to the router of gate times its norm.
func (l *gateLayer) fold(gate expert.Gate) error {
	l.Gate = gate
	rows, cols := gate.Router.Rows, gate.Router.Cols
	stride, err := ggml.Q8_0.RowBytes(cols)
	if err != nil {
		return err
	}
	data := make([]byte, rows*stride)
	row := make([]float32, cols)
	for r := range rows {
		kernels.Dequantize(row, gate.Router.Type, gate.Router.Data[r*gate.Router.Stride:])
		for j := range row {
			row[j] *= gate.Norm[j]
		}
		kernels.StoreQ8_0(data[r*stride:], row)
	}
	l.inverse = make([]float32, cols)
	for j, n := range gate.Norm {
		if n != 0 {
			l.inverse[j] = 1 / n
		}
	}
	l.router, err = kernels.NewMatrix(ggml.Q8_0, rows, cols, data)
	return err
}

// Guess appends to dst the experts that layer is likely to want for the tokens
// of d, a demand of an earlier layer: those that its router chooses when it is
// shown what d's router saw, or all of them where they are most of the layer.
// They are in ascending order.
func (g *Gate) Guess(dst []int32, d *expert.Demand, layer int) []int32 {
	to := &g.layers[layer]
	tokens := min(d.Tokens, sample)
	for i := range tokens {
		at := i * d.Tokens / tokens * g.hidden
		row := g.x.Row(i)
		for j, h := range d.Hidden[at : at+g.hidden] {
			row[j] = h * g.layers[d.Layer].inverse[j]
		}
		g.x.Quantize(i)
	}
	experts := to.router.Rows
	g.pool.Multiply(0, kernels.Product{W: to.router, X: g.x, Step: 1, N: tokens, Out: g.logits, Stride: experts})
	clear(g.chosen)
	union := 0
	for i := range tokens {
		union += g.choose(to, g.logits[i*experts:(i+1)*experts])
	}
	all := tokens > 1 && float64(union) > sweepShare*float64(experts)
	for e := range experts {
		if all || g.chosen[e] {
			dst = append(dst, int32(e))
		}
	}
	return dst
}

// choose marks the experts that a token's logits choose and returns how many
// of them were not marked before.
func (g *Gate) choose(l *gateLayer, logits []float32) int {
	if l.Bias != nil {
		kernels.Add(logits, l.Bias)
	}
	if l.Sigmoid {
		kernels.Sigmoid(logits)
	}
	if l.SelectBias != nil {
		kernels.Add(logits, l.SelectBias)
	}
	fresh := 0
	for range min(l.TopK, len(logits)) {
		best := slices.Index(logits, slices.Max(logits))
		if best < 0 { // not a number
			break
		}
		if !g.chosen[best] {
			g.chosen[best] = true
			fresh++
		}
		logits[best] = float32(lowest)
	}
	return fresh
}

// lowest takes an expert out of the choice.
const lowest = -1e38
