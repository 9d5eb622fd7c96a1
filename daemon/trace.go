package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"moed/moe"
	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/moe/sample"
	"moed/moe/stories"
	"moed/predictor/trace"
)

// TraceOptions say what to record. The zero value records the built-in model on
// an ordinary text.
type TraceOptions struct {
	Config
	Prompts string // path of a file of texts (trace_prompts.go); "" is an ordinary text
	Out     string // path; "" is the model's name with .trace, or .csv, in the current directory
	Tokens  int    // to make after each text, unless it ends; 0 is 64
	Raw     bool   // the texts go to the model as they are, without its chat template
	CSV     bool   // the other form of file, without probabilities
	NoProbs bool   // leave out what the router thinks of experts that it did not choose
	Exact   bool   // write weights and probabilities in four bytes each, not one

	// Observe, if set, is called after each text's prompt and each token.
	Observe func(TraceProgress)
}

// TraceProgress is how far a recording is.
type TraceProgress struct {
	Text, Texts int // the text at hand, from 1
	Tokens      int // made so far, in all texts
}

// TraceResult is what was recorded.
type TraceResult struct {
	Out          string  `json:"out"`
	Model        string  `json:"model"`
	Texts        int     `json:"texts"` // begun
	PromptTokens int     `json:"prompt_tokens"`
	Tokens       int     `json:"tokens"` // made
	Visits       int     `json:"visits"` // of layers
	Bytes        int64   `json:"bytes"`
	Probs        bool    `json:"probabilities"`
	Seconds      float64 `json:"seconds"`

	// Live is what the run itself found of experts in decode; nil where all were
	// in memory.
	Live *TraceLive `json:"live,omitempty"`
}

// TraceLive counts what a Replay of the same memory can be held to.
type TraceLive struct {
	Policy      string  `json:"policy"`
	Ahead       int     `json:"ahead"`
	ExpertBytes int64   `json:"experts_resident_bytes"` // at the end
	Wanted      int64   `json:"wanted"`
	Hits        int64   `json:"hits"`
	HitRatio    float64 `json:"hit_ratio"`
	Reads       int64   `json:"reads"` // experts
	Bytes       int64   `json:"bytes_read"`
}

const defaultTraceTokens = 64

// ErrTraceExists is wrapped by the error for a name that is taken.
var ErrTraceExists = errors.New("already exists")

// Check reports what is wrong with o, as far as that can be told without model
// and files.
func (o *TraceOptions) Check() error {
	if o.Tokens < 0 {
		return fmt.Errorf("%d tokens, want 1 or more, or 0 for %d", o.Tokens, defaultTraceTokens)
	}
	return o.Config.Check()
}

