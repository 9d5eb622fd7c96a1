package moe

import (
	"fmt"
	"slices"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/gguf"
	"moed/moe/kernels"
)

// weights are the tensors of a model: the small dense part as views into the
// file, and where the experts lie. Sizes in comments: d hidden, h heads, g KV
// heads, dk and dv key and value size of a head, e experts, f expert width.
type weights struct {
	embedding  kernels.Matrix // [vocab][d]
	outputNorm []float32      // [d]
	output     kernels.Matrix // [vocab][d]; the embedding again where they are tied
	ropeFactor []float32      // [rope dims / 2], nil for none
	layers     []layer

	table   *expert.Table
	experts [][]expert.Weights // [layer][expert], nil for dense layers and where a store has them

	forms       forms
	denseBytes  int64
	expertBytes int64
}

// layer is one transformer block. Matrices and vectors that a model does not
// have are zero.
type layer struct {
	index    int
	windowed bool

	attnNorm []float32      // [d]
	q        kernels.Matrix // [h·dk][d]
	k        kernels.Matrix // [g·dk][d]
	v        kernels.Matrix // [g·dv][d]
	out      kernels.Matrix // [d][h·dv]
	qBias    []float32      // [h·dk]
	kBias    []float32      // [g·dk]
	vBias    []float32      // [g·dv]
	outBias  []float32      // [d]
	qNorm    []float32      // [dk], or [h·dk] for a norm over all heads at once
	kNorm    []float32      // [dk], or [g·dk]
	sinks    []float32      // [h]
	mla      mlaWeights

	ffnNorm []float32 // [d]
	// dense is the feed-forward part of a layer without experts.
	dense expert.Weights

	router     kernels.Matrix // [e][d]
	routerBias []float32      // [e], added to the logits
	selectBias []float32      // [e], added for the choice only
	gateBias   []float32      // [e][f]
	upBias     []float32      // [e][f]
	downBias   []float32      // [e][d]

	shared     expert.Weights // [fs][d], [fs][d], [d][fs]; an expert of every token
	sharedGate kernels.Matrix // [1][d], its weight through a sigmoid; none = 1
}

func (l *layer) hasExperts() bool { return l.router.Rows > 0 }
func (l *layer) hasShared() bool  { return l.shared.Down.Rows > 0 }

// forms lists the forms of activations that the matrices after each buffer
// want.
type forms struct {
	hidden, heads, expert, dense, shared formSet
	mla                                  mlaForms
}

type formSet []kernels.Form

func (s *formSet) add(t ggml.Type) {
	f, _ := kernels.FormOf(t)
	for _, have := range *s {
		if have == f {
			return
		}
	}
	*s = append(*s, f)
}

// binder finds tensors by name, checks them against the shape the
// hyperparameters ask for, and keeps the first error.
type binder struct {
	f *gguf.File
	// data is the bytes of a tensor; nil binds shapes alone.
	data func(*gguf.Tensor) []byte
	c    *Config
	w    *weights
	err  error
}

func (b *binder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
}

// tensor finds a tensor of exactly dims (row length first).
func (b *binder) tensor(name string, dims ...int) *gguf.Tensor {
	t, ok := b.f.Tensor(name)
	if !ok {
		b.fail("tensor %q is missing, want one of %v", name, dims)
		return nil
	}
	if !slices.Equal(trimOnes(t.Dims), trimOnes(dims)) {
		b.fail("tensor %q: found dimensions %v, want %v", name, t.Dims, dims)
		return nil
	}
	return t
}

// trimOnes drops dimensions of one at the end, which files write or leave out.
func trimOnes(dims []int) []int {
	for len(dims) > 1 && dims[len(dims)-1] == 1 {
		dims = dims[:len(dims)-1]
	}
	return dims
}

// matrix is a dense weight of rows × cols; use is told its form.
func (b *binder) matrix(use *formSet, name string, rows, cols int) kernels.Matrix {
	t := b.tensor(name, cols, rows)
	if t == nil {
		return kernels.Matrix{}
	}
	b.w.denseBytes += t.Size
	if b.data == nil {
		return b.shape(use, t, rows, cols)
	}
	return b.view(use, t, rows, cols, b.data(t))
}

func (b *binder) view(use *formSet, t *gguf.Tensor, rows, cols int, data []byte) kernels.Matrix {
	m, err := kernels.NewMatrix(t.Type, rows, cols, data)
	if err != nil {
		b.fail("tensor %q: %w", t.Name, err)
		return kernels.Matrix{}
	}
	use.add(m.Type)
	return m
}

