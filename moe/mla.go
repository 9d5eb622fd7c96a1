package moe

import (
	"moed/moe/kernels"
)

// Multi-head latent attention (DeepSeek-V2, section 2.1): keys and values are
// projections of one small latent per token. Where the file has the projections
// split per head, the cache holds the latent and the rotated part of the key
// alone, queries are taken into the latent's space, and all heads share one
// key row whose front is also the value. Where it has them merged, keys and
// values are computed per head and cached as in ordinary attention.

// mlaWeights are a layer's projections. dn and dr are the sizes of the part of
// a key without and with rotation, dv of a value, c of the latent.
type mlaWeights struct {
	qA     kernels.Matrix   // [q rank][d], none where the query is not compressed
	qANorm []float32        // [q rank]
	qB     kernels.Matrix   // [h·(dn+dr)][q rank], or [..][d]
	kvA    kernels.Matrix   // [c+dr][d]
	kvNorm []float32        // [c]
	kvB    kernels.Matrix   // [h·(dn+dv)][c], merged form
	kB     []kernels.Matrix // per head [c][dn], absorbed form
	vB     []kernels.Matrix // per head [dv][c], absorbed form
}

type mlaForms struct {
	query, nope, kv, out formSet
}

// latentScratch is the runner's memory for latent attention.
type latentScratch struct {
	query *kernels.Vectors // [B] of q rank: compressed query
	full  []float32        // [B][h·(dn+dr)]: queries
	nope  *kernels.Vectors // [B·h] of dn: queries without rotation, absorbed form
	raw   []float32        // [B][c+dr]: latent and rotated part
	kv    *kernels.Vectors // [B] of c: normed latent
	pairs []float32        // [B][h·(dn+dv)]: keys and values, merged form
	out   *kernels.Vectors // [B·h] of c: weighted latents, absorbed form
}

func newLatentScratch(c *Config, w *weights, B int) latentScratch {
	f := &w.forms.mla
	nope := c.KeyDim - c.RopeDims
	s := latentScratch{
		full: make([]float32, B*c.Heads*c.KeyDim),
		raw:  make([]float32, B*(c.MLA.KVRank+c.RopeDims)),
		kv:   kernels.NewVectors(c.MLA.KVRank, B, f.kv...),
	}
	if c.MLA.QRank > 0 {
		s.query = kernels.NewVectors(c.MLA.QRank, B, f.query...)
	}
	if c.MLA.Absorbed {
		s.nope = kernels.NewVectors(nope, B*c.Heads, f.nope...)
		s.out = kernels.NewVectors(c.MLA.KVRank, B*c.Heads, f.out...)
	} else {
		s.pairs = make([]float32, B*c.Heads*(nope+c.ValueDim))
	}
	return s
}

func (b *binder) bindMLA(l *layer, p string) {
	c, f, m := b.c, &b.w.forms, &l.mla
	nope := c.KeyDim - c.RopeDims
	if nope <= 0 {
		b.fail("%s model: keys of %d values have no part without rotation (%d rotate)", c.Architecture, c.KeyDim, c.RopeDims)
		return
	}
	if c.MLA.QRank > 0 {
		m.qA = b.matrix(&f.hidden, p+"attn_q_a.weight", c.MLA.QRank, c.Hidden)
		m.qANorm = b.vector(p+"attn_q_a_norm.weight", c.MLA.QRank)
		m.qB = b.matrix(&f.mla.query, p+"attn_q_b.weight", c.Heads*c.KeyDim, c.MLA.QRank)
	} else {
		m.qB = b.matrix(&f.hidden, p+"attn_q.weight", c.Heads*c.KeyDim, c.Hidden)
	}
	m.kvA = b.matrix(&f.hidden, p+"attn_kv_a_mqa.weight", c.MLA.KVRank+c.RopeDims, c.Hidden)
	m.kvNorm = b.vector(p+"attn_kv_a_norm.weight", c.MLA.KVRank)
	if c.MLA.Absorbed {
		m.kB = b.stack(&f.mla.nope, p+"attn_k_b.weight", c.Heads, c.MLA.KVRank, nope)
		m.vB = b.stack(&f.mla.out, p+"attn_v_b.weight", c.Heads, c.ValueDim, c.MLA.KVRank)
	} else {
		m.kvB = b.matrix(&f.mla.kv, p+"attn_kv_b.weight", c.Heads*(nope+c.ValueDim), c.MLA.KVRank)
	}
}

