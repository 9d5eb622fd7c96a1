package moe

import (
	"math"

	"moed/moe/kernels"
)

// groupHeads is how many query heads share one pass over the keys of their KV
// head.
const groupHeads = 8

// attentionScale is what scores are multiplied with before the softmax.
func attentionScale(c *Config) float32 {
	if c.AttentionScale != 0 {
		return c.AttentionScale
	}
	scale := 1 / math.Sqrt(float64(c.KeyDim))
	if c.MLA.On && c.RopeScaling == "yarn" {
		// DeepSeek-V2: the temperature of YaRN sits in the scores.
		m := 1 + 0.1*float64(c.YarnLogMul)*math.Log(float64(c.RopeFactor))
		scale *= m * m
	}
	return float32(scale)
}

// newRope makes the rotation of the model's positions. With YaRN the rotated
// vectors are also scaled by 1 + 0.1·ln(factor), except in DeepSeek-V2, where
// the scores are (attentionScale).
func newRope(c *Config, arch *architecture, w *weights) (*kernels.Rope, error) {
	o := kernels.RopeOptions{Dims: c.RopeDims, Base: c.RopeBase, Neox: arch.neox, FreqFactors: w.ropeFactor}
	o.AttnFactor = c.RopeAttn
	if c.RopeScaling != "" {
		o.FreqScale = 1 / c.RopeFactor
	}
	if c.RopeScaling == "yarn" {
		o.Yarn = kernels.Yarn{ExtFactor: 1, OrigCtx: c.RopeOrigCtx}
		if c.YarnLogMul != 0 {
			o.AttnFactor /= float32(1 + 0.1*math.Log(float64(c.RopeFactor)))
		}
	}
	return kernels.NewRope(o)
}

// attention adds the attention of all tokens to the residual stream:
//
//	q, k, v ← projections of normed, normalised and rotated; k, v → KV cache
//	heads   ← softmax(scale · q · keys) · values
//	x       ← x + out · heads
func (r *runner) attention() {
	l, c := r.layer, r.config
	if c.MLA.On {
		r.projectLatent()
	} else {
		r.product(&l.q, r.q.Floats(), c.Heads*c.KeyDim)
		r.product(&l.k, r.k, c.KVHeads*c.KeyDim)
		r.product(&l.v, r.v, c.KVHeads*c.ValueDim)
		r.products.Run()
		r.each((*prepareTask)(r))
	}
	groups := (c.Heads/r.model.kv.heads + groupHeads - 1) / groupHeads
	r.pool.Run(r.n*r.model.kv.heads*groups, (*attendTask)(r))
	if c.MLA.Absorbed {
		r.expandLatent()
	}
	r.each((*quantizeHeadsTask)(r))
	r.products.Add(kernels.Product{W: l.out, X: r.heads, N: r.n, Out: r.y, Stride: c.Hidden})
	r.products.Run()
	r.each((*attentionResidualTask)(r))
}

// prepareTask brings one token's queries, keys and values to their final form
// and stores the latter two.
type prepareTask runner

func (t *prepareTask) Do(_, i int) {
	r := (*runner)(t)
	l, c := r.layer, r.config
	q := r.q.Floats()[i*c.Heads*c.KeyDim : (i+1)*c.Heads*c.KeyDim]
	k := r.k[i*c.KVHeads*c.KeyDim : (i+1)*c.KVHeads*c.KeyDim]
	v := r.v[i*c.KVHeads*c.ValueDim : (i+1)*c.KVHeads*c.ValueDim]
	addBias(q, l.qBias)
	addBias(k, l.kBias)
	addBias(v, l.vBias)
	normHeads(q, l.qNorm, c.RMSEpsilon)
	normHeads(k, l.kNorm, c.RMSEpsilon)
	angles := r.anglesOf(i)
	for h := range c.Heads {
		r.rope.Rotate(q[h*c.KeyDim:(h+1)*c.KeyDim], angles)
		r.q.Quantize(i*c.Heads + h)
	}
	for h := range c.KVHeads {
		r.rope.Rotate(k[h*c.KeyDim:(h+1)*c.KeyDim], angles)
	}
	r.remember(i, k, v)
}

