package moe

import (
	"context"

	"moed/moe/expert"
	"moed/moe/kernels"
)

// feedForward adds the feed-forward part of the layer to the residual stream.
func (r *runner) feedForward(ctx context.Context) error {
	if !r.layer.hasExperts() {
		r.dense()
		return nil
	}
	return r.experts(ctx)
}

// dense is a gated feed-forward layer: x ← x + down · act(gate·h, up·h).
func (r *runner) dense() {
	w := &r.layer.dense
	r.product(&w.Gate, r.denseGate, w.Gate.Rows)
	r.product(&w.Up, r.denseUp, w.Up.Rows)
	r.products.Run()
	r.each((*denseActTask)(r))
	r.products.Add(kernels.Product{W: w.Down, X: r.denseAct, N: r.n, Out: r.y, Stride: r.config.Hidden})
	r.products.Run()
	r.each((*denseResidualTask)(r))
}

type denseActTask runner

func (t *denseActTask) Do(_, i int) {
	r := (*runner)(t)
	f := r.layer.dense.Gate.Rows
	r.activate(r.denseAct.Row(i), r.denseGate[i*f:(i+1)*f], r.denseUp[i*f:(i+1)*f])
	r.denseAct.Quantize(i)
}

type denseResidualTask runner

func (t *denseResidualTask) Do(_, i int) {
	r := (*runner)(t)
	r.addResidual(r.y[i*r.config.Hidden:(i+1)*r.config.Hidden], r.hidden(i))
}

func (r *runner) activate(dst, gate, up []float32) {
	if r.arch.activation == swigluOAI {
		kernels.SwiGLUOAI(dst, gate, up, oaiAlpha, oaiLimit)
		return
	}
	kernels.SiLUMul(dst, gate, up)
}

// experts is a layer of experts:
//
//	x ← x + Σ slot: weight · expert(h) + shared(h)
//
// Experts are computed as the stream gives them; their outputs are kept per
// pair and summed in slot order, so that the order of arrival cannot change a
// bit.
func (r *runner) experts(ctx context.Context) error {
	l, c := r.layer, r.config
	r.product(&l.router, r.routing.logits, c.Experts)
	if l.hasShared() {
		r.product(&l.shared.Gate, r.denseGate, c.SharedFF)
		r.product(&l.shared.Up, r.denseUp, c.SharedFF)
	}
	if l.sharedGate.Rows > 0 {
		r.product(&l.sharedGate, r.sharedGate, 1)
	}
	r.products.Run()
	r.route()
	if l.hasShared() {
		r.each((*sharedActTask)(r))
	}
	demand := r.wants()
	if r.observe != nil {
		r.observe(demand)
	}
	if err := r.stream.Want(ctx, demand); err != nil {
		return err
	}
	for first := true; ; first = false {
		n, err := r.stream.Next(ctx, r.leases[:])
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		r.ready = n
		r.compute(first && l.hasShared())
		for i := range n {
			r.stream.Release(&r.leases[i])
		}
	}
	r.each((*combineTask)(r))
	return nil
}

// wants lists the experts that the batch chose.
func (r *runner) wants() *expert.Demand {
	d, rt := &r.demand, &r.routing
	c, pairs := r.config, r.n*r.config.TopK
	d.Layer, d.Hidden, d.Tokens = r.layer.index, r.normed.Floats()[:r.n*c.Hidden], r.n
	d.IDs, d.Pos = r.ids[:r.n], r.pos[:r.n]
	d.Chosen, d.Weights, d.Probs = rt.chosen[:pairs], rt.weights[:pairs], rt.logits[:r.n*c.Experts]
	d.Experts, d.Counts = d.Experts[:0], d.Counts[:0]
	for e := range c.Experts {
		if n := rt.starts[e+1] - rt.starts[e]; n > 0 {
			d.Experts, d.Counts = append(d.Experts, int32(e)), append(d.Counts, n)
		}
	}
	return d
}

