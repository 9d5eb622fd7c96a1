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
// is looked at between layers, and so is which sessions have left.
func (m *Model) Forward(ctx context.Context, batch []Token) error {
	return m.Step(ctx, batch, nil, 0)
}

// admit checks a batch, gives each token its position and makes room for it in
// the KV caches.
func (r *runner) admit(batch []Token) error {
	m := r.model
	switch {
	case m.closed:
		return fmt.Errorf("model %s is closed", m.im.Path())
	case len(batch) > m.options.Batch:
		return fmt.Errorf("batch of %d tokens, want at most %d", len(batch), m.options.Batch)
	}
	r.batch, r.n = append(r.batch[:0], batch...), len(batch)
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
		if err := t.Session.kv.write(pos); err != nil {
			return err
		}
		r.ids[i], r.pos[i] = t.ID, pos
	}
	return nil
}

// forward is the transformer, for the r.n tokens of the batch, joined by those
// of chunk c for its next layers.
//
//	x ← embedding
//	each layer: x ← x + attention(norm(x)); x ← x + feedforward(norm(x))
//	logits ← output · norm(x)
func (r *runner) forward(ctx context.Context, c *Chunk, layers int) error {
	join, part, alone, last := -1, -1, r.n, len(r.weights.layers)
	if c != nil {
		join, part = c.layer, min(c.layer+layers, last)
	}
	for i := 0; i < last; i++ {
		r.prove(i)
		if i == join {
			c.give(r)
		}
		if i == part {
			c.take(r, alone, r.n)
			c.layer = part
			r.cut(alone)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		alone -= r.dismiss(alone)
		if r.n == 0 {
			continue
		}
		end := last
		for _, stop := range [...]int{join, part} {
			if stop > i {
				end = min(end, stop)
			}
		}
		if next := r.elsewhere(ctx, i, end); next > i {
			i = next - 1
			continue
		}
		if err := r.block(ctx, i); err != nil {
			return err
		}
	}
	r.prove(last)
	if c != nil {
		c.layer = part // also where that is behind the last layer
	}
	r.predict()
	return nil
}

// block is one layer.
func (r *runner) block(ctx context.Context, i int) error {
	r.layer = &r.weights.layers[i]
	r.normInput(r.layer.attnNorm)
	r.attention()
	r.normInput(r.layer.ffnNorm)
	if err := r.feedForward(ctx); err != nil {
		return fmt.Errorf("layer %d: %w", i, err)
	}
	return nil
}

// cut leaves the first n tokens of the batch.
func (r *runner) cut(n int) {
	clear(r.batch[n:])
	r.batch, r.n = r.batch[:n], n
}

// end lets go of the batch.
func (r *runner) end() {
	r.cut(0)
	clear(r.passage.Lanes)
	r.proof = proof{}
}

// undo has other hosts forget what the tokens of a batch have left with them.
func undo(batch []Token) {
	for i := range batch {
		batch[i].Session.unheld(len(batch[i].Session.tokens))
	}
}

// dismiss takes the tokens of sessions that have left out of the batch, and
// returns how many of the first n those were.
func (r *runner) dismiss(n int) (gone int) {
	d, a, kept := r.config.Hidden, r.config.RopeDims, 0
	for i := range r.n {
		if r.batch[i].Session.left.Load() {
			if i < n {
				gone++
			}
			continue
		}
		if kept < i {
			r.batch[kept], r.ids[kept], r.pos[kept] = r.batch[i], r.ids[i], r.pos[i]
			copy(r.x[kept*d:(kept+1)*d], r.x[i*d:(i+1)*d])
			copy(r.angles[kept*a:(kept+1)*a], r.angles[i*a:(i+1)*a])
		}
		kept++
	}
	r.cut(kept)
	return gone
}

// appendTokens has the sessions of the batch hold its tokens.
func (r *runner) appendTokens() {
	for i := range r.batch {
		s := r.batch[i].Session
		s.tokens = append(s.tokens, r.batch[i].ID)
	}
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
