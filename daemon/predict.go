package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"moed/moe"
	"moed/moe/expert"
	"moed/moe/kernels"
	"moed/moe/sample"
	"moed/predictor"
	"moed/predictor/trace"
)

// PredictOptions say on what predictions are judged. Config.Model is a GGUF
// file, a trace, or "" for the built-in model.
type PredictOptions struct {
	Config
	Prompts string // path of a file of texts; "" is an ordinary text. Not for a trace
	Tokens  int    // to make after each text, unless it ends; 0 is 64
	Raw     bool   // the texts go to the model as they are, without its chat template

	// Observe, if set, is called after each text's prompt and each token.
	Observe func(TraceProgress)
}

// PredictResult is how well the next experts were foretold.
type PredictResult struct {
	Model  string            `json:"model"`
	Trace  bool              `json:"trace"` // a recorded run, which has no states for the gate
	TopK   int               `json:"top_k"`
	Path   bool              `json:"path"`           // a trained path was used
	Note   string            `json:"note,omitempty"` // why none was
	Texts  int               `json:"texts"`
	Tokens int               `json:"tokens"` // passes of one token
	Scores []predictor.Score `json:"scores"` // of each layer and distance
	All    []predictor.Score `json:"all"`    // of each distance, over all layers
}

// Check reports what is wrong with o, as far as that can be told without model
// and files.
func (o *PredictOptions) Check() error {
	t := TraceOptions{Config: o.Config, Tokens: o.Tokens}
	return t.Check()
}

// PredictEval runs a model on texts, or reads a recorded run, and tells how many
// of the experts that each layer chose were foretold and whether probabilities
// were right. It begins with a predictor that has learned nothing. Where ctx
// ends on the way, the result is of what there was until then and goes with the
// error.
func PredictEval(ctx context.Context, o PredictOptions) (*PredictResult, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Tokens == 0 {
		o.Tokens = defaultTraceTokens
	}
	recorded, err := isTrace(o.Model)
	if err != nil {
		return nil, err
	}
	if recorded {
		return predictTrace(ctx, o.Model)
	}
	return predictLive(ctx, &o)
}

// isTrace tells a trace from a model.
func isTrace(name string) (bool, error) {
	if name == "" {
		return false, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := io.ReadFull(f, magic); err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	return string(magic) != "GGUF", nil
}

// predictTrace shows a recorded run to a judge.
func predictTrace(ctx context.Context, name string) (*PredictResult, error) {
	t, err := readTrace(name)
	if err != nil {
		return nil, fmt.Errorf("neither a model nor a trace: %w", err)
	}
	gates := make([]expert.Gate, len(t.Layers))
	for i, l := range t.Layers {
		if l.Experts > 0 {
			gates[i] = expert.Gate{Router: kernels.Matrix{Rows: l.Experts}, TopK: t.TopK}
		}
	}
	j, err := predictor.NewJudge(gates, predictor.Options{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r := &PredictResult{Model: t.Model, Trace: true, TopK: t.TopK}
	last := -1
	for i := range t.Visits {
		if err := ctx.Err(); err != nil {
			return r.conclude(j), err
		}
		v := &t.Visits[i]
		if i == 0 || v.Turn != t.Visits[i-1].Turn {
			r.Texts++
		}
		if v.Tokens == 1 && v.Layer <= last || last < 0 && v.Tokens == 1 {
			r.Tokens++
		}
		last = v.Layer
		j.Observe(demandOf(v))
	}
	return r.conclude(j), nil
}

// demandOf is what a store would have been told.
func demandOf(v *trace.Visit) *expert.Demand {
	d := &expert.Demand{Layer: v.Layer, Tokens: v.Tokens, IDs: v.IDs, Chosen: v.Chosen, Weights: v.Weights, Probs: v.Probs}
	d.Experts, d.Counts = v.Union()
	for _, p := range v.Pos {
		d.Pos = append(d.Pos, int(p))
	}
	return d
}

// predictLive runs a model under a judge's eyes.
func predictLive(ctx context.Context, o *PredictOptions) (r *PredictResult, err error) {
	ask := TraceOptions{Config: o.Config, Prompts: o.Prompts, Raw: o.Raw}
	texts, err := ask.texts()
	if err != nil {
		return nil, err
	}
	e, err := Open(ctx, o.Config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	prompts, err := ask.prompts(ctx, e, texts)
	if err != nil {
		return nil, err
	}
	options, note := pathOptions(o.Model)
	j, err := predictor.NewJudge(e.model.Gates(), options)
	if err != nil {
		return nil, err
	}
	r = &PredictResult{Model: e.Name(), TopK: e.model.Config().TopK, Path: options.Path != nil, Note: note}
	defer e.listeners.add(j.Observe)()
	for i, ids := range prompts {
		r.Texts = i + 1
		if err := r.follow(ctx, e, o, ids, len(prompts)); err != nil {
			return r.conclude(j), err
		}
	}
	return r.conclude(j), nil
}

// pathOptions are those of a predictor for a model, with its trained path where
// it has one that can be used; note says why one cannot.
func pathOptions(model string) (o predictor.Options, note string) {
	id, err := identityOf(model)
	if err != nil {
		return o, ""
	}
	m, err := findPath(model, id)
	if err != nil {
		return o, fmt.Sprintf("goes without a trained path: %v", err)
	}
	if m != nil {
		o.Path = m.NewSession()
	}
	return o, ""
}

// follow reads one text and goes on with it.
func (r *PredictResult) follow(ctx context.Context, e *Engine, o *PredictOptions, ids []int32, texts int) error {
	if err := e.session.Rewind(0); err != nil {
		return err
	}
	greedy, err := sample.New(sample.Options{})
	if err != nil {
		return err
	}
	logits, err := e.genuine(e.session.Prefill(ctx, ids, moe.PrefillOptions{}))
	for n := min(o.Tokens, e.model.Options().Context-len(ids)); err == nil && n > 0; n-- {
		if o.Observe != nil {
			o.Observe(TraceProgress{Text: r.Texts, Texts: texts, Tokens: r.Tokens})
		}
		id, err := greedy.Next(logits)
		if err != nil || e.model.Tokenizer().IsEnd(id) {
			return err
		}
		if logits, err = e.genuine(e.session.Step(ctx, id)); err != nil {
			return err
		}
		r.Tokens++
	}
	return err
}

// conclude fills in the scores.
func (r *PredictResult) conclude(j *predictor.Judge) *PredictResult {
	r.Scores = j.Scores()
	for distance := 1; ; distance++ {
		var same []predictor.Score
		for _, s := range r.Scores {
			if s.Distance == distance {
				same = append(same, s)
			}
		}
		if same == nil {
			return r
		}
		all := predictor.Together(same)
		all.Layer, all.Distance = -1, distance
		r.All = append(r.All, all)
	}
}
