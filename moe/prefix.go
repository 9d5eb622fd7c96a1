package moe

import (
	"fmt"
	"io"
	"slices"
)

// Prefix is what a session has computed of its first tokens, kept after it: the
// keys and values of a prompt that others may begin alike. Its blocks are shared
// with the sessions that hold or adopt it, and copied by who writes to one. It
// is read only, and may be used by several goroutines.
type Prefix struct {
	model  *Model
	tokens []int32
	blocks []*kvBlock
}

// Keep makes a Prefix of all tokens of the session. It copies no keys or values.
func (s *Session) Keep() *Prefix {
	m := s.model
	m.mu.Lock()
	defer m.mu.Unlock()
	n := (len(s.tokens) + kvBlockTokens - 1) / kvBlockTokens
	p := &Prefix{model: m, tokens: slices.Clone(s.tokens), blocks: slices.Clone(s.kv.blocks[:n])}
	for _, b := range p.blocks {
		b.refs++
	}
	return p
}

// Adopt has an empty session begin with the first n tokens of a prefix of the
// same model, which may be closed then.
func (s *Session) Adopt(p *Prefix, n int) error {
	m := s.model
	if p.model != m || n < 0 || n > len(p.tokens) || len(s.tokens) > 0 {
		return fmt.Errorf("adopt %d of %d tokens of a prefix in a session of %d", n, len(p.tokens), len(s.tokens))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.kv.shrink(0)
	s.tokens = append(s.tokens, p.tokens[:n]...)
	s.kv.blocks = append(s.kv.blocks, p.blocks[:(n+kvBlockTokens-1)/kvBlockTokens]...)
	for _, b := range s.kv.blocks {
		b.refs++
	}
	return nil
}

// Tokens are those of the prefix. Callers must not change them.
func (p *Prefix) Tokens() []int32 { return p.tokens }

// BlockBytes is by how much a session's keys and values grow at a time.
func (m *Model) BlockBytes() int64 { return int64(m.kv.blockBytes) }

// Bytes is the memory of the prefix's blocks, also of those that it shares.
func (p *Prefix) Bytes() int64 { return int64(len(p.blocks)) * int64(p.model.kv.blockBytes) }

// Close gives up the prefix's hold on its blocks. Once only.
func (p *Prefix) Close() {
	p.model.mu.Lock()
	defer p.model.mu.Unlock()
	p.model.drop(p.blocks)
	p.blocks = nil
}

// WriteTo writes the keys and values, in the model's own layout. The prefix must
// not be closed meanwhile.
func (p *Prefix) WriteTo(w io.Writer) (written int64, err error) {
	for _, b := range p.blocks {
		n, err := w.Write(b.data)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// ReadPrefix makes a Prefix of tokens with the keys and values that WriteTo of
// the same model has written, with the same KV type and build. The caller
// answers for that: bytes of another prefix give wrong logits, not an error.
func (m *Model) ReadPrefix(tokens []int32, r io.Reader) (*Prefix, error) {
	if len(tokens) > m.options.Context {
		return nil, fmt.Errorf("prefix of %d tokens, the context is %d", len(tokens), m.options.Context)
	}
	p := &Prefix{model: m, tokens: slices.Clone(tokens)}
	for i := range (len(tokens) + kvBlockTokens - 1) / kvBlockTokens {
		m.mu.Lock()
		b, err := m.newBlock(i)
		m.mu.Unlock()
		if err == nil {
			p.blocks = append(p.blocks, b)
			_, err = io.ReadFull(r, b.data)
		}
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("prefix of %d tokens: %w", len(tokens), err)
		}
	}
	return p, nil
}
