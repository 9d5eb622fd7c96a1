package daemon

import (
	"context"
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
	o      ShelfOptions
	engine *Engine
}

// NewShelf looks into the directories. It loads nothing.
func NewShelf(o ShelfOptions) (*Shelf, error) { return &Shelf{o: o}, nil }

// List is the models there are, by name.
func (s *Shelf) List() []ModelInfo { return nil }

// Find is the model of that name, with or without a tag such as ":latest"; ""
// is the default. The error is a *NoModelError.
func (s *Shelf) Find(name string) (ModelInfo, error) { return ModelInfo{}, nil }

// Acquire gives the right to use a model, and loads it where it is not: other
// models that nobody uses make room, and where that is not enough the caller
// waits. Several callers of a model that is being loaded wait for the one
// loading; it goes on while any of them waits.
func (s *Shelf) Acquire(ctx context.Context, name string, o LoanOptions) (*Loan, error) {
	return nil, &NoModelError{Name: name}
}

// Unload has a model go as soon as nobody uses it.
func (s *Shelf) Unload(name string) error { return nil }

// Running is the models that are loaded or being loaded, by name.
func (s *Shelf) Running() []Running { return nil }

// Requests are those of all models, the oldest first.
func (s *Shelf) Requests() []RequestInfo { return nil }

// Cancel ends a request; false where by has no such one.
func (s *Shelf) Cancel(id string, by Caller) bool { return false }

// Budget is all that the process may use, in bytes, and what it does.
func (s *Shelf) Budget() (total, used int64) { return 0, 0 }

// Resize changes the budget, as Config.Memory says it.
func (s *Shelf) Resize(memory string) error { return nil }

// Reload takes other options into use: models of Dirs that are gone stay while
// they are in use.
func (s *Shelf) Reload(o ShelfOptions) error { return nil }

// Steps grows while anything is worked on, and Busy is whether something should
// be: a request or a model being loaded.
func (s *Shelf) Steps() uint64 { return 0 }
func (s *Shelf) Busy() bool    { return false }

// Drain has the shelf refuse new requests and waits until those under way have
// ended, or ctx has.
func (s *Shelf) Drain(ctx context.Context) error { return nil }

// Close ends what is under way and unloads all.
func (s *Shelf) Close() error { return nil }