// remember stores token i's keys and values of all KV heads in its session's
// cache.
func (r *runner) remember(i int, k, v []float32) {
	kv, lay, layer := &r.batch[i].Session.kv, &r.model.kv, r.layer.index
	for h := range lay.heads {
		store(lay.element, kv.key(layer, h, r.pos[i]), k[h*lay.keyDim:(h+1)*lay.keyDim])
		if lay.valueRow > 0 {
			store(lay.element, kv.value(layer, h, r.pos[i]), v[h*lay.valueDim:(h+1)*lay.valueDim])
		}
	}
}

func (r *runner) anglesOf(i int) []float32 {
	return r.angles[i*r.config.RopeDims : (i+1)*r.config.RopeDims]
}

func addBias(x, bias []float32) {
	if bias != nil {
		kernels.Add(x, bias)
	}
}

// normHeads applies an RMS norm to each head, or to all heads as one vector
// where the weight is as long.
func normHeads(x, weight []float32, eps float32) {
	if weight == nil {
		return
	}
	for d := len(weight); len(x) > 0; x = x[d:] {
		kernels.RMSNorm(x[:d], x[:d], weight, eps)
	}
}

// attendTask computes up to groupHeads query heads of one token that share a
// KV head.
type attendTask runner

func (t *attendTask) Do(worker, chunk int) {
	r := (*runner)(t)
	kvHeads := r.model.kv.heads
	perKV := r.config.Heads / kvHeads
	groups := (perKV + groupHeads - 1) / groupHeads
	// The last tokens attend to the most positions; begin with them.
	i := r.n - 1 - chunk/(kvHeads*groups)
	kvHead := chunk / groups % kvHeads
	first := chunk % groups * groupHeads
	r.attend(worker, i, kvHead, kvHead*perKV+first, min(groupHeads, perKV-first))
}

// attend computes heads [head, head+n) of token i over the positions from its
// window's start to its own. Scores lie in [n][span] of the worker's scratch;
// every sum runs over positions in ascending order.
func (r *runner) attend(worker, i, kvHead, head, n int) {
	c, kv := r.config, &r.batch[i].Session.kv
	lay, layer, end := &r.model.kv, r.layer.index, r.pos[i]+1
	start := 0
	if r.layer.windowed {
		start = max(0, end-c.Window)
	}
	span := end - start
	scores := r.scores[worker*groupHeads*r.model.options.Context:][:n*span]
	for p := start; p < end; {
		block, row := p/kvBlockTokens, p%kvBlockTokens
		rows := min(kvBlockTokens-row, end-p)
		keys := lay.keys(kv.blocks[block].data, layer, kvHead)[row*lay.keyRow:]
		w := kernels.Matrix{Type: lay.element, Rows: rows, Cols: lay.keyDim, Stride: lay.keyRow, Data: keys[:rows*lay.keyRow]}
		r.pool.Multiply(worker, kernels.Product{W: w, X: r.q, First: i*c.Heads + head, N: n, Out: scores[p-start:], Stride: span})
		p += rows
	}
	for h := range n {
		weights := scores[h*span : (h+1)*span]
		kernels.Scale(weights, r.scale)
		if r.layer.sinks != nil {
			kernels.SoftmaxSink(weights, r.layer.sinks[head+h])
		} else {
			kernels.Softmax(weights)
		}
	}
	for h := range n {
		out := r.headOut(i, head+h)
		clear(out)
		for p := start; p < end; {
			block, row := p/kvBlockTokens, p%kvBlockTokens
			rows := min(kvBlockTokens-row, end-p)
			values := lay.values(kv.blocks[block].data, layer, kvHead)[row*lay.valueStride():]
			accumulate(lay.element, out, values, lay.valueStride(), scores[h*span+p-start:][:rows])
			p += rows
		}
	}
}

// headOut is where a head's weighted values go: the input of the output
// projection or, with absorbed latent attention, the latent.
func (r *runner) headOut(i, head int) []float32 {
	if r.config.MLA.Absorbed {
		return r.latent.out.Row(i*r.config.Heads + head)
	}
	return r.heads.Row(i)[head*r.config.ValueDim:][:r.config.ValueDim]
}

type quantizeHeadsTask runner

func (r *quantizeHeadsTask) Do(_, i int) { r.heads.Quantize(i) }

type attentionResidualTask runner

func (t *attentionResidualTask) Do(_, i int) {
	r := (*runner)(t)
	y := r.y[i*r.config.Hidden : (i+1)*r.config.Hidden]
	addBias(y, r.layer.outBias)
	r.addResidual(y, r.hidden(i))
}
