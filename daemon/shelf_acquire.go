package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// waiter is one caller of Acquire.
type waiter struct {
	o      LoanOptions
	info   RequestInfo
	key    CallerKey
	cancel context.CancelCauseFunc
}

func (w *waiter) by(c Caller, m stocked, began time.Time) {
	w.key = c.Key()
	w.info = RequestInfo{Model: m.name, UID: c.UID, PID: c.PID, Token: c.Token, Phase: PhaseLoading, Began: began}
}

// tellEvery is how often those who wait hear of progress.
const tellEvery = 250 * time.Millisecond

// Acquire gives the right to use a model, and loads it where it is not: other
// models that nobody uses make room, and where that is not enough the caller
// waits. Several callers of a model that is being loaded wait for the one
// loading; it goes on while any of them waits. A file that has changed since it
// was loaded is loaded again when nobody uses what was loaded.
//
// The error is a *NoModelError, a *TooSmallError where the model can never fit
// the budget, a *RequestError where the file is no model that can be run,
// ErrDraining, ErrCancelled, that of ctx, or what went wrong with the reading.
func (s *Shelf) Acquire(ctx context.Context, name string, o LoanOptions) (*Loan, error) {
	m, err := s.find(name)
	if err != nil {
		return nil, err
	}
	info := s.catalogue.info(m)
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &waiter{o: o, cancel: cancel}
	w.by(CallerOf(ctx), m, began)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.enter(w); err != nil {
		return nil, err
	}
	defer s.leave(w)
	for {
		loan, first, err := s.join(w, info, m)
		if err == nil && loan == nil {
			loan, err = s.await(ctx, w, first)
		}
		if err != nil {
			return nil, err
		}
		if loan != nil {
			if took := time.Since(began); took >= time.Millisecond { // else it was there
				loan.Load = took
			}
			return loan, nil
		}
	}
}

// enter notes a caller, unless the shelf takes no more.
func (s *Shelf) enter(w *waiter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing != nil {
		return s.closing
	}
	s.counter++
	w.info.ID = fmt.Sprintf("%s-load-%d", w.info.Model, s.counter)
	s.waiters = append(s.waiters, w)
	return nil
}

func (s *Shelf) leave(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiters = slices.DeleteFunc(s.waiters, func(x *waiter) bool { return x == w })
	s.tell()
}

// join is a loan of m where it is loaded. Else it has w wait for the loading of m,
// or says what else is to be waited for first.
func (s *Shelf) join(w *waiter, info ModelInfo, m stocked) (*Loan, *obstacle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, nil, ErrDraining
	}
	t := s.tenant(m)
	switch {
	case t == nil:
		t = s.begin(info, m)
	case t.state == StateReady && t.engine.intact() != nil:
		t.ending = true
		s.nudge()
		return nil, &obstacle{t, t.gone, "its earlier use to end"}, nil
	case t.state == StateReady:
		if h := s.hungry(t, time.Now()); h != nil {
			return nil, &obstacle{h, h.loaded, fmt.Sprintf("%s, which has waited for longer", h.info.Name)}, nil
		}
		return s.lend(w, t), nil, nil
	case t.state == StateUnload:
		return nil, &obstacle{t, t.gone, "its earlier use to end"}, nil
	}
	t.waits[w] = true
	return nil, &obstacle{t, t.loaded, ""}, nil
}

// obstacle is what a caller waits for before it asks again: until something has
// happened to a model, which may be the one that it wants.
type obstacle struct {
	of    *tenant
	until <-chan struct{}
	why   string // "" where it is the loading
}

// hungryAfter is how long a model waits for memory before those that use it have
// to let it in: they are lent to nobody else until then, so that models that are
// always in use do not keep others out for good.
const hungryAfter = 10 * time.Second

// hungry is a model that has waited so long for memory and could have it if t were
// not in use, or nil. The caller holds mu.
func (s *Shelf) hungry(t *tenant, now time.Time) *tenant {
	for _, h := range s.tenants {
		if h == t || h.hungry.IsZero() || now.Sub(h.hungry) < hungryAfter || t.loans == 0 {
			continue
		}
		left := s.total - h.need.least
		for _, o := range s.tenants {
			if o != t && o != h && o.share > 0 && !o.idle() {
				left -= o.claim(now).least
			}
		}
		if left >= 0 {
			return h
		}
	}
	return nil
}

// tenant is that of a model, or nil. The caller holds mu.
func (s *Shelf) tenant(m stocked) *tenant {
	for _, t := range s.tenants {
		if t.path() == m.path() {
			return t
		}
	}
	return nil
}

// lend makes a loan of a model that is there. The caller holds mu.
func (s *Shelf) lend(w *waiter, t *tenant) *Loan {
	if now := time.Now(); len(s.tenants) > 1 && now.Sub(t.used) >= restsAfter {
		s.uneven = true // it may have given way to others
		s.nudge()
	}
	t.loans++
	t.keep = s.o.KeepAlive
	if t.keep == 0 {
		t.keep = defaultKeepAlive
	}
	if w.o.KeepAlive != nil {
		t.keep = *w.o.KeepAlive
	}
	t.used = time.Now()
	return &Loan{Engine: t.engine, Info: t.info, release: sync.OnceFunc(func() { s.release(t) })}
}

func (s *Shelf) release(t *tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.loans--
	t.used = time.Now()
	t.expires = time.Time{}
	if t.keep >= 0 {
		t.expires = t.used.Add(t.keep)
	}
	s.tell()
	s.nudge()
}

// await waits for an obstacle. Where that is the loading of the model, there is a
// loan then.
func (s *Shelf) await(ctx context.Context, w *waiter, first *obstacle) (*Loan, error) {
	err := s.listen(ctx, w, first)
	if first.why != "" {
		return nil, err
	}
	t := first.of
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(t.waits, w)
	switch {
	case err != nil:
		if len(t.waits) == 0 && t.state == StateLoading { // it would go on for nobody
			t.state = StateUnload
			t.cancel()
		}
		s.nudge()
		return nil, err
	case t.state == StateReady:
		return s.lend(w, t), nil
	case errors.Is(t.err, errAbandoned): // just then
		return nil, nil
	}
	return nil, t.err
}

// errAbandoned ends a loading for which nobody waits. Who comes just then begins
// another.
var errAbandoned = errors.New("nobody waits for the model any more")

// listen tells of progress until the obstacle is gone or ctx ends.
func (s *Shelf) listen(ctx context.Context, w *waiter, first *obstacle) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		if w.o.Progress != nil {
			w.o.Progress(s.progress(w, first))
		}
		select {
		case <-first.until:
			return context.Cause(ctx) // of both, the caller's own
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (s *Shelf) progress(w *waiter, first *obstacle) LoadProgress {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := LoadProgress{Model: w.info.Model, Waiting: first.why}
	if t := first.of; p.Waiting == "" {
		p.Waiting, p.Done, p.Total = t.waiting, t.done, t.bytes
	}
	return p
}
