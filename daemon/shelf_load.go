package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"moed/offload/budget"
)

// TooSmallError is a budget that a model cannot be loaded in.
type TooSmallError = budget.TooSmall

// begin has a model loaded. The caller holds mu.
func (s *Shelf) begin(info ModelInfo, m stocked) *tenant {
	now := time.Now()
	t := &tenant{stocked: m, info: info, began: now, used: now, state: StateLoading, gone: make(chan struct{}), loaded: make(chan struct{}),
		waits: map[*waiter]bool{}}
	if info.Report != nil {
		t.bytes = info.Report.Sizes.Dense
	}
	var ctx context.Context
	ctx, t.cancel = context.WithCancel(s.ctx)
	s.tenants = append(s.tenants, t)
	s.tell()
	s.running.Go(func() { s.load(ctx, t) }) // ends when it is loaded or nobody waits for it
	return t
}

// load makes room for a model and opens it.
func (s *Shelf) load(ctx context.Context, t *tenant) {
	e, err := s.open(ctx, t)
	t.cancel()
	s.mu.Lock()
	if err == nil && t.state != StateLoading { // the last who waited has left
		s.mu.Unlock()
		err = errors.Join(errAbandoned, e.Close())
		s.mu.Lock()
	}
	if err != nil && t.state != StateLoading {
		err = errAbandoned
	}
	s.past += uint64(t.done)
	t.done = 0
	t.used = time.Now()
	t.waiting = ""
	if err == nil {
		t.state, t.engine = StateReady, e
		// Who waits takes it; if nobody does it goes by the shelf's own time.
		if keep := cmp.Or(s.o.KeepAlive, defaultKeepAlive); keep > 0 {
			t.expires = t.used.Add(keep)
		}
		s.tell()
	} else {
		t.err = err
		s.remove(t)
	}
	close(t.loaded)
	s.mu.Unlock()
	s.nudge()
	if err != nil {
		s.spread()
	}
}

// remove takes a tenant out. The caller holds mu.
func (s *Shelf) remove(t *tenant) {
	s.tenants = slices.DeleteFunc(s.tenants, func(x *tenant) bool { return x == t })
	t.share = 0
	close(t.gone)
	s.tell()
}

// open gets a share of the budget for t and opens it. A panic is the file's
// fault: it says something of itself that nobody thought of.
func (s *Shelf) open(ctx context.Context, t *tenant) (e *Engine, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &RequestError{Param: "model", Err: fmt.Errorf("%s cannot be loaded: %v", t.info.Name, p)}
		}
	}()
	if t.refused != "" {
		return nil, &RequestError{Param: "model", Err: errors.New(t.refused)}
	}
	s.mu.Lock()
	c, spill, total := s.o.Engine, s.o.Spill, s.total
	s.mu.Unlock()
	c.Model = t.path()
	if spill != "" {
		c.Spill = filepath.Join(spill, t.name)
	}
	if t.need, err = measure(c, c.Model, total); err != nil {
		if errors.As(err, new(*fs.PathError)) {
			return nil, err
		}
		return nil, &RequestError{Param: "model", Err: err} // the file's, or of a context that the model does not have
	}
	share, err := s.room(ctx, t)
	if err != nil {
		return nil, err
	}
	c.Memory, c.heap = fmt.Sprint(share), s.heap
	c.Progress = func(done, total int64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.done == 0 {
			t.reading = time.Now()
		}
		t.done, t.bytes = max(done, t.done), total
	}
	e, err = Open(ctx, c)
	return e, t.blame(err)
}

// blame says whose fault an error is: a file that can be read and not be run is
// nothing that would go better another time.
func (t *tenant) blame(err error) error {
	var small *TooSmallError
	if err == nil || t.info.Problem == "" || errors.As(err, &small) || errors.Is(err, context.Canceled) {
		return err
	}
	return &RequestError{Param: "model", Err: err}
}

// keep unloads what nobody has used for as long as was asked for, until the
// shelf is closed.
func (s *Shelf) keep() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next, due, uneven := s.due(time.Now())
		for _, t := range due {
			s.close(t)
		}
		if len(due) > 0 || uneven {
			s.spread()
			continue
		}
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.ctx.Done():
			return
		}
	}
}

// due marks what is to go now, and says in how long there may be more, and
// whether the budget is to be divided anew.
func (s *Shelf) due(now time.Time) (next time.Duration, due []*tenant, uneven bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	uneven, s.uneven = s.uneven, false
	next = time.Hour
	for _, t := range s.tenants {
		if !t.idle() {
			continue
		}
		switch left := t.expires.Sub(now); {
		case t.ending || !t.expires.IsZero() && left <= 0:
			t.state = StateUnload
			due = append(due, t)
		case !t.expires.IsZero():
			next = min(next, left)
		}
	}
	return next, due, uneven
}

// close unloads a tenant that was marked for it.
func (s *Shelf) close(t *tenant) {
	s.mu.Lock()
	e := t.engine
	s.mu.Unlock()
	_ = e.Close() // of giving memory back; nobody could act on that
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past += e.Steps()
	t.engine = nil
	s.remove(t)
}
