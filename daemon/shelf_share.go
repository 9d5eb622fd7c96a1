package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// room has t get a share of the budget, waiting while models in use leave too
// little. What it gets is in t.share from then on.
func (s *Shelf) room(ctx context.Context, t *tenant) (int64, error) {
	for {
		share, changed, err := s.tryRoom(ctx, t)
		if share > 0 || err != nil {
			return share, err
		}
		select {
		case <-changed:
		case <-time.After(time.Second): // what is in use may have become less
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// tryRoom is 0 where t has to wait, for the channel.
func (s *Shelf) tryRoom(ctx context.Context, t *tenant) (share int64, changed <-chan struct{}, err error) {
	if err := s.arrange(ctx); err != nil {
		return 0, nil, err
	}
	defer s.arranged()
	s.mu.Lock()
	changed = s.changed
	total := s.total
	s.mu.Unlock()
	if t.need.least > total {
		small := *t.need.small
		small.Budget = total
		return 0, nil, fmt.Errorf("%s: %w", t.path(), &small)
	}
	ok, err := s.apply(ctx, total, t)
	if err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		t.waiting = s.inTheWay(t)
		if t.hungry.IsZero() {
			t.hungry = time.Now()
		}
		return 0, changed, nil
	}
	t.waiting, t.hungry = "", time.Time{}
	return t.share, nil, nil
}

// inTheWay says what a model waits for. The caller holds mu.
func (s *Shelf) inTheWay(t *tenant) string {
	for _, o := range s.tenants {
		if o != t && o.share > 0 {
			return fmt.Sprintf("memory that %s uses", o.info.Name)
		}
	}
	return "memory"
}

// arrange takes the right to divide the budget; arranged gives it back.
func (s *Shelf) arrange(ctx context.Context) error {
	select {
	case s.arranging <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Shelf) arranged() { <-s.arranging }

// apply divides the budget among the tenants, and wanted, if not nil, and brings
// them to their shares: first some go and shrink, then others grow. The caller
// has the right to arrange. It is not ok where those in use leave too little.
func (s *Shelf) apply(ctx context.Context, total int64, wanted *tenant) (ok bool, err error) {
	for range patience {
		of, shares, ok := s.division(total, wanted)
		if !ok {
			return false, nil
		}
		again, err := s.shrink(ctx, of, shares)
		if err != nil {
			return false, err
		}
		if !again {
			return true, s.grow(of, shares, wanted)
		}
	}
	return false, nil
}

// patience is how often the budget is divided anew where a model in use has come
// to hold more while it was.
const patience = 8

// division is the shares that tenants are to have; those with 0 are marked as
// unloading.
func (s *Shelf) division(total int64, wanted *tenant) (of []*tenant, shares []int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var claims []claim
	index := -1
	for _, t := range s.tenants {
		switch {
		case t == wanted:
			index = len(of)
			claims = append(claims, claim{least: t.need.least, most: t.need.most, fixed: t.need.fixed, busy: true, used: now.UnixNano()})
		case t.share == 0: // it has none yet
			continue
		default:
			claims = append(claims, t.claim(now))
		}
		of = append(of, t)
	}
	if shares, ok = divide(total, claims, index); !ok {
		return nil, nil, false
	}
	for i, t := range of {
		if shares[i] == 0 && t != wanted {
			t.state = StateUnload
		}
	}
	return of, shares, true
}

// shrink has those go that are to, and others become smaller. Where one cannot,
// again is true: it is in use for more than before.
func (s *Shelf) shrink(ctx context.Context, of []*tenant, shares []int64) (again bool, err error) {
	for i, t := range of {
		if shares[i] == 0 {
			s.close(t) // division has marked it
		}
	}
	for i, t := range of {
		m := s.memory(t)
		if m == nil || shares[i] >= m.budget() && shares[i] >= t.share {
			continue
		}
		if m.resize(shares[i]) != nil || !settled(ctx, m) {
			return true, ctx.Err()
		}
		s.book(t, shares[i])
	}
	return false, nil
}

// memory is that of a tenant that may be resized, or nil. The share of such a one
// is changed by who has the right to arrange alone.
func (s *Shelf) memory(t *tenant) *memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.state != StateReady {
		return nil
	}
	return t.engine.memory
}

// budget is what the model may use, be it short at the moment or not.
func (m *memory) budget() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.total
}

// settleTime is how long a model may take to give memory back: as long as a
// forward pass that uses it.
const settleTime = 30 * time.Second

// settled waits until a model holds no more than its budget. It reports whether
// that has come.
func settled(ctx context.Context, m *memory) bool {
	for end := time.Now().Add(settleTime); m.account.Over() > 0; {
		if m.resize(m.budget()) != nil || time.Now().After(end) {
			return false
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// grow gives those more that are to have more, and wanted its share.
func (s *Shelf) grow(of []*tenant, shares []int64, wanted *tenant) error {
	var errs []error
	for i, t := range of {
		m := s.memory(t)
		if m != nil && shares[i] > m.budget() {
			errs = append(errs, m.resize(shares[i]))
		}
		if m != nil || t == wanted {
			s.book(t, shares[i])
		}
	}
	return errors.Join(errs...)
}

func (s *Shelf) book(t *tenant, share int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.share = share
}

// spread gives what is free to the models that are there.
func (s *Shelf) spread() {
	if s.arrange(s.ctx) != nil {
		return
	}
	defer s.arranged()
	s.mu.Lock()
	total := s.total
	s.mu.Unlock()
	// Where one does not grow it works all the same, and the next change tries again.
	_, _ = s.apply(s.ctx, total, nil)
}

// Resize changes the budget, as Config.Memory says it; "" is what the machine
// leaves now. Models that nobody uses go where they do not fit it. It fails, and
// the budget stays, where those in use do not fit.
func (s *Shelf) Resize(size string) error {
	s.mu.Lock()
	c := s.o.Engine
	s.mu.Unlock()
	c.Memory = size
	total, err := (&memory{}).find(&c)
	if err != nil {
		return err
	}
	if err := s.arrange(s.ctx); err != nil {
		return ErrDraining
	}
	defer s.arranged()
	s.mu.Lock()
	before := s.total
	s.total = max(before, total) // so that the models together are never above it
	s.mu.Unlock()
	ok, err := s.apply(s.ctx, total, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total = before
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("a memory budget of %d bytes is too small for the models in use: unload some, or wait for their requests", total)
	}
	s.o.Engine.Memory, s.total = size, total
	s.tell()
	return nil
}

// Reload takes other options into use: models of Dirs that are gone stay while
// they are in use, and those that are loaded stay as they were opened.
func (s *Shelf) Reload(o ShelfOptions) error {
	if err := o.Engine.Check(); err != nil {
		return err
	}
	if _, err := look(o.Dirs); err != nil {
		return err
	}
	if err := s.Resize(o.Engine.Memory); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o = o
	return nil
}

// Close ends what is under way and unloads all. It may be called again.
func (s *Shelf) Close() error {
	s.mu.Lock()
	s.closing = ErrDraining
	for _, w := range s.waiters {
		w.cancel(ErrDraining)
	}
	s.stop() // inside, so that nothing is begun after it
	s.mu.Unlock()
	s.running.Wait()
	s.arranging <- struct{}{} // until a Resize under way has ended
	defer s.arranged()
	var errs []error
	for {
		s.mu.Lock()
		if len(s.tenants) == 0 {
			s.mu.Unlock()
			return errors.Join(errs...)
		}
		t := s.tenants[0]
		e := t.engine
		s.past += t.steps()
		t.state, t.engine = StateUnload, nil
		s.remove(t)
		s.mu.Unlock()
		if e != nil {
			errs = append(errs, e.Close())
		}
	}
}
