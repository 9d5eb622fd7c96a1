package offload

import (
	"context"
	"fmt"
	"time"

	"moed/flashio"
	"moed/moe/expert"
	"moed/offload/policy"
)

// Stream opens a stream of leases. It is used by one goroutine and needs no
// closing.
func (s *Store) Stream() expert.Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &stream{store: s, wake: make(chan struct{}, 1)}
	s.streams = append(s.streams, st)
	return st
}

// stream serves one demand after the other. Its fields belong to its goroutine,
// but for waiting and starved, which the store's lock guards.
type stream struct {
	store  *Store
	wake   chan struct{}
	demand *expert.Demand
	// open are the experts of the demand that have not been given out: those
	// with a slot, each with one pin of ours, and behind them those without.
	open    []want
	waiting bool // in Next, for any read
	starved bool // some want has no slot
}

// want is one expert of a demand.
type want struct {
	place int32 // in Demand.Experts
	slot  int32 // or none
}

// Want implements expert.Stream.
func (st *stream) Want(ctx context.Context, d *expert.Demand) error {
	if err := st.begin(ctx, d); err != nil {
		return err
	}
	st.store.prefetch(d)
	return nil
}

// begin pins what is held of the demand and begins to read the rest.
func (st *stream) begin(ctx context.Context, d *expert.Demand) error {
	s := st.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	st.abandon()
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.Layer >= len(s.layers) || s.layers[d.Layer].class == nil {
		return fmt.Errorf("layer %d has no experts in the store", d.Layer)
	}
	st.demand = d
	s.visit(d)
	now := time.Now()
	s.enter(d, now)
	o := s.settle(d, now)
	c := s.layers[d.Layer].class
	ls := &s.stats.Layers[d.Layer]
	ls.Wanted += int64(len(d.Experts))
	for at, e := range d.Experts {
		i := s.where[d.Layer*s.experts+int(e)]
		if i != none {
			c.pins[i]++
			s.meet(c, i, ls, now)
		} else {
			o.missed++
		}
		st.open = append(st.open, want{int32(at), i})
	}
	if d.Tokens == 1 {
		s.ledger.visit(d.Layer, o)
		s.passing.need += o.missed + o.useful
		s.passing.bytes += int64(o.missed+o.useful) * o.bytes
	}
	st.serve()
	return nil
}

// visit tells the policy of a demand, with what the router thinks on average of
// each expert.
func (s *Store) visit(d *expert.Demand) {
	v := &s.visiting
	*v = policy.Visit{Layer: d.Layer, Experts: d.Experts, Counts: d.Counts, Tokens: d.Tokens, Probs: d.Probs}
	if d.Tokens > 1 && d.Probs != nil {
		v.Probs = s.mean[:s.layers[d.Layer].Experts]
		policy.Mean(v.Probs, d.Probs)
	}
	s.policy.Visit(v)
}

// enter notes that a demand begins, and where it begins a pass, what the last
// one was.
func (s *Store) enter(d *expert.Demand, now time.Time) {
	ended, ok := s.passing.meet(d.Layer, d.Tokens, now)
	if !ok {
		return
	}
	s.measure(now)
	if ended.tokens == 1 {
		s.ledger.turn(ended)
	}
}

// meet counts what a demand finds of one expert, and hurries its read.
func (s *Store) meet(c *class, i int32, ls *LayerStats, now time.Time) {
	rd := c.reading[i]
	if rd == nil {
		if c.state[i] == held {
			ls.Hits++
		}
		return
	}
	ls.Late++
	if rd.guess {
		rd.guess = false
		s.passing.reads(1, now)
		rd.disk.reader.Raise(&rd.Request)
	}
}

// serve begins reads for the wants that have no slot, as far as there are
// slots.
func (st *stream) serve() {
	s, d := st.store, st.demand
	c := s.layers[d.Layer].class
	st.starved = false
	for k := range st.open {
		w := &st.open[k]
		if w.slot != none {
			continue
		}
		e := d.Experts[w.place]
		if i := s.where[d.Layer*s.experts+int(e)]; i != none { // another stream began it
			c.pins[i]++
			w.slot = i
			continue
		}
		i := s.take(c, d.Layer)
		if i == none || !s.begin(d.Layer, e, i, flashio.Demand) {
			if i != none {
				s.empty(c, i)
			}
			st.starved = true
			return
		}
		c.pins[i]++
		w.slot = i
	}
}

// Next implements expert.Stream.
func (st *stream) Next(ctx context.Context, dst []expert.Lease) (int, error) {
	s := st.store
	var began time.Time
	for {
		s.mu.Lock()
		if !began.IsZero() {
			waited := time.Since(began)
			s.stats.Stall += waited
			s.passing.stall += waited
			began = time.Time{}
		}
		n, err := st.collect(dst)
		if err == nil && n == 0 && len(st.open) > 0 {
			err = ctx.Err()
		}
		if err != nil {
			st.abandon()
		}
		if n > 0 {
			s.passing.last = time.Now()
		}
		st.waiting = n == 0 && len(st.open) > 0
		s.mu.Unlock()
		if err != nil || !st.waiting {
			return n, err
		}
		began = time.Now()
		select {
		case <-st.wake:
		case <-ctx.Done():
		}
	}
}

// collect moves wants whose expert is held to dst.
func (st *stream) collect(dst []expert.Lease) (int, error) {
	s, d := st.store, st.demand
	if s.closed {
		return 0, ErrClosed
	}
	if d == nil {
		return 0, nil
	}
	if st.starved {
		st.serve()
	}
	l := &s.layers[d.Layer]
	for _, w := range st.open {
		if w.slot != none && l.class.state[w.slot] == failed {
			return 0, l.class.failure[w.slot]
		}
	}
	n, kept := 0, st.open[:0]
	for _, w := range st.open {
		switch {
		case n < len(dst) && w.slot != none && l.class.state[w.slot] == held:
			e := int(d.Experts[w.place])
			dst[n] = expert.Lease{Slot: int(w.place), Weights: l.weights(w.slot, e), Handle: s.loans.lend(w.slot)}
			n++
		default:
			kept = append(kept, w)
		}
	}
	st.open = kept
	return n, nil
}

// Release implements expert.Stream.
func (st *stream) Release(l *expert.Lease) {
	s := st.store
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.layers[st.demand.Layer].class
	s.unpin(c, s.loans.redeem(l.Handle))
	*l = expert.Lease{}
}

// abandon gives up what is left of a demand.
func (st *stream) abandon() {
	s := st.store
	if st.demand == nil {
		return
	}
	c := s.layers[st.demand.Layer].class
	for _, w := range st.open {
		if w.slot == none {
			continue
		}
		if rd := c.reading[w.slot]; rd != nil && c.pins[w.slot] == 2 { // the read's and ours
			s.withdraw(rd)
		}
		s.unpin(c, w.slot)
	}
	st.open, st.starved, st.waiting = st.open[:0], false, false
}

// signal wakes the stream if it waits, or the next time it does.
func (st *stream) signal() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}
