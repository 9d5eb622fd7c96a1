package moe

import (
	"context"
	"fmt"

	"moed/moe/ggml"
	"moed/moe/kernels"
)

// Token is one position of a batch.
type Token struct {
	Session *Session
	ID      int32
	// Logits, where it is not nil, receives the logits after this token; its
	// length is the model's vocabulary.
	Logits []float32
}

// Forward runs a batch of tokens of one or several sessions through the model
// and appends them to their sessions. The tokens of one session are in order;
// they may stand anywhere in the batch, whose length is at most the Batch
// option. The bits of each token's logits depend on its session's tokens
// alone, never on the rest of the batch.
//
// On error, a cancelled context among them, no session has changed. The context
// is looked at between layers.
func (m *Model) Forward(ctx context.Context, batch []Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runner
	if err := r.admit(batch); err != nil {
		return err
	}
	if err := r.forward(ctx); err != nil {
		return err
	}
	for i := range batch {
		s := batch[i].Session
		s.tokens = append(s.tokens, batch[i].ID)
	}
	r.batch = nil
	return nil
}

// admit checks a batch, gives each token its position and makes room for it in
// the KV caches.
func (r *runner) admit(batch []Token) error {
	m := r.model
	switch {
	case m.closed:
		return fmt.Errorf("model %s is closed", m.im.Path())
	case len(batch) == 0:
		return fmt.Errorf("batch of no tokens")
	case len(batch) > m.options.Batch:
		return fmt.Errorf("batch of %d tokens, want at most %d", len(batch), m.options.Batch)
	}
	r.batch, r.n = batch, len(batch)
	for i := range batch {
		t := &batch[i]
		if t.ID < 0 || int(t.ID) >= m.config.Vocab {
			return fmt.Errorf("token %d is not in the vocabulary of %d", t.ID, m.config.Vocab)
		}
		if t.Logits != nil && len(t.Logits) != m.config.Vocab {
			return fmt.Errorf("%d logits wanted of a vocabulary of %d", len(t.Logits), m.config.Vocab)
		}
		pos := len(t.Session.tokens)
		for j := i - 1; j >= 0; j-- {
			if batch[j].Session == t.Session {
				pos = r.pos[j] + 1
				break
			}
		}
		if pos >= m.options.Context {
			return fmt.Errorf("%w: position %d of %d", ErrContextFull, pos, m.options.Context)
		}
		before := t.Session.kv.bytes()
		err := t.Session.kv.grow(pos + 1)
		m.kvBytes += t.Session.kv.bytes() - before
		if err != nil {
			return err
		}
		r.ids[i], r.pos[i] = t.ID, pos
	}
	return nil
}

// forward is the transformer, for the r.n tokens of the batch.
//
//	x ← embedding
//	each layer: x ← x + attention(norm(x)); x ← x + feedforward(norm(x))
//	logits ← output · norm(x)
func (r *runner) forward(ctx context.Context) error {
	r.embed()
	for i := range r.weights.layers {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.layer = &r.weights.layers[i]
		r.normInput(r.layer.attnNorm)
		r.attention()
		r.normInput(r.layer.ffnNorm)
		if err := r.feedForward(ctx); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	r.predict()
	return nil
}

// embed looks the tokens up and computes the rotations of their positions.
func (r *runner) embed() {
	e := &r.weights.embedding
	for i := range r.batch {
		x := r.hidden(i)
		id := int(r.batch[i].ID)
		kernels.Dequantize(x, e.Type, e.Data[id*e.Stride:(id+1)*e.Stride])
		if s := r.config.EmbeddingScale; s != 0 {
			kernels.Scale(x, s)
		}
		r.rope.Angles(r.angles[i*r.config.RopeDims:(i+1)*r.config.RopeDims], r.pos[i])
	}
}

// hidden is token i's row of the residual stream.
func (r *runner) hidden(i int) []float32 {
	d := r.config.Hidden
	return r.x[i*d : (i+1)*d]
}

// normInput sets normed to the RMS norm of the residual stream, in every form
// that the next matrices want.
func (r *runner) normInput(weight []float32) {
	r.normWeight = weight
	r.each((*normTask)(r))
}

type normTask runner

func (r *normTask) Do(_, i int) {
	kernels.RMSNorm(r.normed.Row(i), (*runner)(r).hidden(i), r.normWeight, r.config.RMSEpsilon)
	r.normed.Quantize(i)
}

// addResidual adds a block's output y, [n][d], to the residual stream.
func (r *runner) addResidual(y, x []float32) {
	if s := r.config.ResidualScale; s != 0 {
		kernels.AddScaled(x, y, s)
	} else {
		kernels.Add(x, y)
	}
}

// predict computes the logits of the tokens that want them.
func (r *runner) predict() {
	for from := 0; from < r.n; {
		r.wanted = r.wanted[:0]
		for ; from < r.n && len(r.wanted) < maxLogits; from++ {
			if r.batch[from].Logits != nil {
				kernels.RMSNorm(r.normed.Row(from), r.hidden(from), r.weights.outputNorm, r.config.RMSEpsilon)
				r.normed.Quantize(from)
				r.wanted = append(r.wanted, int32(from))
			}
		}
		vocab := r.config.Vocab
		r.products.Add(kernels.Product{W: r.weights.output, X: r.normed, Index: r.wanted, N: len(r.wanted), Out: r.logits, Stride: vocab})
		r.products.Run()
		for i, t := range r.wanted {
			out := r.batch[t].Logits
			copy(out, r.logits[i*vocab:(i+1)*vocab])
			if s := r.config.LogitScale; s != 0 {
				kernels.Scale(out, 1/s)
			}
		}
	}
}

// product queues w times the normed input of all tokens.
func (r *runner) product(w *kernels.Matrix, out []float32, stride int) {
	r.products.Add(kernels.Product{W: *w, X: r.normed, N: r.n, Out: out, Stride: stride})
}

// each runs a task once per token: on the calling goroutine where there are
// few, since waking the others costs more.
func (r *runner) each(t kernels.Task) {
	if r.n <= 2 {
		for i := range r.n {
			t.Do(0, i)
		}
		return
	}
	r.pool.Run(r.n, t)
}

// store writes x in the element type of the KV cache.
func store(t ggml.Type, dst []byte, x []float32) {
	switch t {
	case ggml.F32:
		kernels.StoreF32(dst, x)
	case ggml.F16:
		kernels.StoreF16(dst, x)
	case ggml.Q8_0:
		kernels.StoreQ8_0(dst, x)
	default:
		panic("moe: no KV cache of " + t.String())
	}
}

// accumulate adds the rows of v, weighted by p, to dst, in ascending order.
func accumulate(t ggml.Type, dst []float32, v []byte, stride int, p []float32) {
	switch t {
	case ggml.F32:
		kernels.AccumulateF32(dst, v, stride, p)
	case ggml.F16:
		kernels.AccumulateF16(dst, v, stride, p)
	case ggml.Q8_0:
		kernels.AccumulateQ8_0(dst, v, stride, p)
	default:
		panic("moe: no KV cache of " + t.String())
	}
}
