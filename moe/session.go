package moe

import (
	"context"
	"fmt"
	"sync/atomic"

	"moed/moe/expert"
)

// Session is one timeline of tokens with its KV cache. Several sessions of a
// model can be alive at once; calls into one model are served one at a time. A
// Session is used by one goroutine.
type Session struct {
	model  *Model
	kv     kvCache
	tokens []int32
	one    [1]Token
	logits []float32 // [vocab], given out by Prefill and Step
	left   atomic.Bool
	lane   expert.Lane // guarded by the model's mu
}

// NewSession begins an empty timeline of up to the model's context.
func (m *Model) NewSession() (*Session, error) {
	blocks := (m.options.Context + kvBlockTokens - 1) / kvBlockTokens
	s := &Session{model: m, tokens: make([]int32, 0, m.options.Context), logits: make([]float32, m.config.Vocab)}
	s.kv = kvCache{model: m, blocks: make([]*kvBlock, 0, blocks)}
	return s, nil
}

// Close gives the session's memory back.
func (s *Session) Close() {
	s.tokens = s.tokens[:0]
	s.shrink(0)
}

// Tokens are those consumed so far. The slice is valid until the next call.
func (s *Session) Tokens() []int32 { return s.tokens }

// Rewind forgets all after the first n tokens.
func (s *Session) Rewind(n int) error {
	if n < 0 || n > len(s.tokens) {
		return fmt.Errorf("rewind to %d of %d tokens", n, len(s.tokens))
	}
	s.tokens = s.tokens[:n]
	s.shrink(n)
	return nil
}

// Reuse keeps what the session and ids have in common at their start, rewinds
// to it, and returns its length. The last of ids is never counted, so that
// there is one to prefill for its logits.
func (s *Session) Reuse(ids []int32) int {
	n := 0
	for n < len(s.tokens) && n < len(ids)-1 && s.tokens[n] == ids[n] {
		n++
	}
	s.tokens = s.tokens[:n]
	s.shrink(n)
	return n
}

// PrefillOptions is what a caller of Prefill wants to see.
type PrefillOptions struct {
	// Progress, if set, is called after each chunk.
	Progress func(done, total int)
	// Logits, if set, is called with those after every position, in order;
	// the slice is valid during the call.
	Logits func(pos int, logits []float32)
}

// Prefill appends ids and returns the logits after the last of them, valid
// until the next call. When it fails, the session holds what came before ids.
func (s *Session) Prefill(ctx context.Context, ids []int32, o PrefillOptions) ([]float32, error) {
	if len(ids) == 0 {
		return nil, fmt.Errorf("prefill of no tokens")
	}
	before := len(s.tokens)
	chunk := s.model.options.Batch
	if o.Logits != nil {
		chunk = min(chunk, maxLogits)
	}
	batch := make([]Token, 0, chunk)
	for done := 0; done < len(ids); done += len(batch) {
		batch = batch[:min(chunk, len(ids)-done)]
		for i := range batch {
			batch[i] = Token{Session: s, ID: ids[done+i], Logits: batch[i].Logits}
			if o.Logits != nil && batch[i].Logits == nil {
				batch[i].Logits = make([]float32, len(s.logits))
			}
		}
		if done+len(batch) == len(ids) && o.Logits == nil {
			batch[len(batch)-1].Logits = s.logits
		}
		if err := s.model.Forward(ctx, batch); err != nil {
			if rerr := s.Rewind(before); rerr != nil {
				panic("moe: " + rerr.Error()) // before was this session's length
			}
			return nil, err
		}
		if o.Logits != nil {
			for i := range batch {
				o.Logits(before+done+i, batch[i].Logits)
			}
			copy(s.logits, batch[len(batch)-1].Logits)
		}
		if o.Progress != nil {
			o.Progress(done+len(batch), len(ids))
		}
	}
	return s.logits, nil
}

// Step appends one token and returns the logits after it, valid until the next
// call.
func (s *Session) Step(ctx context.Context, id int32) ([]float32, error) {
	s.one[0] = Token{Session: s, ID: id, Logits: s.logits}
	if err := s.model.Forward(ctx, s.one[:]); err != nil {
		return nil, err
	}
	return s.logits, nil
}

// Leave has the session taken out of whatever batch it is in, at the next layer,
// and of all later ones. It may be called by any goroutine. What the session
// held before that batch it still holds.
func (s *Session) Leave() { s.left.Store(true) }

func (s *Session) shrink(n int) {
	s.model.mu.Lock()
	defer s.model.mu.Unlock()
	s.kv.shrink(n)
	s.unheld(n)
}