// TraceRecord runs a model on texts and records which experts its routers
// choose. Choices of tokens are greedy. Where it fails on the way, ctx having
// ended among the reasons, what was recorded until then is kept: the result
// then goes with the error. The file appears under its name when it is whole;
// only its owner may read it.
func TraceRecord(ctx context.Context, o TraceOptions) (_ *TraceResult, err error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	o.settle()
	if _, err := os.Lstat(o.Out); err == nil {
		return nil, fmt.Errorf("%s: %w", o.Out, ErrTraceExists)
	}
	texts, err := o.texts()
	if err != nil {
		return nil, err
	}
	e, err := Open(ctx, o.Config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	prompts, err := o.prompts(ctx, e, texts)
	if err != nil {
		return nil, err
	}
	r, err := newRecorder(e, &o)
	if err != nil {
		return nil, err
	}
	err = r.run(ctx, prompts)
	return r.end(err)
}

// settle fills in what was left out.
func (o *TraceOptions) settle() {
	o.Flash.measured()
	if o.Tokens == 0 {
		o.Tokens = defaultTraceTokens
	}
	o.NoProbs = o.NoProbs || o.CSV
	if o.Out == "" {
		name := strings.TrimSuffix(filepath.Base(traceName(o.Model)), ".gguf")
		o.Out = name + map[bool]string{false: ".trace", true: ".csv"}[o.CSV]
	}
	if o.Observe == nil {
		o.Observe = func(TraceProgress) {}
	}
}

// recorder writes what an engine's routers choose.
type recorder struct {
	TraceOptions
	engine *Engine
	file   *os.File // under a name beside Out
	writer *trace.Writer
	began  time.Time
	visit  trace.Visit // used again
	pos    []int32
	result TraceResult
	err    error // of writing
}

func newRecorder(e *Engine, o *TraceOptions) (*recorder, error) {
	shape, err := traceShape(traceName(o.Model), e.model)
	if err != nil {
		return nil, err
	}
	r := &recorder{TraceOptions: *o, engine: e, began: time.Now()}
	r.result = TraceResult{Out: o.Out, Model: e.Name(), Probs: !o.NoProbs}
	// CreateTemp lets only the owner read it.
	if r.file, err = os.CreateTemp(filepath.Dir(o.Out), filepath.Base(o.Out)+".*"+partialSuffix); err != nil {
		return nil, err
	}
	format := trace.Binary
	if o.CSV {
		format = trace.CSV
	}
	if r.writer, err = trace.NewWriter(r.file, format, shape); err != nil {
		return nil, errors.Join(err, r.file.Close(), os.Remove(r.file.Name()))
	}
	r.writer.Exact = o.Exact
	return r, nil
}

// traceName is the name under which a model is recorded.
func traceName(path string) string {
	if path == "" {
		return stories.Name
	}
	return filepath.Base(path)
}

// traceShape is the shape of a model as a trace has it.
func traceShape(name string, m *moe.Model) (*trace.Trace, error) {
	c := m.Config()
	if c.Experts == 0 {
		return nil, fmt.Errorf("%s has no routed experts, so there is nothing to record", name)
	}
	table, err := moe.ExpertTable(m.File().File, c)
	if err != nil {
		return nil, err
	}
	t := &trace.Trace{Model: name, Arch: c.Architecture, TopK: c.TopK, Layers: make([]trace.Layer, len(table.Layers))}
	for i := range table.Layers {
		t.Layers[i] = trace.Layer{Experts: table.Layers[i].Experts, Bytes: table.Layers[i].Bytes(), Dense: denseOf(m.File().File, i)}
	}
	return t, nil
}

// denseOf is how many bytes of a layer every token needs.
func denseOf(f *gguf.File, layer int) (n int64) {
	prefix := fmt.Sprintf("blk.%d.", layer)
	for i := range f.Tensors {
		if t := &f.Tensors[i]; strings.HasPrefix(t.Name, prefix) && !moe.IsExpertTensor(t.Name) {
			n += t.Size
		}
	}
	return n
}

// run records all texts.
func (r *recorder) run(ctx context.Context, prompts [][]int32) error {
	defer r.engine.listeners.add(r.note)()
	for i, ids := range prompts {
		r.visit.Turn = i
		r.result.Texts = i + 1
		if err := r.text(ctx, ids, len(prompts)); err != nil {
			return err
		}
	}
	return nil
}

// text records one text: the prompt, and the tokens that follow. Each token that
// is made is fed again, the last one too.
func (r *recorder) text(ctx context.Context, ids []int32, texts int) error {
	e := r.engine
	if err := e.session.Rewind(0); err != nil {
		return err
	}
	greedy, err := sample.New(sample.Options{})
	if err != nil {
		return err
	}
	r.visit.Decode = false
	logits, err := e.genuine(e.session.Prefill(ctx, ids, moe.PrefillOptions{}))
	r.result.PromptTokens += len(ids)
	r.visit.Decode = true
	defer r.live()()
	for n := min(r.Tokens, e.model.Options().Context-len(ids)); err == nil && r.err == nil && n > 0; n-- {
		r.Observe(TraceProgress{Text: r.visit.Turn + 1, Texts: texts, Tokens: r.result.Tokens})
		var id int32
		if id, err = greedy.Next(logits); err != nil || e.model.Tokenizer().IsEnd(id) {
			break
		}
		logits, err = e.genuine(e.session.Step(ctx, id))
		r.result.Tokens++
	}
	if r.err != nil {
		return r.err
	}
	return err
}

// live begins to count what the store does, until the function that it returns.
func (r *recorder) live() (end func()) {
	if r.engine.flash == nil || r.engine.flash.store == nil {
		return func() {}
	}
	store := r.engine.flash.store
	before := store.Stats()
	return func() {
		now := store.Stats()
		d := now.Sub(&before)
		l := r.result.Live
		if l == nil {
			l = &TraceLive{Policy: store.PolicyName(), Ahead: store.Ahead()}
			r.result.Live = l
		}
		total := d.Total()
		l.Wanted, l.Hits = l.Wanted+total.Wanted, l.Hits+total.Hits
		l.Reads, l.Bytes, l.ExpertBytes = l.Reads+d.Reads, l.Bytes+d.Bytes, store.Bytes()
		l.HitRatio = float64(l.Hits) / float64(max(l.Wanted, 1))
	}
}

// note writes one visit. The model waits for it.
func (r *recorder) note(d *expert.Demand) {
	if r.err != nil {
		return
	}
	v := &r.visit
	v.Layer, v.Tokens = d.Layer, d.Tokens
	v.IDs, v.Chosen, v.Weights, v.Probs = d.IDs, d.Chosen, d.Weights, d.Probs
	if r.NoProbs {
		v.Probs = nil
	}
	r.pos = slices.Grow(r.pos[:0], len(d.Pos))
	for _, p := range d.Pos {
		r.pos = append(r.pos, int32(p))
	}
	v.Pos = r.pos
	if r.err = r.writer.Visit(v); r.err == nil {
		r.result.Visits++
	}
}

// end gives the file its name, if anything was recorded.
func (r *recorder) end(cause error) (*TraceResult, error) {
	temporary := r.file.Name()
	err := r.writer.Close()
	if r.err != nil { // whole records until then can be read
		err = nil
	}
	if info, serr := r.file.Stat(); serr == nil {
		r.result.Bytes = info.Size()
	}
	err = errors.Join(err, r.file.Sync(), r.file.Close())
	if err != nil || r.result.Visits == 0 {
		return nil, errors.Join(cause, err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, r.Out); err != nil {
		return nil, errors.Join(cause, err)
	}
	r.result.Seconds = time.Since(r.began).Seconds()
	return &r.result, cause
}
