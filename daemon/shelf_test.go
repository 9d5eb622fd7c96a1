package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"moed/flashio"
	"moed/moe/moetest"
)

var golden = filepath.Join("..", "testdata", "golden")

// shelf opens a shelf that is closed with the test.
func shelf(t *testing.T, o ShelfOptions) *Shelf {
	t.Helper()
	s, err := NewShelf(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// stocks is a directory of models of random weights, each of the same size.
func stocks(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range names {
		spec := moetest.Spec{Model: "qwen3moe", Layers: 4, Experts: 16, TopK: 4, Seed: uint64(i)}
		if err := os.Rename(tinyModel(t, spec), filepath.Join(dir, name+".gguf")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func acquire(t *testing.T, s *Shelf, name string) *Loan {
	t.Helper()
	l, err := s.Acquire(t.Context(), name, LoanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// until waits for something that other goroutines bring about.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: still not so after 20 s", what)
		}
	}
}

func running(s *Shelf) (list []string) {
	for _, r := range s.Running() {
		list = append(list, r.Name+" "+r.State)
	}
	return list
}

func TestShelfBuiltIn(t *testing.T) {
	s := shelf(t, ShelfOptions{})
	l := acquire(t, s, "")
	res, err := l.Engine.Generate(t.Context(), &Request{Prompt: "Once", MaxTokens: 5}, func(Piece) error { return nil })
	if err != nil || len(res.IDs) != 5 {
		t.Errorf("%v: %d tokens, want 5", err, len(res.IDs))
	}
	if total, used := s.Budget(); used <= 0 || used > total {
		t.Errorf("%d of %d bytes in use", used, total)
	}
	if again := acquire(t, s, ""); again.Engine != l.Engine || again.Load != 0 {
		t.Errorf("a second loan took %v and has another engine", again.Load)
	} else {
		again.Release()
	}
	if r := s.Running(); len(r) != 1 || r[0].State != StateReady || r[0].InUse != 1 || r[0].Engine != l.Engine || r[0].Loaded != 1 {
		t.Errorf("running: %+v", r)
	}
	l.Release()
	l.Release() // is no harm
	if r := s.Running(); len(r) != 1 || r[0].InUse != 0 || r[0].Expires.Before(time.Now().Add(4*time.Minute)) {
		t.Errorf("running: %+v", r)
	}
}

func TestUnload(t *testing.T) {
	s := shelf(t, ShelfOptions{})
	if err := s.Unload("nothing"); !errors.As(err, new(*NoModelError)) {
		t.Errorf("found %v, want a NoModelError", err)
	}
	if err := s.Unload(""); err != nil {
		t.Errorf("a model that is not loaded: %v", err)
	}
	l := acquire(t, s, "")
	before := s.Steps()
	if _, err := l.Engine.Generate(t.Context(), &Request{Prompt: "a", MaxTokens: 3}, func(Piece) error { return nil }); err != nil {
		t.Fatal(err)
	}
	worked := s.Steps()
	if err := s.Unload(""); err != nil {
		t.Fatal(err)
	}
	if got := running(s); len(got) != 1 {
		t.Fatalf("running %v while it is in use", got)
	}
	l.Release()
	until(t, "it has gone", func() bool { return len(s.Running()) == 0 })
	if after := s.Steps(); worked <= before || after < worked {
		t.Errorf("steps %d, %d, %d", before, worked, after)
	}
}

func TestKeepAlive(t *testing.T) {
	never, now, soon := -time.Second, time.Duration(0), time.Millisecond
	s := shelf(t, ShelfOptions{KeepAlive: time.Hour})
	for _, test := range []struct {
		keep *time.Duration
		goes bool
	}{{nil, false}, {&never, false}, {&now, true}, {&soon, true}} {
		l, err := s.Acquire(t.Context(), "", LoanOptions{KeepAlive: test.keep})
		if err != nil {
			t.Fatal(err)
		}
		l.Release()
		if test.goes {
			until(t, "it has gone", func() bool { return len(s.Running()) == 0 })
			continue
		}
		r := s.Running()
		if len(r) != 1 || r[0].Expires.IsZero() != (test.keep == &never) {
			t.Errorf("%v: running %+v", test.keep, r)
		}
	}
}

// TestChangedFile: what was loaded of a file that has changed goes, and the next
// caller gets what the file is now.
func TestChangedFile(t *testing.T) {
	dir := stocks(t, "a", "b")
	s := shelf(t, ShelfOptions{Dirs: []string{dir}, Engine: Config{Flash: quick}})
	old := acquire(t, s, "a")
	if err := os.Rename(filepath.Join(dir, "b.gguf"), filepath.Join(dir, "a.gguf")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waits := LoanOptions{Progress: func(p LoadProgress) { cancel() }}
	if _, err := s.Acquire(ctx, "a", waits); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v while the old one is in use", err)
	}
	old.Release()
	l := acquire(t, s, "a")
	defer l.Release()
	if _, err := l.Engine.Generate(t.Context(), endless(l.Engine, 3), func(Piece) error { return nil }); err != nil || l.Engine == old.Engine {
		t.Errorf("%v; the same engine: %v", err, l.Engine == old.Engine)
	}
}

// TestHostileFile: what a file has us panic at is an error of that file.
func TestHostileFile(t *testing.T) {
	c := Config{Flash: FlashConfig{open: func(string, flashio.Options) (*flashio.Reader, error) { panic("at the disco") }}}
	s := shelf(t, ShelfOptions{Dirs: []string{stocks(t, "a")}, Engine: c})
	var at *RequestError
	if _, err := s.Acquire(t.Context(), "a", LoanOptions{}); !errors.As(err, &at) || !strings.Contains(err.Error(), "disco") {
		t.Errorf("found %v, want a RequestError", err)
	}
	acquire(t, s, "stories-moe-5m").Release()
}

func TestShelfDrain(t *testing.T) {
	s := shelf(t, ShelfOptions{})
	l := acquire(t, s, "")
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Drain(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("found %v while a loan is out", err)
	}
	if _, err := s.Acquire(t.Context(), "", LoanOptions{}); !errors.Is(err, ErrDraining) {
		t.Errorf("found %v, want ErrDraining", err)
	}
	time.AfterFunc(time.Millisecond, l.Release)
	if err := s.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCloseInUse: Close ends what is under way.
func TestCloseInUse(t *testing.T) {
	g := newGate()
	s := shelf(t, ShelfOptions{Dirs: []string{stocks(t, "a")}, Engine: Config{Flash: FlashConfig{Backend: "mapped", open: g.open}}})
	l := acquire(t, s, "stories-moe-5m")
	var all sync.WaitGroup
	first := make(chan bool, 1)
	all.Go(func() {
		defer l.Release()
		_, err := l.Engine.Generate(t.Context(), endless(l.Engine, 500), func(Piece) error {
			select {
			case first <- true:
			default:
			}
			return nil
		})
		if !errors.Is(err, ErrDraining) {
			t.Errorf("generate: %v, want ErrDraining", err)
		}
	})
	all.Go(func() {
		if _, err := s.Acquire(t.Context(), "a", LoanOptions{}); !errors.Is(err, ErrDraining) {
			t.Errorf("acquire: %v, want ErrDraining", err)
		}
	})
	<-first
	until(t, "it is being opened", func() bool { return g.count("a.gguf") == 1 })
	time.AfterFunc(10*time.Millisecond, func() { close(g.free) })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if _, err := s.Acquire(t.Context(), "", LoanOptions{}); !errors.Is(err, ErrDraining) {
		t.Errorf("after Close: %v, want ErrDraining", err)
	}
}

func TestReload(t *testing.T) {
	one, two := stocks(t, "a"), stocks(t, "b")
	s := shelf(t, ShelfOptions{Dirs: []string{one}, Engine: Config{Flash: quick}})
	l := acquire(t, s, "")
	if err := s.Reload(ShelfOptions{Dirs: []string{two}, Engine: Config{Flash: quick, Memory: "900M"}, KeepAlive: -1}); err != nil {
		t.Fatal(err)
	}
	if i, err := s.Find(""); err != nil || i.Name != "b" {
		t.Errorf("found %q, %v", i.Name, err)
	}
	if total, _ := s.Budget(); total != 900e6 {
		t.Errorf("a budget of %d", total)
	}
	if got := running(s); !slices.Equal(got, []string{"a ready"}) {
		t.Errorf("running %v", got)
	}
	if err := s.Unload("a"); err != nil {
		t.Errorf("a model whose file is gone: %v", err)
	}
	l.Release()
	until(t, "it has gone", func() bool { return len(s.Running()) == 0 })
	if err := s.Reload(ShelfOptions{Engine: Config{Memory: "x"}}); err == nil {
		t.Error("options that are wrong were taken")
	}
}

// TestHeapLimit: the limit of the heap is that of all models that are open.
func TestHeapLimit(t *testing.T) {
	var h heapLimit
	var a, b memory
	h.set(&a, 1<<40)
	h.set(&b, 2<<40)
	if got := h.sum(); got != 3<<40 {
		t.Errorf("%d, want both", got)
	}
	h.drop(&a)
	h.drop(&a)
	if got := h.sum(); got != 2<<40 {
		t.Errorf("%d, want the one that is left", got)
	}
	h.set(&b, 1)
	if got := h.sum(); got < 1<<20 {
		t.Errorf("%d, which is less than is in use", got)
	}
	h.drop(&b)
	if got := h.sum(); got != 0 {
		t.Errorf("%d, want none", got)
	}
}

// TestClosedEngine: who still looks at an engine that has gone sees what it was,
// and does no harm.
func TestClosedEngine(t *testing.T) {
	s := shelf(t, ShelfOptions{Dirs: []string{stocks(t, "a")}, Engine: Config{Flash: quick}})
	for _, name := range []string{"a", "stories-moe-5m"} {
		l := acquire(t, s, name)
		e := l.Engine
		l.Release()
		if err := s.Unload(name); err != nil {
			t.Fatal(err)
		}
		until(t, "it has gone", func() bool { return len(s.Running()) == 0 })
		e.Stats()
		e.Heat()
		e.Notes()
		if len(e.Requests()) != 0 || e.Cancel("x", Caller{Admin: true}) || e.Facts().Vocab == 0 || len(e.Tokenize("a", TokenizeOptions{})) == 0 {
			t.Errorf("%s has requests, or no vocabulary", name)
		}
		if _, err := e.Generate(t.Context(), &Request{Prompt: "a", Raw: true, MaxTokens: 1}, func(Piece) error { return nil }); err == nil {
			t.Errorf("%s still answers", name)
		}
	}
}