// shape is a view without data.
func (b *binder) shape(use *formSet, t *gguf.Tensor, rows, cols int) kernels.Matrix {
	if _, ok := kernels.FormOf(t.Type); !ok {
		b.fail("tensor %q: no kernel for %v (there are kernels for %v)", t.Name, t.Type, kernels.Supported())
	}
	use.add(t.Type)
	return kernels.Matrix{Type: t.Type, Rows: rows, Cols: cols}
}

// stack is a tensor of count matrices of rows × cols, one after another.
func (b *binder) stack(use *formSet, name string, count, rows, cols int) []kernels.Matrix {
	t := b.tensor(name, cols, rows, count)
	if t == nil {
		return make([]kernels.Matrix, count)
	}
	b.w.denseBytes += t.Size
	if b.data == nil {
		return slices.Repeat([]kernels.Matrix{b.shape(use, t, rows, cols)}, count)
	}
	return b.cut(use, t, b.data(t), make([]kernels.Matrix, count), rows, cols)
}

// cut makes ms views of data, one after another.
func (b *binder) cut(use *formSet, t *gguf.Tensor, data []byte, ms []kernels.Matrix, rows, cols int) []kernels.Matrix {
	size := len(data) / len(ms)
	for i := range ms {
		ms[i] = b.view(use, t, rows, cols, data[i*size:(i+1)*size])
	}
	return ms
}

func (b *binder) has(name string) bool {
	_, ok := b.f.Tensor(name)
	return ok
}

// vector is a float tensor copied to memory; its length is one of lengths.
func (b *binder) vector(name string, lengths ...int) []float32 {
	t, ok := b.f.Tensor(name)
	if !ok {
		b.fail("tensor %q is missing, want %v values", name, lengths)
		return nil
	}
	n := t.Elems()
	fits := false
	for _, l := range lengths {
		fits = fits || l == n
	}
	if !fits || t.Type != ggml.F32 && t.Type != ggml.F16 && t.Type != ggml.BF16 {
		b.fail("tensor %q: found %d values of %v, want %v of F32, F16 or BF16", name, n, t.Type, lengths)
		return nil
	}
	b.w.denseBytes += int64(n) * 4
	v := make([]float32, n)
	if b.data != nil {
		kernels.Dequantize(v, t.Type, b.data(t))
	}
	return v
}

func (b *binder) optional(name string, lengths ...int) []float32 {
	if !b.has(name) {
		return nil
	}
	return b.vector(name, lengths...)
}

// bind finds all tensors of the model. Without data it checks names and shapes
// and counts bytes; the matrices have no bytes then, and vectors are zero.
// resident is whether the experts' own matrices are in data as well.
func bind(f *gguf.File, data func(*gguf.Tensor) []byte, resident bool, c *Config, arch *architecture) (*weights, error) {
	b := &binder{f: f, data: data, c: c, w: &weights{}}
	w := b.w
	if t, ok := f.Tensor("token_embd.weight"); ok && len(t.Dims) > 1 {
		c.Vocab = t.Dims[1]
	}
	w.embedding = b.matrix(new(formSet), "token_embd.weight", c.Vocab, c.Hidden)
	w.outputNorm = b.vector("output_norm.weight", c.Hidden)
	if b.has("output.weight") {
		w.output = b.matrix(&w.forms.hidden, "output.weight", c.Vocab, c.Hidden)
	} else {
		w.output = w.embedding
		w.forms.hidden.add(w.output.Type)
	}
	w.ropeFactor = b.optional("rope_freqs.weight", c.RopeDims/2)
	w.layers = make([]layer, c.Layers)
	w.experts = make([][]expert.Weights, c.Layers)
	for i := 0; i < c.Layers && b.err == nil; i++ {
		b.bindLayer(arch, i)
	}
	if b.err == nil {
		b.bindExperts(resident)
	}
	return w, b.err
}

// bindLayer finds what a layer has beside its experts.
func (b *binder) bindLayer(arch *architecture, i int) {
	l, c, p := &b.w.layers[i], b.c, fmt.Sprintf("blk.%d.", i)
	l.index = i
	l.windowed = c.Window > 0 && arch.windowed != nil && arch.windowed(i)
	b.bindAttention(l, p)
	l.ffnNorm = b.vector(p+arch.ffnNorm+".weight", c.Hidden)
	if i < c.LeadDense {
		l.dense = b.feedForward(&b.w.forms.dense, p+"ffn_%s.weight", c.FF)
	} else {
		b.bindRouter(l, p)
	}
}

