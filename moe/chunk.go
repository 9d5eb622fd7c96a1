package moe

import (
	"context"
	"errors"
	"fmt"
)

// ErrChunk is returned for a second Chunk while one is under way.
var ErrChunk = errors.New("the model has a chunk under way")

// Chunk is a part of one or several prompts on its way through the layers, some
// of them at a time, so that other sessions' tokens need not wait for all of
// them: each Step takes it along for a few layers. What is read and computed for
// it is what one pass over all layers would take, each expert once; only the
// waiting of others is cut. (Layered prefill, Lee et al. 2025; its stall-free
// schedule is SARATHI's, Agrawal et al. 2023.)
//
// A model has one Chunk at a time. Its sessions' tokens grow when it is through;
// until then they must not be in another batch, nor be rewound or closed, but
// they may Leave.
type Chunk struct {
	model *Model
	layer int // the next
	n     int

	tokens []Token   // [B], and the rest likewise; n of them in use
	pos    []int     // position of each
	x      []float32 // [B][d] residual stream before layer
	angles []float32 // [B][rope dims]
}

func newChunk(c *Config, B int) *Chunk {
	return &Chunk{tokens: make([]Token, B), pos: make([]int, B), x: make([]float32, B*c.Hidden), angles: make([]float32, B*c.RopeDims)}
}

// Begin makes a chunk of tokens, in the order and with the room that Forward
// wants; together with the tokens of any Step on its way they must be no more
// than the Batch option. On error nothing has changed. The chunk is over when
// Step has taken it through the last layer, or with Drop.
func (m *Model) Begin(tokens []Token) (*Chunk, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, r := m.runner.chunk, m.runner
	if c.model != nil {
		return nil, ErrChunk
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("chunk of no tokens")
	}
	if err := r.admit(tokens); err != nil {
		return nil, err
	}
	r.embed()
	c.model, c.layer = m, 0
	c.take(r, 0, r.n)
	r.end()
	return c, nil
}

// Layers is how many layers are left.
func (c *Chunk) Layers() int {
	if c.model == nil {
		return 0
	}
	return c.model.config.Layers - c.layer
}

// Len is how many tokens the chunk has: those of sessions that have left are
// gone.
func (c *Chunk) Len() int { return c.n }

// Drop ends the chunk before it is through. Its sessions are as they were.
func (c *Chunk) Drop() {
	if c.model == nil {
		return
	}
	m := c.model
	m.mu.Lock()
	defer m.mu.Unlock()
	undo(c.tokens[:c.n])
	c.end()
}

func (c *Chunk) end() {
	clear(c.tokens[:c.n])
	c.model, c.n = nil, 0
}

// take moves tokens from, from+1 … to of the runner into the chunk.
func (c *Chunk) take(r *runner, from, to int) {
	d, a := r.config.Hidden, r.config.RopeDims
	c.n = to - from
	copy(c.tokens, r.batch[from:to])
	copy(c.pos, r.pos[from:to])
	copy(c.x, r.x[from*d:to*d])
	copy(c.angles, r.angles[from*a:to*a])
}

// give puts the chunk's tokens behind those of the runner.
func (c *Chunk) give(r *runner) {
	d, a := r.config.Hidden, r.config.RopeDims
	copy(r.x[r.n*d:], c.x[:c.n*d])
	copy(r.angles[r.n*a:], c.angles[:c.n*a])
	r.batch = append(r.batch, c.tokens[:c.n]...)
	for i := range c.n {
		r.ids[r.n+i], r.pos[r.n+i] = c.tokens[i].ID, c.pos[i]
	}
	r.n += c.n
}

// Step is Forward, and takes a chunk through its next layers on the way: within
// them an expert that both want is fetched once. Either may be missing, batch
// empty or chunk nil. Where the chunk comes to its last layer, its tokens are
// appended to their sessions and their logits are there.
//
// On error no session has changed, and the chunk is where it was or already
// through these layers; it may be tried again. Tokens of sessions that have left are taken out between layers; they
// are not appended, and that is no error.
func (m *Model) Step(ctx context.Context, batch []Token, c *Chunk, layers int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.runner
	if c != nil && c.model != m {
		return fmt.Errorf("the chunk is over")
	}
	if c == nil && len(batch) == 0 {
		return fmt.Errorf("batch of no tokens")
	}
	if c != nil && len(batch)+c.n > m.options.Batch {
		return fmt.Errorf("batch of %d tokens beside a chunk of %d, want at most %d", len(batch), c.n, m.options.Batch)
	}
	defer r.end()
	if err := r.admit(batch); err != nil {
		return err
	}
	r.embed()
	if err := r.forward(ctx, c, layers); err != nil {
		undo(batch)
		return err
	}
	r.appendTokens()
	if c != nil && c.layer == m.config.Layers {
		c.end()
	}
	return nil
}
