package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// needs is what each of the models of stocks wants.
func needs(t *testing.T, dir string, c Config) need {
	t.Helper()
	n, err := measure(c, filepath.Join(dir, "a.gguf"), 0)
	if err != nil || n.least <= 0 || n.most < n.least {
		t.Fatalf("%+v %v", n, err)
	}
	return n
}

// promised checks the budgets of all that is loaded, and that there is one of each.
func promised(s *Shelf) error {
	total, _ := s.Budget()
	sum, seen := int64(0), map[string]bool{}
	for _, r := range s.Running() {
		if seen[r.Name] {
			return fmt.Errorf("two of %s", r.Name)
		}
		seen[r.Name] = true
		if r.Engine != nil {
			sum += r.Engine.Stats().Memory.Budget
		}
	}
	if now, _ := s.Budget(); now != total {
		return nil // resized meanwhile, and the sum may be of after
	}
	if sum > total {
		return fmt.Errorf("budgets of %d bytes together, of %d", sum, total)
	}
	return nil
}

func budgetOf(l *Loan) int64 { return l.Engine.Stats().Memory.Budget }

func TestTwoModels(t *testing.T) {
	dir := stocks(t, "a", "b")
	c := Config{Flash: quick, Context: 256}
	n := needs(t, dir, c)
	total := 2*n.least + (n.most-n.least)/2
	c.Memory = fmt.Sprint(total)
	s := shelf(t, ShelfOptions{Dirs: []string{dir}, Engine: c})
	a := acquire(t, s, "a")
	if got := budgetOf(a); got != total {
		t.Errorf("the first has %d bytes, want all %d", got, total)
	}
	text := func(l *Loan) []int32 {
		t.Helper()
		res, err := l.Engine.Generate(t.Context(), endless(l.Engine, 20), func(Piece) error { return promised(s) })
		if err != nil {
			t.Fatal(err)
		}
		return res.IDs
	}
	alone := text(a)
	b := acquire(t, s, "b")
	if got := budgetOf(a) + budgetOf(b); got > total || budgetOf(a) >= total || budgetOf(b) < n.least {
		t.Errorf("%d and %d bytes, of %d", budgetOf(a), budgetOf(b), total)
	}
	text(b)
	if got := text(a); !slices.Equal(got, alone) {
		t.Errorf("beside another found %v, alone %v", got, alone)
	}
	b.Release()
	if err := s.Unload("b"); err != nil {
		t.Fatal(err)
	}
	until(t, "the first has all again", func() bool { return budgetOf(a) == total })
	a.Release()
}

// TestWaitsForRoom: where models in use leave too little, who wants another waits and
// hears why; when they are given back they go.
func TestWaitsForRoom(t *testing.T) {
	dir := stocks(t, "a", "b")
	c := Config{Flash: quick, Context: 256}
	n := needs(t, dir, c)
	c.Memory = fmt.Sprint(n.least * 3 / 2)
	s := shelf(t, ShelfOptions{Dirs: []string{dir}, Engine: c})
	a := acquire(t, s, "a")
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	waits := make(chan bool, 1)
	hear := LoanOptions{Progress: func(p LoadProgress) {
		if strings.Contains(p.Waiting, "memory that a uses") {
			select {
			case waits <- true:
			default:
			}
		}
	}}
	all.Go(func() {
		if _, err := s.Acquire(ctx, "b", hear); !errors.Is(err, context.Canceled) {
			t.Errorf("found %v, want that of the context", err)
		}
	})
	<-waits
	cancel()
	all.Wait()
	until(t, "the loading has ended", func() bool { return len(s.Running()) == 1 })
	all.Go(func() {
		b, err := s.Acquire(t.Context(), "b", hear)
		if err != nil {
			t.Error(err)
			return
		}
		b.Release()
	})
	<-waits
	a.Release()
	all.Wait()
	if got := running(s); !slices.Equal(got, []string{"b ready"}) {
		t.Errorf("running %v", got)
	}
}

func TestNeverFits(t *testing.T) {
	dir := stocks(t, "a")
	c := Config{Flash: quick, Context: 256}
	n := needs(t, dir, c)
	c.Memory = fmt.Sprint(n.least - 1)
	s := shelf(t, ShelfOptions{Dirs: []string{dir}, Engine: c})
	var small *TooSmallError
	_, err := s.Acquire(t.Context(), "a", LoanOptions{})
	if !errors.As(err, &small) || small.Smallest != n.least || small.Budget != n.least-1 || !strings.Contains(err.Error(), "a.gguf") {
		t.Errorf("found %v, want that %d are too few", err, n.least-1)
	}
	if err := s.Resize(fmt.Sprint(n.least)); err != nil {
		t.Fatal(err)
	}
	acquire(t, s, "a").Release()
}