func (b *binder) bindAttention(l *layer, p string) {
	c, f := b.c, &b.w.forms
	l.attnNorm = b.vector(p+"attn_norm.weight", c.Hidden)
	l.out = b.matrix(&f.heads, p+"attn_output.weight", c.Hidden, c.Heads*c.ValueDim)
	l.outBias = b.optional(p+"attn_output.bias", c.Hidden)
	l.sinks = b.optional(p+"attn_sinks.weight", c.Heads)
	if c.MLA.On {
		b.bindMLA(l, p)
		return
	}
	if b.has(p + "attn_qkv.weight") {
		b.fail("tensor %q: merged query, key and value weights are not supported; convert the model with separate ones", p+"attn_qkv.weight")
	}
	l.q = b.matrix(&f.hidden, p+"attn_q.weight", c.Heads*c.KeyDim, c.Hidden)
	l.k = b.matrix(&f.hidden, p+"attn_k.weight", c.KVHeads*c.KeyDim, c.Hidden)
	l.v = b.matrix(&f.hidden, p+"attn_v.weight", c.KVHeads*c.ValueDim, c.Hidden)
	l.qBias = b.optional(p+"attn_q.bias", c.Heads*c.KeyDim)
	l.kBias = b.optional(p+"attn_k.bias", c.KVHeads*c.KeyDim)
	l.vBias = b.optional(p+"attn_v.bias", c.KVHeads*c.ValueDim)
	l.qNorm = b.optional(p+"attn_q_norm.weight", c.KeyDim, c.Heads*c.KeyDim)
	l.kNorm = b.optional(p+"attn_k_norm.weight", c.KeyDim, c.KVHeads*c.KeyDim)
}

// feedForward binds gate, up and down of a given width; names has a verb for
// which of them.
func (b *binder) feedForward(use *formSet, names string, width int) expert.Weights {
	hidden := &b.w.forms.hidden
	return expert.Weights{
		Gate: b.matrix(hidden, fmt.Sprintf(names, "gate"), width, b.c.Hidden),
		Up:   b.matrix(hidden, fmt.Sprintf(names, "up"), width, b.c.Hidden),
		Down: b.matrix(use, fmt.Sprintf(names, "down"), b.c.Hidden, width),
	}
}

// bindRouter binds what a layer of experts has beside their matrices.
func (b *binder) bindRouter(l *layer, p string) {
	c, w := b.c, b.w
	if b.has(p + "ffn_gate.0.weight") {
		b.fail("tensor %q: one tensor per expert is an old layout; convert the model again with a current converter", p+"ffn_gate.0.weight")
		return
	}
	l.router = b.matrix(&w.forms.hidden, p+"ffn_gate_inp.weight", c.Experts, c.Hidden)
	l.routerBias = b.optional(p+"ffn_gate_inp.bias", c.Experts)
	l.selectBias = b.optional(p+"exp_probs_b.bias", c.Experts)
	l.gateBias = b.optional(p+"ffn_gate_exps.bias", c.Experts*c.ExpertFF)
	l.upBias = b.optional(p+"ffn_up_exps.bias", c.Experts*c.ExpertFF)
	l.downBias = b.optional(p+"ffn_down_exps.bias", c.Experts*c.Hidden)
	if c.SharedFF == 0 {
		return
	}
	l.shared = b.feedForward(&w.forms.shared, p+"ffn_%s_shexp.weight", c.SharedFF)
	if name := p + "ffn_gate_inp_shexp.weight"; b.has(name) {
		l.sharedGate = b.matrix(&w.forms.hidden, name, 1, c.Hidden)
	}
}

// bindExperts finds where the experts lie, and where they are in memory makes
// views of them.
func (b *binder) bindExperts(resident bool) {
	w := b.w
	var err error
	if w.table, err = ExpertTable(b.f, b.c); err != nil {
		b.fail("%w", err)
		return
	}
	for i := range w.table.Layers {
		l := &w.table.Layers[i]
		if l.Experts == 0 {
			continue
		}
		w.forms.hidden.add(l.Gate.Type)
		w.forms.hidden.add(l.Up.Type)
		w.forms.expert.add(l.Down.Type)
		w.expertBytes += int64(l.Experts) * l.Bytes()
		if resident && b.data != nil {
			w.experts[i] = b.residentExperts(i, l)
		}
	}
}

func (b *binder) residentExperts(i int, l *expert.Layer) []expert.Weights {
	if l.Bundles.Group > 0 {
		b.fail("layer %d: its experts are packed in bundles, which want a store to read them", i)
		return nil
	}
	matrices := func(name string, s *expert.Stack) []kernels.Matrix {
		t, _ := b.f.Tensor(fmt.Sprintf("blk.%d.ffn_%s_exps.weight", i, name)) // the table has seen it
		return b.cut(new(formSet), t, b.data(t), make([]kernels.Matrix, l.Experts), s.Rows, s.Cols)
	}
	gate, up, down := matrices("gate", &l.Gate), matrices("up", &l.Up), matrices("down", &l.Down)
	all := make([]expert.Weights, l.Experts)
	for e := range all {
		all[e] = expert.Weights{Gate: gate[e], Up: up[e], Down: down[e]}
	}
	return all
}
