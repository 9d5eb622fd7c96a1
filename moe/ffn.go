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
	d := r.wants()
	if r.observe != nil {
		r.observe(d)
	}
	var beside *kernels.Product
	if l.hasShared() {
		beside = &kernels.Product{W: l.shared.Down, X: r.sharedAct, N: r.n, Out: r.y, Stride: c.Hidden}
	}
	if err := r.mixture.run(ctx, beside); err != nil {
		return err
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
	r.list()
	return d
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
