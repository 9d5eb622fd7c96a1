package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"moed/predictor/path"
)

// TrainOptions say what to learn from. The zero value is right but for Trace.
type TrainOptions struct {
	Model string // path of a GGUF file; "" is the built-in model
	Trace string // path of a recorded run of that model
	Out   string // path; "" is beside the model (train_file.go)

	// Observe, if set, is called now and then.
	Observe func(TrainProgress)
}

// TrainProgress is how far a training is.
type TrainProgress = path.Progress

// TrainResult is what was trained and what it is worth on a part of the trace
// that it has not seen.
type TrainResult struct {
	Out   string `json:"out"`
	Bytes int64  `json:"bytes"`
	Model string `json:"model"`
	Trace string `json:"trace"`
	Note  string `json:"note,omitempty"` // what is odd about the trace

	Texts   int     `json:"texts"`
	Trained int     `json:"tokens_trained"`
	Stopped int     `json:"tokens_to_stop"` // that told when to stop
	Judged  int     `json:"tokens_judged"`
	Known   int     `json:"known_tokens"` // different ones, seen at least twice
	TopK    int     `json:"top_k"`
	Loss    float64 `json:"loss"` // binary cross entropy per judged token, over all experts of all layers
	Seconds float64 `json:"seconds"`

	TrainRecall              // of all layers
	Layers      []TrainLayer `json:"layers"`
}

// TrainLayer is what is foretold of one layer.
type TrainLayer struct {
	Layer int `json:"layer"`
	TrainRecall
}

// TrainRecall is which share of the chosen experts are among the top-k likeliest
// of each guess (path.Recall).
type TrainRecall struct {
	Path     float64 `json:"recall"`
	Popular  float64 `json:"recall_popularity"`
	Previous float64 `json:"recall_previous_token"`
	Shuffled float64 `json:"recall_shuffled"`
}

// Errors of Train wrap these.
var (
	// ErrTrainTrace says that a trace is of another model or does not say enough.
	ErrTrainTrace = errors.New("of no use for this model")
	// ErrTrainShort says that a trace has too few tokens.
	ErrTrainShort = path.ErrTooLittle
	// ErrTrainOut says that there is something else under the result's name.
	ErrTrainOut = errors.New("exists and is something else")
)

// Train trains a predictor of a model's routing from a recorded run and writes
// it to a file, which is there as a whole or not at all.
func Train(ctx context.Context, o TrainOptions) (*TrainResult, error) {
	began := time.Now()
	id, err := identityOf(o.Model)
	if err != nil {
		return nil, err
	}
	out, err := o.out(&id)
	if err != nil {
		return nil, err
	}
	t, err := readTrace(o.Trace)
	if err != nil {
		return nil, err
	}
	texts, err := textsOf(t, &id)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", o.Trace, err)
	}
	m, v, err := path.Train(ctx, id, texts, path.Options{Progress: o.Observe, Threads: processors})
	if err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("trace %s: %w", o.Trace, err)
		}
		return nil, err
	}
	if err := m.Save(out); err != nil {
		return nil, err
	}
	r := &TrainResult{Out: out, Model: id.Name, Trace: o.Trace, Note: t.Note, Texts: len(texts), TopK: id.TopK}
	r.judge(m, v)
	if info, err := os.Stat(out); err == nil {
		r.Bytes = info.Size()
	}
	r.Seconds = time.Since(began).Seconds()
	return r, nil
}

// judge takes over what a training has found.
func (r *TrainResult) judge(m *path.Model, v *path.Verdict) {
	r.Trained, r.Stopped, r.Judged, r.Known, r.Loss = v.Trained, v.Stopped, v.Judged, m.Known(), v.Loss
	for layer, x := range v.Layers {
		if m.Identity().Experts[layer] > 0 {
			r.Layers = append(r.Layers, TrainLayer{layer, TrainRecall(x)})
		}
	}
	r.TrainRecall = MeanRecall(r.Layers)
}

// MeanRecall is that of several layers.
func MeanRecall(layers []TrainLayer) (mean TrainRecall) {
	n := float64(max(1, len(layers)))
	for _, l := range layers {
		mean.Path += l.Path / n
		mean.Popular += l.Popular / n
		mean.Previous += l.Previous / n
		mean.Shuffled += l.Shuffled / n
	}
	return mean
}