func TestShelfResize(t *testing.T) {
	dir := stocks(t, "a", "b")
	c := Config{Flash: quick, Context: 256}
	n := needs(t, dir, c)
	c.Memory = fmt.Sprint(4 * n.least)
	s := shelf(t, ShelfOptions{Dirs: []string{dir}, Engine: c})
	a, b := acquire(t, s, "a"), acquire(t, s, "b")
	if err := s.Resize(fmt.Sprint(n.least)); err == nil {
		t.Error("both are in use and were resized to what one needs")
	}
	if total, _ := s.Budget(); total != 4*n.least {
		t.Errorf("a budget of %d after that", total)
	}
	if err := s.Resize("nothing"); err == nil {
		t.Error("a size that is none was taken")
	}
	b.Release()
	least := a.Engine.memory.least()
	if err := s.Resize(fmt.Sprint(least)); err != nil {
		t.Fatal(err)
	}
	if got := running(s); !slices.Equal(got, []string{"a ready"}) || budgetOf(a) != least {
		t.Errorf("running %v, with %d bytes of %d", got, budgetOf(a), least)
	}
	if err := s.Resize(fmt.Sprint(8 * n.least)); err != nil || budgetOf(a) != 8*n.least {
		t.Errorf("%v; %d bytes", err, budgetOf(a))
	}
	a.Release()
}

// TestHungry: callers that follow each other do not keep a model from unloading for
// good where another waits.
func TestHungry(t *testing.T) {
	dir := stocks(t, "a", "b")
	c := Config{Flash: quick, Context: 256}
	c.Memory = fmt.Sprint(needs(t, dir, c).least * 3 / 2)
	s := shelf(t, ShelfOptions{Dirs: []string{dir}, Engine: c})
	a := acquire(t, s, "a")
	var all sync.WaitGroup
	all.Go(func() { acquire(t, s, "b").Release() })
	until(t, "b waits", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.tenants) == 2 && !s.tenants[1].hungry.IsZero()
	})
	acquire(t, s, "a").Release() // it has not waited for long
	s.mu.Lock()
	s.tenants[1].hungry = time.Now().Add(-hungryAfter)
	s.mu.Unlock()
	waits := make(chan bool, 1)
	all.Go(func() {
		l, err := s.Acquire(t.Context(), "a", LoanOptions{Progress: func(p LoadProgress) {
			if p.Model == "a" && strings.HasPrefix(p.Waiting, "b, which") {
				select {
				case waits <- true:
				default:
				}
			}
		}})
		if err != nil {
			t.Error(err)
			return
		}
		l.Release()
	})
	<-waits
	a.Release()
	all.Wait()
}

// TestRests: a model that rests gives way to one that is used, and has its part again
// when it is used.
func TestRests(t *testing.T) {
	dir := stocks(t, "a", "b")
	c := Config{Flash: quick, Context: 256}
	n := needs(t, dir, c)
	total := 3 * n.least
	c.Memory = fmt.Sprint(total)
	s := shelf(t, ShelfOptions{Dirs: []string{dir}, Engine: c})
	acquire(t, s, "a").Release()
	age := func(name string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, t := range s.tenants {
			if t.info.Name == name {
				t.used = t.used.Add(-2 * restsAfter)
			}
		}
	}
	age("a")
	b := acquire(t, s, "b")
	if got := budgetOf(b); got <= total/2 {
		t.Errorf("%d bytes beside one that rests, of %d", got, total)
	}
	b.Release()
	age("b")
	a := acquire(t, s, "a")
	until(t, "it has its part", func() bool { return budgetOf(a) > total/2 })
	if err := promised(s); err != nil {
		t.Error(err)
	}
	a.Release()
}

// TestShelfAtRandom does everything at once, and looks whether the promises are
// kept meanwhile: one of each model, the budget, no loan of a model that has gone.
func TestShelfAtRandom(t *testing.T) {
	dir := stocks(t, "a", "b", "c")
	c := Config{Flash: quick, Context: 256}
	n := needs(t, dir, c)
	c.Memory = fmt.Sprint(n.least * 5 / 2)
	s := shelf(t, ShelfOptions{Dirs: []string{dir}, Engine: c, KeepAlive: 20 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var watch, all sync.WaitGroup
	watch.Go(func() {
		steps := uint64(0)
		for ctx.Err() == nil {
			if err := promised(s); err != nil {
				t.Error(err)
				return
			}
			now := s.Steps()
			if now < steps {
				t.Errorf("steps went from %d to %d", steps, now)
				return
			}
			steps = now
			s.Busy()
			s.Requests()
			s.List()
			time.Sleep(time.Millisecond)
		}
	})
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	for w := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 2))
			for range rounds {
				name := string(rune('a' + r.IntN(3)))
				switch r.IntN(8) {
				case 0:
					if err := s.Unload(name); err != nil {
						t.Error(err)
					}
				case 1:
					_ = s.Resize(fmt.Sprint(n.least * int64(4+r.IntN(3)) / 2)) // less than is in use is refused
				default:
					s.use(t, ctx, r, name)
				}
			}
		})
	}
	all.Wait()
	stop()
	watch.Wait()
	if s.Busy() {
		t.Error("busy when nobody is left")
	}
	until(t, "all have gone", func() bool { return len(s.Running()) == 0 })
}

// use takes a loan for as long as a short text, or leaves before it has it.
func (s *Shelf) use(t *testing.T, ctx context.Context, r *rand.Rand, name string) {
	leaves := r.IntN(3) == 0
	if leaves {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(10))*time.Millisecond)
		defer cancel()
	}
	l, err := s.Acquire(ctx, name, LoanOptions{Progress: func(LoadProgress) {}})
	if err != nil {
		if !leaves || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	defer l.Release()
	if _, err := l.Engine.Generate(ctx, endless(l.Engine, 1+r.IntN(5)), func(Piece) error { return nil }); err != nil && !leaves {
		t.Errorf("%s: %v", name, err)
	}
}
