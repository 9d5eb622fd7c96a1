package offload

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"moed/flashio"
	"moed/offload/policy"
)

// Key names one expert.
type Key struct {
	Layer, Expert int
}

// errWarming says that a store is being warmed by another call.
var errWarming = errors.New("the store is being warmed already")

// warming is a Warm at work. The store's lock guards all but wake.
type warming struct {
	store    *Store
	left     []Key         // in the order in which they are to be read, the last one first
	underWay []*read       // its reads that nobody has asked for since
	most     int           // reads under way at once
	read     int           // how many experts
	err      error         // why it ends early
	wake     chan struct{} // some read has ended, of whomever
}

// Warm reads experts into slots that hold nothing, in the given order, until
// all are read or no slot is free: those that are held or on their way are
// passed over, and so are those of whose size no slot is free. It never pushes
// an expert out. Its reads begin when no other is under way, and those that have
// not begun are withdrawn when a demand misses. Until the first miss several run
// at once, from then on one, so that a demand waits for no more than that.
//
// It returns how many experts it has read when it is done, the context has
// ended, the store was closed or one of its reads has failed, and never before
// its last read has ended. It calls progress, if that is not nil, with the number
// so far. One Warm may run at a time, beside anything else.
func (s *Store) Warm(ctx context.Context, order []Key, progress func(read int)) (int, error) {
	w := &warming{store: s, left: slices.Clone(order), most: s.inFlight(), wake: make(chan struct{}, 1)}
	slices.Reverse(w.left)
	if err := w.enter(); err != nil {
		return 0, err
	}
	for stop := ctx.Done(); ; {
		read, more := w.step(ctx)
		if progress != nil {
			progress(read)
		}
		if !more {
			return read, w.err
		}
		select {
		case <-w.wake:
		case <-stop:
			stop = nil // the reads that have begun are waited for
		}
	}
}

// enter makes w the one warming of its store.
func (w *warming) enter() error {
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warming != nil {
		return errWarming
	}
	for _, k := range w.left {
		if k.Layer < 0 || k.Layer >= len(s.layers) || k.Expert < 0 || k.Expert >= s.layers[k.Layer].Experts {
			return fmt.Errorf("warm the store: there is no expert %d of layer %d", k.Expert, k.Layer)
		}
	}
	s.warming = w
	return nil
}

// step begins the reads that may begin now, and reports how many have ended and
// whether more will. After the last one the store is without a warming.
func (w *warming) step(ctx context.Context) (read int, more bool) {
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case w.err != nil || len(w.left)+len(w.underWay) == 0:
	case s.closed:
		w.err = ErrClosed
	default:
		w.err = ctx.Err()
	}
	if w.err != nil {
		w.withdraw()
		w.left = nil
	}
	for len(w.left) > 0 && len(w.underWay) < w.most && s.underWay == len(w.underWay) {
		k := w.left[len(w.left)-1]
		if w.begin(k) == busy {
			break
		}
		w.left = w.left[:len(w.left)-1]
	}
	if more = len(w.left)+len(w.underWay) > 0; !more {
		s.warming = nil
	}
	return w.read, more
}

// begun says what has become of an expert that should be read.
type begun int

const (
	started begun = iota
	needless
	busy // no place for it to land is free
)

// begin begins to read one expert if it has no slot and one is free.
func (w *warming) begin(k Key) begun {
	s := w.store
	c := s.layers[k.Layer].class
	if len(c.free) == 0 || s.where[k.Layer*s.experts+k.Expert] != none {
		return needless
	}
	i := s.take(c, k.Layer)
	if !s.begin(k.Layer, int32(k.Expert), i, flashio.Prefetch) {
		s.empty(c, i)
		return busy
	}
	c.guessed[i] = false // no predictor is judged by it
	rd := c.reading[i]
	rd.warm = true
	w.underWay = append(w.underWay, rd)
	return started
}

// yield makes room for a demand's reads.
func (w *warming) yield() {
	w.most = 1
	w.withdraw()
}

// withdraw takes back the reads that have not begun, for later.
func (w *warming) withdraw() {
	for _, rd := range slices.Clone(w.underWay) {
		k := Key{int(rd.layer), int(rd.expert)}
		if rd.guess && rd.class.pins[rd.slot] == 1 && w.store.withdraw(rd) { // the pin is the read's
			w.left = append(w.left, k)
		}
	}
}

// ended notes that some read has ended, or was withdrawn, before its slot loses
// the pin.
func (w *warming) ended(rd *read) {
	if rd.warm {
		rd.warm = false
		w.underWay = slices.DeleteFunc(w.underWay, func(x *read) bool { return x == rd })
		c, i := rd.class, rd.slot
		switch {
		case c.state[i] == held:
			w.read++
			w.store.stats.Warmed++
			w.store.stats.WarmedBytes += rd.Bytes
		case c.failure[i] != nil && w.err == nil:
			w.err = c.failure[i]
		}
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// seedTokens is how long a text a Seed counts for: enough to tell what is used
// from what is not, and soon outweighed by what the text at hand uses.
const seedTokens = 64

// Seed tells the policy which experts a layer is expected to use, before the
// first demand: share is the expected uses per token of each expert, 0 to 1.
func (s *Store) Seed(layer int, share []float32) {
	var experts, counts []int32
	for e, p := range share {
		if n := int32(p*seedTokens + 0.5); n > 0 {
			experts, counts = append(experts, int32(e)), append(counts, min(n, seedTokens))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy.Visit(&policy.Visit{Layer: layer, Experts: experts, Counts: counts, Tokens: seedTokens})
}
