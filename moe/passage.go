package moe

import (
	"context"
	"math/rand/v2"

	"moed/moe/expert"
)

// Stages has other hosts run whole layers. The token moves there and comes back
// with the keys and values that it leaves behind, so that the session's cache here
// is always whole, and this host can go on by itself at any layer.
type Stages interface {
	// Until returns the layer before which another host would stop that runs
	// those from layer on, or layer itself where they are to be run here.
	Until(layer int) int
	// Run has a passage run. Where compare is not nil, the passage has not been
	// changed: its layers are to be run here as well, and compare to be called
	// with the outcome, which tells whether the other host's is the same. After
	// an error the layers are to be run here.
	Run(ctx context.Context, p *expert.Passage) (compare func(x []float32), err error)
}

// proof is a passage that another host runs on trial.
type proof struct {
	compare func(x []float32)
	until   int // layer before which its outcome is there
	n       int // tokens that it began with
}

// elsewhere has another host run layers from one on, up to end at most, and
// returns the next to run here.
func (r *runner) elsewhere(ctx context.Context, from, end int) int {
	s := r.model.options.Stages
	if s == nil || r.proof.compare != nil {
		return from
	}
	to := min(s.Until(from), end)
	if to <= from {
		return from
	}
	p := &r.passage
	p.From, p.To, p.Pos, p.X, p.KV = from, to, r.pos[:r.n], r.x[:r.n*r.config.Hidden], (*batchKV)(r)
	p.Lanes = p.Lanes[:0]
	for i := range r.batch {
		p.Lanes = append(p.Lanes, r.batch[i].Session.laneOf())
	}
	compare, err := s.Run(ctx, p)
	if err != nil {
		return from
	}
	if compare != nil {
		r.proof = proof{compare, to, r.n}
		return from
	}
	return to
}

// prove ends a trial whose last layer was the one before layer. With fewer tokens
// than it began with it proves nothing.
func (r *runner) prove(layer int) {
	if r.proof.compare == nil || layer < r.proof.until {
		return
	}
	if r.n == r.proof.n {
		r.proof.compare(r.x[:r.n*r.config.Hidden])
	}
	r.proof = proof{}
}

// batchKV is the caches of a batch's sessions.
type batchKV runner

func (b *batchKV) Type() uint8   { return uint8(b.model.options.KV) }
func (b *batchKV) RowBytes() int { return b.model.kv.rowBytes() }

func (b *batchKV) Row(dst [][]byte, i, layer, pos int) [][]byte {
	return b.batch[i].Session.kv.row(dst, layer, pos)
}

// rowBytes is the keys and values of one position in one layer.
func (l *kvLayout) rowBytes() int { return l.heads * (l.keyRow + l.valueRow) }

// row appends where the keys and values of a position lie, head by head.
func (kv *kvCache) row(dst [][]byte, layer, pos int) [][]byte {
	lay := &kv.model.kv
	for h := range lay.heads {
		dst = append(dst, kv.key(layer, h, pos))
		if lay.valueRow > 0 {
			dst = append(dst, kv.value(layer, h, pos))
		}
	}
	return dst
}

// laneOf is the session as other hosts know it. The key is random, since hosts
// may know sessions of an earlier start of this one.
func (s *Session) laneOf() *expert.Lane {
	if s.lane.Held == nil {
		s.lane = expert.Lane{Key: rand.Uint64(), Held: make([]expert.Held, s.model.config.Layers)}
	}
	return &s.lane
}

// unheld takes back that other hosts hold more than the first n positions.
func (s *Session) unheld(n int) {
	for i := range s.lane.Held {
		s.lane.Held[i].Positions = min(s.lane.Held[i].Positions, n)
	}
}
