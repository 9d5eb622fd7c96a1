package daemon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ShelfOptions say what models there are and what they may use together. The
// zero value is the built-in model alone.
type ShelfOptions struct {
	// Dirs are searched for GGUF files, not below them. A model's name is its
	// file's without the ending; the first of a name counts.
	Dirs []string
	// Default is the model that a request without a name gets; "" is the only one
	// of Dirs, or the built-in.
	Default string
	// Engine is how models are opened; its Model is ignored and its Memory is the
	// budget of all of them together.
	Engine Config
	// KeepAlive is how long an idle model stays loaded; 0 is five minutes, below 0
	// is for ever.
	KeepAlive time.Duration
	// Spill is a directory for prefixes of idle models; "" keeps none there.
	Spill string
}

// ModelInfo is a model that can be asked for, loaded or not.
type ModelInfo struct {
	Name         string
	Path         string // "" for the built-in model
	Size         int64  // bytes
	Modified     time.Time
	Digest       string  // "sha256:" and 64 digits: of the contents where known, else of header and size
	Report       *Report // of the header; nil where it cannot be read, and then Problem says why
	Problem      string
	Quantization string   // as Ollama and llama.cpp name it: Q4_K_M
	Capabilities []string // completion, tools, thinking, insert
}

// States of a loaded model.
const (
	StateLoading = "loading"
	StateReady   = "ready"
	StateUnload  = "unloading"
)

// Running is a model that is loaded or being loaded.
type Running struct {
	ModelInfo
	State   string
	Loaded  float64 // of its dense weights, 0 to 1
	Rate    float64 // bytes per second while it is loading
	Since   time.Time
	Expires time.Time // zero: never
	InUse   int       // loans
	Engine  *Engine   // nil while loading; valid while the model stays loaded
}

// LoadProgress is how far the opening of a model is.
type LoadProgress struct {
	Model       string
	Waiting     string // what for, before anything is read; or ""
	Done, Total int64  // bytes
}

// LoanOptions say how a model is wanted.
type LoanOptions struct {
	// KeepAlive is how long the model stays after the loan; nil is the shelf's.
	// 0 unloads it as soon as nobody uses it, below 0 keeps it for ever.
	KeepAlive *time.Duration
	// Progress is called while the caller waits, at least once a second, on the
	// caller's goroutine.
	Progress func(LoadProgress)
}

// Loan is the right to use a loaded model until Release.
type Loan struct {
	Engine *Engine
	Info   ModelInfo
	// Load is how long the caller waited for the model to be opened.
	Load    time.Duration
	release func()
}

// Release gives the model back. Once only.
func (l *Loan) Release() { l.release() }

// Shelf is the models that a process serves, within one budget. All methods may
// be called by many goroutines.
type Shelf struct {
	ctx       context.Context // ends with Close
	stop      context.CancelFunc
	heap      *heapLimit
	catalogue catalogue
	wake      chan struct{} // [1], of the keeper
	arranging chan struct{} // [1], held while the budget is divided and what follows is done
	running   sync.WaitGroup

	mu      sync.Mutex // guards what follows, and the fields of tenants and waiters
	o       ShelfOptions
	total   int64
	tenants []*tenant
	waiters []*waiter
	changed chan struct{} // closed and replaced when anything of these changes
	closing error         // why new callers are refused, or nil
	uneven  bool          // the budget is to be divided anew
	past    uint64        // steps of models that have gone, and bytes loaded
	counter uint64
}

const (
	defaultKeepAlive = 5 * time.Minute
	// restsAfter is how long after its last use a model gives way before others.
	restsAfter = 30 * time.Second
)

// NewShelf looks into the directories. It loads nothing.
func NewShelf(o ShelfOptions) (*Shelf, error) {
	if err := o.Engine.Check(); err != nil {
		return nil, err
	}
	if _, err := look(o.Dirs); err != nil {
		return nil, err
	}
	total, err := (&memory{}).find(&o.Engine)
	if err != nil {
		return nil, err
	}
	s := &Shelf{heap: &heapLimit{}, wake: make(chan struct{}, 1), arranging: make(chan struct{}, 1),
		o: o, total: total, changed: make(chan struct{})}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.running.Go(s.keep) // ends with Close
	return s, nil
}

