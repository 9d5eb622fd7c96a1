package path

import (
	"math/rand/v2"
	"slices"
)

const (
	// lags is how many tokens before the one at hand count.
	lags = 6
	// fade is what is left of the moving average after each token.
	fade = 0.95
	// unknown is the row that tokens without a row of their own share.
	unknown = 0
)

// Model foretells the routing of one language model. It is not changed after it
// is made, and any number of Sessions may use it at once.
type Model struct {
	identity Identity
	width    int
	ids      []int32 // ascending: tokens with a row of their own, row i+1
	params   []float32

	// What follows views params.
	start  []float32 // [width], a
	gates  []float32 // [lags][width]
	token  []float32 // [rows][width], A
	past   []float32 // [rows][width], B
	layers []layer   // by number
}

// layer is what belongs to one layer; zero where that has no experts.
type layer struct {
	experts int
	at      int       // of from in params; the others follow it in this order
	from    []float32 // [experts][width], C
	out     []float32 // [width][experts], V
	bias    []float32 // [experts]
	last    []float32 // [experts], weighs whether the token before chose the expert
	often   []float32 // [experts], weighs how often those before did
}

// size is how many params a model of that shape has.
func size(id *Identity, width, rows int) int {
	n := width * (1 + lags + 2*rows)
	for _, e := range id.Experts {
		n += e * (2*width + 3)
	}
	return n
}

// newModel makes a model of zeros, or of params where that is not nil.
func newModel(id Identity, width int, ids []int32, params []float32) *Model {
	id.Experts = slices.Clone(id.Experts)
	rows := len(ids) + 1
	if params == nil {
		params = make([]float32, size(&id, width, rows))
	}
	m := &Model{identity: id, width: width, ids: ids, params: params, layers: make([]layer, len(id.Experts))}
	take := func(n int) []float32 {
		p := params[:n:n]
		params = params[n:]
		return p
	}
	m.start = take(width)
	m.gates = take(lags * width)
	m.token = take(rows * width)
	m.past = take(rows * width)
	for i, e := range id.Experts {
		m.layers[i] = layer{experts: e, at: len(m.params) - len(params), from: take(e * width), out: take(e * width), bias: take(e), last: take(e), often: take(e)}
	}
	return m
}

// Identity is whose routing m foretells. Its slice must not be changed.
func (m *Model) Identity() *Identity { return &m.identity }

// Known is how many different tokens m tells apart.
func (m *Model) Known() int { return len(m.ids) }

// row is the row of a token.
func (m *Model) row(id int32) int32 {
	i, known := slices.BinarySearch(m.ids, id)
	if !known {
		return unknown
	}
	return int32(i + 1)
}

// begin sets what training starts from.
func (m *Model) begin(r *rand.Rand) {
	for i := range m.start {
		m.start[i] = 0.1
	}
	for lag, g := 0, float32(1); lag < lags; lag, g = lag+1, g*0.6 {
		for i := range m.width {
			m.gates[lag*m.width+i] = g
		}
	}
	fill := func(p []float32, scale float64) {
		for i := range p {
			p[i] = float32(r.NormFloat64() * scale)
		}
	}
	fill(m.token, 0.1)
	fill(m.past, 0.1)
	for i := range m.layers {
		fill(m.layers[i].from, 0.1)
		fill(m.layers[i].out, 0.1)
	}
}

// share is how much of the sum of C over a token's choices makes their mean.
func (m *Model) share() float32 { return 1 / float32(m.identity.routed()*m.identity.TopK) }