// pairsOf is the range of pairs of a lease's expert.
func (r *runner) pairsOf(l *expert.Lease) (from, to int) {
	e := r.demand.Experts[l.Slot]
	return int(r.routing.starts[e]), int(r.routing.starts[e+1])
}

// compute runs the experts on loan for all their pairs, and with the first of
// them the last step of the shared expert.
func (r *runner) compute(shared bool) {
	f, d := r.config.ExpertFF, r.config.Hidden
	for i := range r.ready {
		lease := &r.leases[i]
		from, to := r.pairsOf(lease)
		in := r.routing.tokens[from:to]
		r.products.Add(kernels.Product{W: lease.Gate, X: r.normed, Index: in, N: to - from, Out: r.gate[from*f:], Stride: f})
		r.products.Add(kernels.Product{W: lease.Up, X: r.normed, Index: in, N: to - from, Out: r.up[from*f:], Stride: f})
	}
	r.products.Run()
	if r.n <= 2 {
		for i := range r.ready {
			(*expertActTask)(r).Do(0, i)
		}
	} else {
		r.pool.Run(r.ready, (*expertActTask)(r))
	}
	for i := range r.ready {
		lease := &r.leases[i]
		from, to := r.pairsOf(lease)
		r.products.Add(kernels.Product{W: lease.Down, X: r.act, First: from, N: to - from, Out: r.down[from*d:], Stride: d})
	}
	if shared {
		r.products.Add(kernels.Product{W: r.layer.shared.Down, X: r.sharedAct, N: r.n, Out: r.y, Stride: d})
	}
	r.products.Run()
}

// expertActTask applies biases and activation to the pairs of one expert.
type expertActTask runner

func (t *expertActTask) Do(_, i int) {
	r := (*runner)(t)
	f := r.config.ExpertFF
	e := int(r.demand.Experts[r.leases[i].Slot])
	from, to := r.pairsOf(&r.leases[i])
	for p := from; p < to; p++ {
		gate, up := r.gate[p*f:(p+1)*f], r.up[p*f:(p+1)*f]
		addBias(gate, biasOf(r.layer.gateBias, e, f))
		addBias(up, biasOf(r.layer.upBias, e, f))
		r.activate(r.act.Row(p), gate, up)
		r.act.Quantize(p)
	}
}

// biasOf is expert e's part of the biases of all experts.
func biasOf(all []float32, e, width int) []float32 {
	if all == nil {
		return nil
	}
	return all[e*width : (e+1)*width]
}

type sharedActTask runner

func (t *sharedActTask) Do(_, i int) {
	r := (*runner)(t)
	f := r.config.SharedFF
	r.activate(r.sharedAct.Row(i), r.denseGate[i*f:(i+1)*f], r.denseUp[i*f:(i+1)*f])
	r.sharedAct.Quantize(i)
}

// combineTask sums one token's experts in slot order, then the shared expert,
// into the residual stream.
type combineTask runner

func (t *combineTask) Do(_, i int) {
	r := (*runner)(t)
	c, rt, l := r.config, &r.routing, r.layer
	d := c.Hidden
	sum := r.sums(i)
	clear(sum)
	for slot := range c.TopK {
		p := int(rt.pairs[i*c.TopK+slot])
		out := r.down[p*d : (p+1)*d]
		addBias(out, biasOf(l.downBias, int(rt.chosen[i*c.TopK+slot]), d))
		kernels.AddScaled(sum, out, rt.weights[i*c.TopK+slot])
	}
	if l.hasShared() {
		weight := float32(1)
		if l.sharedGate.Rows > 0 {
			gate := r.sharedGate[i : i+1]
			kernels.Sigmoid(gate)
			weight = gate[0]
		}
		kernels.AddScaled(sum, r.y[i*d:(i+1)*d], weight)
	}
	r.addResidual(sum, r.hidden(i))
}

// sums is scratch for one token's sum: its row of the normed input, which
// nobody reads any more.
func (r *runner) sums(i int) []float32 { return r.normed.Row(i) }