// options are those in use now.
func (s *Shelf) options() ShelfOptions {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.o
}

// List is the models there are, by name. Where files are new it reads their
// headers.
func (s *Shelf) List() []ModelInfo {
	models, _ := look(s.options().Dirs) // what cannot be read has no models
	s.catalogue.forget(models)
	infos := make([]ModelInfo, len(models))
	var each sync.WaitGroup
	turns := make(chan struct{}, processors)
	for i, m := range models {
		turns <- struct{}{}
		each.Go(func() { // ends when the header is read
			infos[i] = s.catalogue.info(m)
			<-turns
		})
	}
	each.Wait()
	return infos
}

// Find is the model of that name, which may end in ":latest" or ".gguf"; "" is
// the default. The error is a *NoModelError.
func (s *Shelf) Find(name string) (ModelInfo, error) {
	m, err := s.find(name)
	if err != nil {
		return ModelInfo{}, err
	}
	return s.catalogue.info(m), nil
}

// find is Find without a look at the file. A name is compared with those of
// files and never made a path.
func (s *Shelf) find(name string) (stocked, error) {
	o := s.options()
	models, _ := look(o.Dirs)
	if name == "" {
		name = standard(models, o.Default)
	}
	return pick(models, name)
}

// Unload has a model go as soon as nobody uses it. That it is not loaded is no
// error; that there is no such model is a *NoModelError.
func (s *Shelf) Unload(name string) error {
	m, err := s.find(name)
	if err == nil {
		name = m.name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tenants {
		if t.info.Name == name { // its file may be gone
			t.ending, err = true, nil
		}
	}
	s.nudge()
	return err
}

// Running is the models that are loaded or being loaded, by name.
func (s *Shelf) Running() []Running {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Running, len(s.tenants))
	for i, t := range s.tenants {
		list[i] = t.running()
	}
	slices.SortFunc(list, func(a, b Running) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// Requests are those of all models, the oldest first, and those that wait for a
// model to be loaded.
func (s *Shelf) Requests() []RequestInfo {
	var all []RequestInfo
	for _, e := range s.engines() {
		all = append(all, e.Requests()...)
	}
	s.mu.Lock()
	for _, w := range s.waiters {
		all = append(all, w.info)
	}
	s.mu.Unlock()
	slices.SortStableFunc(all, func(a, b RequestInfo) int { return a.Began.Compare(b.Began) })
	return all
}

// Cancel ends a request; false where by has no such one.
func (s *Shelf) Cancel(id string, by Caller) bool {
	for _, e := range s.engines() {
		if e.Cancel(id, by) {
			return true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.waiters {
		if w.info.ID == id && (by.Admin || by.Key() == w.key) {
			w.cancel(ErrCancelled)
			return true
		}
	}
	return false
}

// engines are those that are loaded.
func (s *Shelf) engines() []*Engine {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*Engine
	for _, t := range s.tenants {
		if t.engine != nil {
			list = append(list, t.engine)
		}
	}
	return list
}

// Budget is all that the process may use, in bytes, and what it does.
func (s *Shelf) Budget() (total, used int64) {
	s.mu.Lock()
	total = s.total
	s.mu.Unlock()
	engines := s.engines()
	for _, e := range engines {
		used += e.used()
	}
	if len(engines) == 0 {
		used = heapInUse()
	}
	return total, used
}

// Steps grows while anything is worked on, and Busy is whether something should
// be: a request or a model being loaded.
func (s *Shelf) Steps() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.past
	for _, t := range s.tenants {
		n += t.steps()
	}
	return n
}

func (s *Shelf) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.tenants, func(t *tenant) bool {
		return t.state == StateLoading && t.waiting == "" || t.engine != nil && len(t.engine.Requests()) > 0
	})
}

// Drain has the shelf refuse new callers, with ErrDraining, and waits until all
// loans are given back, or ctx has ended. Those who wait for a model get it.
func (s *Shelf) Drain(ctx context.Context) error {
	for {
		s.mu.Lock()
		if s.closing == nil {
			s.closing = ErrDraining
		}
		left := len(s.waiters)
		for _, t := range s.tenants {
			left += t.loans
		}
		changed := s.changed
		s.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d requests are still under way: %w", left, ctx.Err())
		}
	}
}
