package daemon

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"moed/flashio"
)

// gate has models opened only once it is opened, and counts.
type gate struct {
	mu     sync.Mutex
	opened map[string]int
	free   chan struct{}
}

func newGate() *gate { return &gate{opened: map[string]int{}, free: make(chan struct{})} }

func (g *gate) open(path string, o flashio.Options) (*flashio.Reader, error) {
	g.mu.Lock()
	g.opened[filepath.Base(path)]++
	g.mu.Unlock()
	<-g.free
	return flashio.Open(path, o)
}

func (g *gate) count(file string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened[file]
}

// TestOneLoading: all who want a model that is not there wait for one loading,
// which ends when the last of them leaves.
func TestOneLoading(t *testing.T) {
	g := newGate()
	s := shelf(t, ShelfOptions{Dirs: []string{stocks(t, "a")}, Engine: Config{Flash: FlashConfig{Backend: "mapped", open: g.open}}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	told := make(chan LoadProgress, 100)
	for range 3 {
		all.Go(func() {
			if _, err := s.Acquire(ctx, "a", LoanOptions{Progress: func(p LoadProgress) {
				select {
				case told <- p:
				default:
				}
			}}); !errors.Is(err, context.Canceled) {
				t.Errorf("found %v, want that of the context", err)
			}
		})
	}
	until(t, "three callers wait", func() bool { return len(s.Requests()) == 3 && g.count("a.gguf") == 1 })
	if got := running(s); !slices.Equal(got, []string{"a loading"}) || !s.Busy() {
		t.Errorf("running %v, busy %v", got, s.Busy())
	}
	if p := <-told; p.Model != "a" {
		t.Errorf("told %+v", p)
	}
	cancel()
	all.Wait()
	// Who comes while that loading has not yet ended gets another.
	var loan *Loan
	all.Go(func() { loan = acquire(t, s, "a") })
	until(t, "one caller waits", func() bool { return len(s.Requests()) == 1 })
	close(g.free)
	all.Wait()
	if g.count("a.gguf") != 2 || loan == nil || loan.Load <= 0 {
		t.Fatalf("the model was opened %d times; loan %+v", g.count("a.gguf"), loan)
	}
	for range 5 {
		acquire(t, s, "A:latest").Release()
	}
	if g.count("a.gguf") != 2 {
		t.Errorf("the model was opened %d times, want twice", g.count("a.gguf"))
	}
	loan.Release()
}

// TestUnloadWhileLoading: who waits is not robbed of the model.
func TestUnloadWhileLoading(t *testing.T) {
	g := newGate()
	s := shelf(t, ShelfOptions{Dirs: []string{stocks(t, "a")}, Engine: Config{Flash: FlashConfig{Backend: "mapped", open: g.open}}})
	var all sync.WaitGroup
	var loan *Loan
	all.Go(func() { loan = acquire(t, s, "a") })
	until(t, "it is being opened", func() bool { return g.count("a.gguf") == 1 })
	if err := s.Unload("a"); err != nil {
		t.Fatal(err)
	}
	close(g.free)
	all.Wait()
	if _, err := loan.Engine.Generate(t.Context(), endless(loan.Engine, 3), func(Piece) error { return nil }); err != nil {
		t.Error(err)
	}
	loan.Release()
	until(t, "it has gone", func() bool { return len(s.Running()) == 0 })
}

func TestCancelWaiting(t *testing.T) {
	g := newGate()
	defer close(g.free)
	s := shelf(t, ShelfOptions{Dirs: []string{stocks(t, "a")}, Engine: Config{Flash: FlashConfig{Backend: "mapped", open: g.open}}})
	me, other, admin := Caller{UID: 7, PID: 1}, Caller{UID: 8}, Caller{UID: 9, Admin: true}
	for _, by := range []Caller{me, admin} {
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.Acquire(WithCaller(t.Context(), me), "a", LoanOptions{}); !errors.Is(err, ErrCancelled) {
				t.Errorf("found %v, want ErrCancelled", err)
			}
		})
		until(t, "it waits", func() bool { return len(s.Requests()) == 1 })
		r := s.Requests()[0]
		if r.Phase != PhaseLoading || r.UID != 7 || r.PID != 1 || r.Model != "a" {
			t.Errorf("%+v", r)
		}
		if s.Cancel(r.ID, other) || s.Cancel("x", admin) {
			t.Error("cancelled by another, or what is not there")
		}
		if !s.Cancel(r.ID, by) {
			t.Errorf("not cancelled by %+v", by)
		}
		all.Wait()
	}
}