// projectLatent computes queries and stores keys and values, as prepareTask
// does for ordinary attention.
func (r *runner) projectLatent() {
	c, m, s := r.config, &r.layer.mla, &r.latent
	width := c.Heads * c.KeyDim
	r.product(&m.kvA, s.raw, c.MLA.KVRank+c.RopeDims)
	if c.MLA.QRank > 0 {
		r.product(&m.qA, s.query.Floats(), c.MLA.QRank)
		r.products.Run()
		r.each((*latentNormTask)(r))
		r.products.Add(kernels.Product{W: m.qB, X: s.query, N: r.n, Out: s.full, Stride: width})
	} else {
		r.product(&m.qB, s.full, width)
		r.products.Run()
		r.each((*latentNormTask)(r))
	}
	if !c.MLA.Absorbed {
		pair := c.Heads * (c.KeyDim - c.RopeDims + c.ValueDim)
		r.products.Add(kernels.Product{W: m.kvB, X: s.kv, N: r.n, Out: s.pairs, Stride: pair})
		r.products.Run()
		r.each((*latentMergedTask)(r))
		return
	}
	r.products.Run()
	r.each((*latentAbsorbedTask)(r))
	row := r.model.kv.keyDim
	for h := range c.Heads {
		r.products.Add(kernels.Product{W: m.kB[h], X: s.nope, First: h, Step: c.Heads, N: r.n, Out: r.q.Floats()[h*row:], Stride: c.Heads * row})
	}
	r.products.Run()
	r.each((*quantizeQueriesTask)(r))
}

// latentNormTask normalises the compressed query and the latent.
type latentNormTask runner

func (t *latentNormTask) Do(_, i int) {
	r := (*runner)(t)
	c, m, s := r.config, &r.layer.mla, &r.latent
	if c.MLA.QRank > 0 {
		q := s.query.Row(i)
		kernels.RMSNorm(q, q, m.qANorm, c.RMSEpsilon)
		s.query.Quantize(i)
	}
	raw := s.raw[i*(c.MLA.KVRank+c.RopeDims):][:c.MLA.KVRank+c.RopeDims]
	kernels.RMSNorm(s.kv.Row(i), raw[:c.MLA.KVRank], m.kvNorm, c.RMSEpsilon)
	s.kv.Quantize(i)
	r.rope.Rotate(raw[c.MLA.KVRank:], r.anglesOf(i))
}

// latentMergedTask lays out queries, keys and values per head: the part
// without rotation first, the rotated part of the key the same in all heads.
type latentMergedTask runner

func (t *latentMergedTask) Do(_, i int) {
	r := (*runner)(t)
	c, s := r.config, &r.latent
	nope := c.KeyDim - c.RopeDims
	shared := s.raw[i*(c.MLA.KVRank+c.RopeDims)+c.MLA.KVRank:][:c.RopeDims]
	k := r.k[i*c.Heads*c.KeyDim : (i+1)*c.Heads*c.KeyDim]
	v := r.v[i*c.Heads*c.ValueDim : (i+1)*c.Heads*c.ValueDim]
	for h := range c.Heads {
		q := r.q.Row(i*c.Heads + h)
		copy(q, s.full[(i*c.Heads+h)*c.KeyDim:][:c.KeyDim])
		r.rope.Rotate(q[nope:], r.anglesOf(i))
		r.q.Quantize(i*c.Heads + h)
		pair := s.pairs[(i*c.Heads+h)*(nope+c.ValueDim):][:nope+c.ValueDim]
		copy(k[h*c.KeyDim:], pair[:nope])
		copy(k[h*c.KeyDim+nope:][:c.RopeDims], shared)
		copy(v[h*c.ValueDim:], pair[nope:])
	}
	r.remember(i, k, v)
}

// latentAbsorbedTask stores the latent and splits the queries: the rotated
// part goes behind where the part in latent space will be.
type latentAbsorbedTask runner

func (t *latentAbsorbedTask) Do(_, i int) {
	r := (*runner)(t)
	c, s := r.config, &r.latent
	nope := c.KeyDim - c.RopeDims
	for h := range c.Heads {
		full := s.full[(i*c.Heads+h)*c.KeyDim:][:c.KeyDim]
		copy(s.nope.Row(i*c.Heads+h), full[:nope])
		s.nope.Quantize(i*c.Heads + h)
		q := r.q.Row(i*c.Heads + h)[c.MLA.KVRank:]
		copy(q, full[nope:])
		r.rope.Rotate(q, r.anglesOf(i))
	}
	row := s.raw[i*(c.MLA.KVRank+c.RopeDims):][:c.MLA.KVRank+c.RopeDims]
	copy(row, s.kv.Row(i))
	r.remember(i, row, nil)
}

type quantizeQueriesTask runner

func (r *quantizeQueriesTask) Do(_, i int) {
	for h := range r.config.Heads {
		r.q.Quantize(i*r.config.Heads + h)
	}
}

// expandLatent turns each head's weighted latent into its value.
func (r *runner) expandLatent() {
	c, s := r.config, &r.latent
	r.each((*quantizeLatentTask)(r))
	for h := range c.Heads {
		r.products.Add(kernels.Product{W: r.layer.mla.vB[h], X: s.out, First: h, Step: c.Heads, N: r.n,
			Out: r.heads.Floats()[h*c.ValueDim:], Stride: c.Heads * c.ValueDim})
	}
	r.products.Run()
}

type quantizeLatentTask runner

func (r *quantizeLatentTask) Do(_, i int) {
	for h := range r.config.Heads {
		r.latent.out.Quantize(i*r.config.Heads + h)
	}
}
