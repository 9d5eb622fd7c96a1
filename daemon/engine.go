package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"moed/moe"
	"moed/moe/chat"
	"moed/moe/kernels"
	"moed/moe/sample/grammar"
	"moed/moe/stories"
	"moed/offload/budget"
)

// Engine is one open model, which answers any number of requests together. It
// is safe for concurrent use.
type Engine struct {
	model     *moe.Model
	session   *moe.Session // of what runs a single text itself: bench, trace, predict
	loop      *loop
	name      string
	header    *header // nil for the built-in model, and so are the next two
	flash     *flash
	memory    *memory
	usage     *usage // nil where no profile is kept
	listeners listeners
	template  func() (*chat.Template, error) // parsed when first wanted
	words     func() *grammar.Index          // of the vocabulary, likewise
	load      time.Duration
}

// Open opens the model. The error of a file names the tensor or key that is
// wrong, or lists the supported architectures; that of a memory too small says
// how much would do.
func Open(ctx context.Context, c Config) (_ *Engine, err error) {
	began := time.Now()
	kv, err := c.kv()
	if err != nil {
		return nil, err
	}
	if c.Threads == 0 {
		c.Threads = processors
	}
	o := moe.Options{Threads: c.Threads, Context: c.Context, KV: kv}
	e := &Engine{name: stories.Name}
	if c.Model == "" {
		e.model, err = moe.FromBytes(stories.Name, stories.GGUF(), o)
	} else {
		e.name = modelName(c.Model)
		err = e.openFile(ctx, c, o)
	}
	if err == nil {
		e.model.Observe(e.listeners.tell)
		e.loop = newLoop(e, c)
		e.session, err = e.model.NewSession()
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.template = sync.OnceValues(e.model.Template)
	e.words = sync.OnceValue(func() *grammar.Index { return grammar.NewIndex(words{e.model.Tokenizer()}) })
	e.load = time.Since(began)
	return e, nil
}

// modelName is what the model of a file is called.
func modelName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".gguf") }

// openFile opens a model file within the memory that c allows.
func (e *Engine) openFile(ctx context.Context, c Config, o moe.Options) (err error) {
	if e.header, err = readHeader(c.Model); err != nil {
		return err
	}
	if e.memory, err = newMemory(c, e.header, &o); err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	fo, err := c.Flash.options()
	if err != nil {
		return err
	}
	fo.Options, fo.bytes, fo.progress, fo.team = o, e.memory.plan.Experts, c.Progress, c.Team
	if c.Team != nil {
		fo.share = knownUse(&c.Flash, e.header, e.memory.footprint.Table)
	}
	if e.flash, err = openFlash(ctx, e.header, e.memory.footprint, fo); err != nil {
		return errors.Join(err, e.memory.close())
	}
	e.model = e.flash.model
	if err := e.memory.serve(e.flash); err != nil {
		return err
	}
	e.usage = openUsage(&c.Flash, e.header, e.memory.footprint.Table, e.flash, &e.listeners)
	return nil
}

// Close ends what is under way, gives everything back, and keeps what was used
// of the experts for the next run. Where that goes wrong it is no error, but a ProfileNote.
func (e *Engine) Close() error {
	if e.loop != nil {
		e.loop.close()
	}
	e.usage.close()
	if e.session != nil {
		e.session.Close()
	}
	if e.flash == nil {
		if e.model == nil {
			return nil
		}
		return e.model.Close()
	}
	return errors.Join(e.memory.close(), e.flash.close())
}

// Resize changes the memory of a model that was read from a file while it works,
// up or down; texts under way go on. It fails, and changes nothing, where other
// parts than the experts need more than that already.
func (e *Engine) Resize(size string) error {
	if e.memory == nil {
		return fmt.Errorf("the built-in model has no memory budget")
	}
	a, err := budget.ParseSize(size)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	return e.memory.resize(a.In(e.memory.limits.Available))
}

// intact reports a model file that is no longer what was opened. The built-in
// model is always.
func (e *Engine) intact() error {
	if e.flash == nil {
		return nil
	}
	if err := e.flash.unchanged(e.header); err != nil {
		return fmt.Errorf("%s: %w; open the model again", e.header.path, err)
	}
	return nil
}

// genuine takes what was computed and passes it on, unless the file that was
// read for it has changed: that is also why a read may have failed.
func (e *Engine) genuine(logits []float32, err error) ([]float32, error) {
	if err = e.changed(err); err != nil {
		return nil, err
	}
	return logits, nil
}

// changed is err, and that the file has changed where it has.
func (e *Engine) changed(err error) error {
	switch changed := e.intact(); {
	case changed != nil && err != nil:
		return fmt.Errorf("%w (%w)", changed, err)
	case changed != nil:
		return changed
	}
	return err
}

// Name is the model's file name without its ending, or the built-in's.
func (e *Engine) Name() string { return e.name }

// HasTemplate reports whether the model takes messages: its file has a chat
// template, or its vocabulary tells which one stands in for it. Any other
// continues texts.
func (e *Engine) HasTemplate() bool {
	t, err := e.template()
	return err == nil && t != nil
}

// Notes are lines that a user of the model should see: what about its
// vocabulary is odd, and which format stands in for a chat template that does
// not parse.
func (e *Engine) Notes() []string {
	var notes []string
	if w := e.model.Tokenizer().Warning(); w != "" {
		notes = append(notes, "tokenizer: "+w)
	}
	if e.memory != nil {
		notes = append(notes, e.memory.notes()...)
	}
	if e.flash != nil && e.flash.note != "" {
		notes = append(notes, e.flash.note)
	}
	notes = append(notes, e.DiskNotes()...)
	if note := e.ProfileNote(); note != "" {
		notes = append(notes, note)
	}
	if t, err := e.template(); err == nil && t != nil && t.Note() != "" {
		notes = append(notes, t.Note())
	}
	return notes
}

// ProfileNote says what went wrong with the profile of this model's use, or is
// empty. It is among the Notes, and may be asked for after Close too.
func (e *Engine) ProfileNote() string { return e.usage.note() }

// Kernels names the instruction sets that this machine computes with.
func Kernels() string { return kernels.Features() }

// LoadTime is how long Open took.
func (e *Engine) LoadTime() time.Duration { return e.load }

// Generate answers r and calls emit with each piece of the answer as soon as it
// is certain. It returns when the answer has ended, and calls emit and
// r.Progress on its own goroutine; an emit that takes its time holds up this
// answer alone. An error of emit ends the text and is returned. Where ctx ends
// first, Generate returns its error beside the Result of the text so far, and
// the work for it stops within a layer. What is kept of earlier prompts of the
// same caller is reused where r's begins the same.
//
// The error is a *RequestError or *ContextError where r is at fault, a *BusyError
// where too many wait already, ErrDraining, ErrCancelled, or what went wrong.
func (e *Engine) Generate(ctx context.Context, r *Request, emit func(Piece) error) (Result, error) {
	g, err := e.begin(ctx, r)
	if err != nil {
		return Result{}, err
	}
	if err := e.loop.submit(g); err != nil {
		return Result{}, err
	}
	err = g.follow(ctx, emit)
	return g.finished(), err
}
