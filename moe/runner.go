package moe

import (
	"moed/moe/expert"
	"moed/moe/kernels"
)

// maxLogits is how many tokens' logits are computed at once.
const maxLogits = 8

// runner is the scratch memory of a forward pass over up to B tokens, all
// allocated when the model is opened. d is the hidden size, h heads, k experts
// per token.
type runner struct {
	mixture // of the batch's tokens; its normed is what all blocks read

	model   *Model
	weights *weights
	rope    *kernels.Rope

	chunk  *Chunk    // the one there is, under way or not
	batch  []Token   // [B]
	ids    []int32   // [B]
	pos    []int     // [B]
	angles []float32 // [B][rope dims]

	x          []float32 // [B][d] residual stream
	normWeight []float32
	y          []float32 // [B][d] a block's output

	q       *kernels.Vectors // [B·h] of the key size: queries, one per head
	k       []float32        // [B][KV heads · key size]
	v       []float32        // [B][KV heads · value size]
	heads   *kernels.Vectors // [B] of h · value size: attention output
	scores  []float32        // [workers][heads per KV head, up to groupHeads][context]
	scale   float32          // on the scores
	latent  latentScratch
	routing routing

	denseGate, denseUp []float32        // [B][widest dense or shared layer]
	denseAct           *kernels.Vectors // [B] of a dense layer's width
	sharedAct          *kernels.Vectors // [B] of the shared expert's width
	sharedGate         []float32        // [B]

	passage expert.Passage // what another host is given
	proof   proof

	// observe, where it is set, is told of each demand.
	observe func(d *expert.Demand)

	wanted []int32
	logits []float32 // [maxLogits][vocab]
}

// newRunner allocates the scratch memory of a model. It runs nothing before
// start.
func newRunner(c *Config, arch *architecture, w *weights, kv *kvLayout, o *Options) (*runner, error) {
	B := o.Batch
	rope, err := newRope(c, arch, w)
	if err != nil {
		return nil, err
	}
	r := &runner{weights: w, rope: rope}
	normed := kernels.NewVectors(c.Hidden, B, w.forms.hidden...)
	if c.Experts > 0 {
		r.routing = newRouting(c, B)
	}
	r.mixture = newMixture(c, arch, &w.forms, B*c.TopK, normed, r.routing.starts, r.routing.tokens)
	r.chunk, r.batch = newChunk(c, B), make([]Token, 0, B)
	r.ids, r.pos = make([]int32, B), make([]int, B)
	r.angles = make([]float32, B*c.RopeDims)
	r.x = make([]float32, B*c.Hidden)
	r.y = make([]float32, B*c.Hidden)
	scoreForm, _ := kernels.FormOf(kv.element)
	r.q = kernels.NewVectors(kv.keyDim, B*c.Heads, scoreForm)
	r.k = make([]float32, B*c.KVHeads*c.KeyDim)
	r.v = make([]float32, B*c.KVHeads*c.ValueDim)
	r.heads = kernels.NewVectors(c.Heads*c.ValueDim, B, w.forms.heads...)
	r.scores = make([]float32, o.Threads*groupHeads*o.Context)
	r.scale = attentionScale(c)
	if c.MLA.On {
		r.latent = newLatentScratch(c, w, B)
	}
	r.wanted = make([]int32, 0, maxLogits)
	r.logits = make([]float32, min(maxLogits, B)*c.Vocab)

	if c.LeadDense > 0 {
		r.denseAct = kernels.NewVectors(c.FF, B, w.forms.dense...)
	}
	if c.SharedFF > 0 {
		r.sharedAct = kernels.NewVectors(c.SharedFF, B, w.forms.shared...)
		r.sharedGate = make([]float32, B)
	}
	if width := max(c.SharedFF, c.FF); c.LeadDense > 0 || c.SharedFF > 0 {
		r.denseGate, r.denseUp = make([]float32, B*width), make([]float32, B*width)
	}
	return r, nil
}

// start gives the runner its model and its workers, which end when the pool is
// closed.
func (r *runner) start(m *Model) {
	r.model = m
	r.pool = kernels.NewPool(m.options.Threads)
	r.products = kernels.NewProducts(r.pool)
	r.stream = m.experts.Stream()
}

// bytes is the scratch memory held, without that of the pool.
func (r *runner) bytes() int64 {
	n := 0
	for _, f := range [][]float32{r.angles, r.x, r.chunk.angles, r.chunk.x, r.y, r.k, r.v, r.scores, r.gate, r.up, r.down, r.denseGate, r.denseUp, r.logits,
		r.routing.logits, r.latent.full, r.latent.raw, r.latent.pairs} {
		n += 4 * cap(f)
	}
	for _, v := range []*kernels.Vectors{r.normed, r.q, r.heads, r.act, r.denseAct, r.sharedAct, r.latent.query, r.latent.nope, r.latent.kv, r.latent.out} {
		if v != nil {
			n += v.Bytes()
		}
	}
	return int64(n)
}
