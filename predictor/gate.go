package predictor

import (
	"fmt"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/kernels"
)

// gate applies the router of a later layer to the hidden state of the layer at
// hand: the residual stream changes little from one layer to the next (the
// speculative loading of Eliseev and Mazur 2023, arXiv 2312.17238; the
// look-ahead of HOBBIT and Fate). What the layers between add to the state on
// the average is learned and added first.
type gate struct {
	layers []gateLayer
	hidden int
	pool   *kernels.Pool // of one thread: it has no goroutines
	x      *kernels.Vectors
	scores []float32 // [sample][experts]
}

// gateLayer is a copy of a router of which the norm before it is a part.
type gateLayer struct {
	router  kernels.Matrix
	inverse []float32   // [hidden], takes this layer's norm out of its input
	shift   [][]float32 // [ahead][hidden], what layers before it add; nil until known
	known   []int       // [ahead], states seen
	expert.Gate
}

// A shift is the mean of the first often states, and then follows one in thin of
// them, each with a weight of driftRate.
const (
	often     = 64
	thin      = 4
	driftRate = 1.0 / 64
)

// fine is how many values all routers have at most for copies in eight bits,
// which stay in a cache. Those of larger models have four: a guess is as long as
// its copies' way from memory, and they lose about one choice in a hundred.
const fine = 4 << 20

// newGate copies the routers of a model.
func newGate(gates []expert.Gate, ahead int) (*gate, error) {
	g := &gate{layers: make([]gateLayer, len(gates)), pool: kernels.NewPool(1)}
	most, cells := 0, 0
	for i := range gates {
		cells += gates[i].Router.Rows * gates[i].Router.Cols
	}
	kind := ggml.Q4_0
	if cells <= fine {
		kind = ggml.Q8_0
	}
	for i := range gates {
		if gates[i].Router.Rows == 0 {
			continue
		}
		if cols := gates[i].Router.Cols; g.hidden != 0 && cols != g.hidden {
			return nil, fmt.Errorf("router of layer %d: takes %d values, those before it %d", i, cols, g.hidden)
		}
		if err := g.layers[i].fold(gates[i], kind, ahead); err != nil {
			return nil, fmt.Errorf("router of layer %d: %w", i, err)
		}
		g.hidden = gates[i].Router.Cols
		most = max(most, gates[i].Router.Rows)
	}
	g.x = kernels.NewVectors(g.hidden, sample, kernels.FormQ8_0)
	g.scores = make([]float32, sample*most)
	return g, nil
}

// fold sets l to the router of gate times its norm.
func (l *gateLayer) fold(gate expert.Gate, kind ggml.Type, ahead int) error {
	l.Gate = gate
	l.shift, l.known = make([][]float32, ahead), make([]int, ahead)
	rows, cols := gate.Router.Rows, gate.Router.Cols
	row := make([]float32, cols)
	stride, err := kind.RowBytes(cols)
	if err != nil {
		return err
	}
	data := make([]byte, rows*stride)
	for r := range rows {
		kernels.Dequantize(row, gate.Router.Type, gate.Router.Data[r*gate.Router.Stride:])
		for j := range row {
			row[j] *= gate.Norm[j]
		}
		if to := data[r*stride:][:stride]; kind == ggml.Q8_0 {
			kernels.StoreQ8_0(to, row)
		} else {
			storeQ4_0(to, row)
		}
	}
	l.inverse = make([]float32, cols)
	for j, n := range gate.Norm {
		if n != 0 {
			l.inverse[j] = 1 / n
		}
	}
	l.router, err = kernels.NewMatrix(kind, rows, cols, data)
	return err
}

// sees reports whether d shows what the gate of layer needs.
func (g *gate) sees(d *expert.Demand, layer int) bool {
	return g.layers[layer].router.Rows > 0 && g.layers[d.Layer].inverse != nil && len(d.Hidden) == d.Tokens*g.hidden
}

// look returns the scores by which layer's router would choose, [tokens of the
// sample][experts], and keeps the states of those that are learned from.
func (g *gate) look(at *pending, d *expert.Demand, layer, distance int) []float32 {
	to, inverse := &g.layers[layer], g.layers[d.Layer].inverse
	n, slot := min(d.Tokens, sample), 0
	shift := to.shift[distance-1]
	for i := range n {
		row := g.x.Row(i)
		from := d.Hidden[i*d.Tokens/n*g.hidden:][:len(row)]
		for j, h := range from {
			row[j] = h * inverse[j]
		}
		if slot < at.n && i == slot*n/at.n {
			copy(at.seen[slot], row)
			slot++
		}
		if shift != nil {
			kernels.Add(row, shift)
		}
		g.x.Quantize(i)
	}
	experts := to.router.Rows
	scores := g.scores[:n*experts]
	g.pool.Multiply(0, kernels.Product{W: to.router, X: g.x, Step: 1, N: n, Out: scores, Stride: experts})
	for i := range n {
		s := scores[i*experts:][:experts]
		if to.Bias != nil {
			kernels.Add(s, to.Bias)
		}
		if to.Sigmoid {
			kernels.Sigmoid(s)
		}
		if to.SelectBias != nil {
			kernels.Add(s, to.SelectBias)
		}
	}
	return scores
}

// drift learns how far the state that layer's router saw is from that which a
// layer before it has seen. Routers see a state times their norm's weight.
func (g *gate) drift(layer, distance int, before, now []float32) {
	to := &g.layers[layer]
	known := &to.known[distance-1]
	if *known++; *known > often && int(*known)%thin != 0 {
		return
	}
	var sum float32
	for _, h := range now {
		sum += h * h
	}
	for _, h := range before {
		sum += h * h
	}
	if !(sum < 1e30) { // not a number, which would stay for ever
		return
	}
	shift := to.shift[distance-1]
	if shift == nil {
		shift = make([]float32, g.hidden)
		to.shift[distance-1] = shift
	}
	rate := float32(driftRate)
	if *known <= often { // the first count as much as all before them
		rate = 1 / float32(*known)
	}
	for j, h := range now {
		shift[j] += rate * (h*to.inverse[j] - before[j] - shift[j])
	}
}

// storeQ4_0 writes a row of the least precise of the common forms: blocks of 32
// values with a scale that maps the one of largest size to -8.
func storeQ4_0(dst []byte, row []float32) {
	for ; len(row) >= 32; row, dst = row[32:], dst[18:] {
		var most float32
		for _, x := range row[:32] {
			if max(x, -x) > max(most, -most) {
				most = x
			}
		}
		scale, inverse := [1]float32{most / -8}, float32(0)
		if most != 0 {
			inverse = -8 / most
		}
		kernels.StoreF16(dst, scale[:])
		for j := range 16 {
			dst[2+j] = four(row[j]*inverse) | four(row[j+16]*inverse)<<4
		}
	}
}

func four(x float32) byte { return byte(min(max(x+8.5, 0), 15)) }
