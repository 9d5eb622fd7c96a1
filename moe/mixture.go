package moe

import (
	"context"

	"moed/moe/expert"
	"moed/moe/kernels"
)

// leaseBatch is how many experts are computed in one parallel region at most.
const leaseBatch = 64

// mixture computes the routed experts of a layer for the pairs of a batch: those
// of a forward pass, or those that another host asks a Worker for. Each expert's
// output is kept by itself, so that the order of arrival cannot change a bit.
type mixture struct {
	config   *Config
	arch     *architecture
	pool     *kernels.Pool
	products *kernels.Products
	stream   expert.Stream

	layer  *layer
	n      int              // rows in use
	normed *kernels.Vectors // [B] of d: the inputs
	starts []int32          // [e+1] first pair of each expert
	inputs []int32          // [pair] its row of normed

	gate, up []float32        // [B·k][expert width]
	act      *kernels.Vectors // [B·k] of the expert width
	down     []float32        // [B·k][d] the outputs, without the last bias

	demand expert.Demand
	leases [leaseBatch]expert.Lease
	ready  int // leases to compute
}

// newMixture allocates the scratch memory for so many pairs, and shares the
// inputs and their order with who fills them.
func newMixture(c *Config, arch *architecture, f *forms, pairs int, normed *kernels.Vectors, starts, inputs []int32) mixture {
	m := mixture{config: c, arch: arch, normed: normed, starts: starts, inputs: inputs}
	if c.Experts > 0 {
		m.gate, m.up = make([]float32, pairs*c.ExpertFF), make([]float32, pairs*c.ExpertFF)
		m.act = kernels.NewVectors(c.ExpertFF, pairs, f.expert...)
		m.down = make([]float32, pairs*c.Hidden)
		m.demand.Experts = make([]int32, 0, c.Experts)
		m.demand.Counts = make([]int32, 0, c.Experts)
	}
	return m
}

// list fills the demand's experts from the order of pairs.
func (m *mixture) list() {
	d := &m.demand
	d.Experts, d.Counts = d.Experts[:0], d.Counts[:0]
	for e := range m.config.Experts {
		if n := m.starts[e+1] - m.starts[e]; n > 0 {
			d.Experts, d.Counts = append(d.Experts, int32(e)), append(d.Counts, n)
		}
	}
}

// run computes the experts of the demand as the stream gives them. beside, where
// it is not nil, is computed with the first of them.
func (m *mixture) run(ctx context.Context, beside *kernels.Product) error {
	if err := m.stream.Want(ctx, &m.demand); err != nil {
		return err
	}
	for {
		n, err := m.stream.Next(ctx, m.leases[:])
		if err != nil || n == 0 {
			return err
		}
		m.accept(n)
		m.compute(beside)
		beside = nil
		for i := range n {
			m.stream.Release(&m.leases[i])
		}
	}
}

// accept takes over the outputs of experts that were computed elsewhere, and
// puts the other leases first.
func (m *mixture) accept(n int) {
	d := m.config.Hidden
	m.ready = 0
	for i := range n {
		if l := &m.leases[i]; l.Out != nil {
			from, to := m.pairsOf(l)
			copy(m.down[from*d:to*d], l.Out)
			m.round(l)
			continue
		}
		m.leases[m.ready], m.leases[i] = m.leases[i], m.leases[m.ready]
		m.ready++
	}
}

// pairsOf is the range of pairs of a lease's expert.
func (m *mixture) pairsOf(l *expert.Lease) (from, to int) {
	e := m.demand.Experts[l.Slot]
	return int(m.starts[e]), int(m.starts[e+1])
}

// compute runs the experts on loan for all their pairs.
func (m *mixture) compute(beside *kernels.Product) {
	f, d := m.config.ExpertFF, m.config.Hidden
	for i := range m.ready {
		lease := &m.leases[i]
		from, to := m.pairsOf(lease)
		in := m.inputs[from:to]
		m.products.Add(kernels.Product{W: lease.Gate, X: m.normed, Index: in, N: to - from, Out: m.gate[from*f:], Stride: f})
		m.products.Add(kernels.Product{W: lease.Up, X: m.normed, Index: in, N: to - from, Out: m.up[from*f:], Stride: f})
	}
	m.products.Run()
	if m.n <= 2 {
		for i := range m.ready {
			(*expertActTask)(m).Do(0, i)
		}
	} else {
		m.pool.Run(m.ready, (*expertActTask)(m))
	}
	for i := range m.ready {
		lease := &m.leases[i]
		from, to := m.pairsOf(lease)
		m.products.Add(kernels.Product{W: lease.Down, X: m.act, First: from, N: to - from, Out: m.down[from*d:], Stride: d})
	}
	if beside != nil {
		m.products.Add(*beside)
	}
	m.products.Run()
	for i := range m.ready {
		m.round(&m.leases[i])
	}
}

// round rounds an expert's outputs where that is wanted.
func (m *mixture) round(l *expert.Lease) {
	if l.Round {
		from, to := m.pairsOf(l)
		kernels.RoundF16(m.down[from*m.config.Hidden : to*m.config.Hidden])
	}
}

// expertActTask applies biases and activation to the pairs of one expert.
type expertActTask mixture

func (t *expertActTask) Do(_, i int) {
	m := (*mixture)(t)
	f := m.config.ExpertFF
	e := int(m.demand.Experts[m.leases[i].Slot])
	from, to := m.pairsOf(&m.leases[i])
	for p := from; p < to; p++ {
		gate, up := m.gate[p*f:(p+1)*f], m.up[p*f:(p+1)*f]
		addBias(gate, biasOf(m.layer.gateBias, e, f))
		addBias(up, biasOf(m.layer.upBias, e, f))
		m.activate(m.act.Row(p), gate, up)
		m.act.Quantize(p)
	}
}

func (m *mixture) activate(dst, gate, up []float32) {
	if m.arch.activation == swigluOAI {
		kernels.SwiGLUOAI(dst, gate, up, oaiAlpha, oaiLimit)
		return
	}
	kernels.SiLUMul(dst, gate, up)
}

// biasOf is expert e's part of the biases of all experts.
func biasOf(all []float32, e, width int) []float32 {
	if all == nil {
		return nil
	}
	return all[e*width : (e+1)*width]
}
