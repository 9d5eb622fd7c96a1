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
	"moed/moe/sample"
	"moed/moe/stories"
	"moed/moe/tokenizer"
	"moed/offload/budget"
)

// Engine is one open model.
type Engine struct {
	mu        sync.Mutex
	model     *moe.Model
	session   *moe.Session
	name      string
	header    *header // nil for the built-in model, and so are the next two
	flash     *flash
	memory    *memory
	usage     *usage // nil where no profile is kept
	listeners listeners
	template  func() (*chat.Template, error) // parsed when first wanted
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
		e.name = strings.TrimSuffix(filepath.Base(c.Model), ".gguf")
		err = e.openFile(ctx, c, o)
	}
	if err == nil {
		e.model.Observe(e.listeners.tell)
		e.session, err = e.model.NewSession()
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	e.template = sync.OnceValues(e.model.Template)
	e.load = time.Since(began)
	return e, nil
}

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
	fo.Options, fo.bytes, fo.progress = o, e.memory.plan.Experts, c.Progress
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

// Close gives everything back, and keeps what was used of the experts for the
// next run. Where that goes wrong it is no error, but a ProfileNote.
func (e *Engine) Close() error {
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
	if err := e.flash.check(e.header); err != nil {
		return fmt.Errorf("%s: %w; open the model again", e.header.path, err)
	}
	return nil
}

// genuine takes what was computed and passes it on, unless the file that was
// read for it has changed: that is also why a read may have failed.
func (e *Engine) genuine(logits []float32, err error) ([]float32, error) {
	switch changed := e.intact(); {
	case changed != nil && err != nil:
		return nil, fmt.Errorf("%w (%w)", changed, err)
	case changed != nil:
		return nil, changed
	}
	return logits, err
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

// Generate answers r and calls emit with each piece of text as soon as it is
// certain: whole runes, and no beginning of a stop string. An error of emit
// ends the text and is returned. Where ctx ends first, Generate returns its
// error beside the Result of the text so far. What the session holds of
// earlier prompts is reused where r's begins the same.
func (e *Engine) Generate(ctx context.Context, r *Request, emit func(Piece) error) (Result, error) {
	if err := r.Check(); err != nil {
		return Result{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	sampler, err := sample.New(r.Sampling)
	if err != nil {
		return Result{}, err
	}
	// A continued text keeps the space that it goes on with; an answer begins.
	stream := e.model.Tokenizer().Stream(tokenizer.StreamOptions{Continue: r.Raw || !e.HasTemplate()})
	g := &generation{
		engine: e, request: r, sampler: sampler, began: time.Now(),
		out: &output{stream: stream, stops: sample.NewStops(r.Stop), emit: emit,
			thinking: e.model.Tokenizer().Stream(tokenizer.StreamOptions{Continue: true})},
	}
	err = g.run(ctx)
	if ctx.Err() != nil {
		g.result.Finish = FinishInterrupted
		err = ctx.Err()
	}
	g.result.Text, g.result.Reasoning = g.out.text.String(), g.out.reasoning.String()
	return g.result, err
}

// generation is one Request on its way.
type generation struct {
	engine  *Engine
	request *Request
	sampler *sample.Sampler
	out     *output
	began   time.Time
	result  Result
}

func (g *generation) run(ctx context.Context) error {
	ids, err := g.engine.prompt(ctx, g.request)
	if err != nil {
		return err
	}
	g.result.PromptTokens = len(ids)
	if !g.request.Raw && g.engine.HasTemplate() {
		g.out.parts = newParts(g.engine.model.Tokenizer(), ids)
	}
	logits, err := g.prefill(ctx, ids)
	g.result.Timings.Prefill = time.Since(g.began)
	if err != nil {
		return err
	}
	for _, id := range ids {
		g.sampler.Accept(id)
	}
	if err := g.decode(ctx, logits); err != nil {
		return err
	}
	return g.out.flush()
}

// prefill reads the prompt, as far as the session does not hold it already.
func (g *generation) prefill(ctx context.Context, ids []int32) ([]float32, error) {
	room := g.engine.model.Options().Context
	if len(ids) >= room {
		return nil, &ContextError{Prompt: len(ids), Context: room}
	}
	if err := g.engine.intact(); err != nil {
		return nil, err
	}
	kept := g.engine.session.Reuse(ids)
	o := moe.PrefillOptions{}
	if g.request.Progress != nil {
		o.Progress = func(done, _ int) {
			g.request.Progress(PromptProgress{Total: len(ids), Cached: kept, Read: kept + done})
		}
	}
	return g.engine.genuine(g.engine.session.Prefill(ctx, ids[kept:], o))
}

// decode makes tokens until one ends the text, and sets why it ended.
func (g *generation) decode(ctx context.Context, logits []float32) error {
	res, session := &g.result, g.engine.session
	limit := g.engine.model.Options().Context - res.PromptTokens
	if n := g.request.MaxTokens; n > 0 {
		limit = min(limit, n)
	}
	res.Finish = FinishLength
	for len(res.IDs) < limit {
		id, err := g.sampler.Next(logits)
		if err != nil {
			return err
		}
		g.tick()
		if g.engine.model.Tokenizer().IsEnd(id) {
			res.Finish = FinishStop
			return nil
		}
		g.sampler.Accept(id)
		res.IDs = append(res.IDs, id)
		if n := g.request.LogProbs; n > 0 {
			res.LogProbs = append(res.LogProbs, logProbs(g.engine.model.Tokenizer(), logits, id, n))
		}
		stopped, err := g.out.token(id)
		if err != nil {
			return err
		}
		if stopped {
			res.Finish = FinishStop
			return nil
		}
		if len(res.IDs) == limit {
			return nil
		}
		if logits, err = g.engine.genuine(session.Step(ctx, id)); err != nil {
			return err
		}
	}
	return nil
}

// tick notes the time of a token: of the first on its own, of the later ones
// since then.
func (g *generation) tick() {
	t := &g.result.Timings
	now := time.Since(g.began)
	if t.FirstToken == 0 {
		t.FirstToken = now
		return
	}
	t.Decode = now - t.FirstToken
	t.Decoded++
}
