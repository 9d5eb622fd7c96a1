package moe

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/moe/kernels"
)

// Worker computes routed experts for tokens whose forward pass runs on another
// host. It holds none of the dense weights: of the file it reads the biases of
// experts, and the experts come from a store. Its outputs have the bits that the
// same experts would give in that forward pass.
//
// It may be shared between goroutines; jobs run one at a time.
type Worker struct {
	im     *gguf.Image
	layers []layer

	mu     sync.Mutex // guards what is below
	mix    mixture
	closed bool
}

// IsWorkerTensor reports whether a Worker reads the tensor of that name itself.
func IsWorkerTensor(name string) bool {
	part := blockPart(name)
	return part == "ffn_gate_exps.bias" || part == "ffn_up_exps.bias"
}

// NewWorker makes a worker of an image, which belongs to it from then on, also
// where NewWorker fails. Of the options it uses Threads, Batch, which is how many
// rows a job may have, and Experts, which must be set.
func NewWorker(im *gguf.Image, name string, o Options) (_ *Worker, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", name, err), im.Close())
		}
	}()
	if o.Experts == nil {
		return nil, errors.New("a worker wants a store of experts")
	}
	c, err := ReadConfig(im.File)
	if err != nil {
		return nil, err
	}
	if o, err = o.settle(c); err != nil {
		return nil, err
	}
	arch, err := architectureOf(c.Architecture)
	if err != nil {
		return nil, err
	}
	if c.Experts == 0 {
		return nil, errors.New("the model has no routed experts")
	}
	b := &binder{f: im.File, data: im.Data, c: c, w: &weights{layers: make([]layer, c.Layers)}}
	for i := range b.w.layers {
		l, p := &b.w.layers[i], fmt.Sprintf("blk.%d.", i)
		l.index = i
		l.gateBias = b.optional(p+"ffn_gate_exps.bias", c.Experts*c.ExpertFF)
		l.upBias = b.optional(p+"ffn_up_exps.bias", c.Experts*c.ExpertFF)
	}
	b.bindExperts(false)
	if b.err != nil {
		return nil, b.err
	}
	pairs := o.Batch * c.TopK
	normed := kernels.NewVectors(c.Hidden, o.Batch, b.w.forms.hidden...)
	w := &Worker{im: im, layers: b.w.layers}
	w.mix = newMixture(c, arch, &b.w.forms, pairs, normed, make([]int32, c.Experts+1), make([]int32, pairs))
	w.mix.pool = kernels.NewPool(o.Threads)
	w.mix.products = kernels.NewProducts(w.mix.pool)
	w.mix.stream = o.Experts.Stream()
	return w, nil
}

// Config is the model's hyperparameters; callers must not change them.
func (w *Worker) Config() *Config { return w.mix.config }

// Rows and Pairs are the most of each that a job may have.
func (w *Worker) Rows() int  { return len(w.mix.normed.Floats()) / w.mix.config.Hidden }
func (w *Worker) Pairs() int { return len(w.mix.inputs) }

// Compute does a job. An error that is wrong in the job itself comes before
// anything is computed.
func (w *Worker) Compute(ctx context.Context, j *expert.Job) error {
	if err := w.check(j); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errors.New("the worker is closed")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m, d := &w.mix, w.mix.config.Hidden
	m.layer, m.n = &w.layers[j.Layer], len(j.Hidden)/d
	copy(m.normed.Floats(), j.Hidden)
	for i := range m.n {
		m.normed.Quantize(i)
	}
	copy(m.inputs, j.Rows)
	clear(m.starts)
	for k, e := range j.Experts {
		m.starts[e+1] = j.Counts[k]
	}
	for e := range m.config.Experts {
		m.starts[e+1] += m.starts[e]
	}
	m.demand = expert.Demand{Layer: j.Layer, Experts: m.demand.Experts, Counts: m.demand.Counts, Hidden: m.normed.Floats()[:m.n*d], Tokens: m.n}
	m.list()
	if err := m.run(ctx, nil); err != nil {
		return fmt.Errorf("layer %d: %w", j.Layer, err)
	}
	copy(j.Out, m.down[:len(j.Rows)*d])
	if j.Half {
		kernels.RoundF16(j.Out)
	}
	return nil
}

// check reports a job that cannot be done.
func (w *Worker) check(j *expert.Job) error {
	c := w.mix.config
	rows, pairs := len(j.Hidden)/c.Hidden, len(j.Rows)
	switch {
	case j.Layer < c.LeadDense || j.Layer >= c.Layers:
		return fmt.Errorf("layer %d has no experts, those from %d to %d have", j.Layer, c.LeadDense, c.Layers-1)
	case rows*c.Hidden != len(j.Hidden) || rows < 1 || rows > w.Rows():
		return fmt.Errorf("found %d hidden values, want 1 to %d rows of %d", len(j.Hidden), w.Rows(), c.Hidden)
	case pairs < 1 || pairs > w.Pairs() || len(j.Out) != pairs*c.Hidden:
		return fmt.Errorf("found %d pairs and %d outputs, want 1 to %d pairs of %d", pairs, len(j.Out), w.Pairs(), c.Hidden)
	case len(j.Experts) != len(j.Counts):
		return fmt.Errorf("found %d experts and %d counts", len(j.Experts), len(j.Counts))
	}
	sum, last := 0, int32(-1)
	for k, e := range j.Experts {
		if e <= last || int(e) >= c.Experts {
			return fmt.Errorf("found expert %d after %d, want ascending ones below %d", e, last, c.Experts)
		}
		if j.Counts[k] < 1 || int(j.Counts[k]) > pairs {
			return fmt.Errorf("expert %d: found %d pairs of %d", e, j.Counts[k], pairs)
		}
		sum, last = sum+int(j.Counts[k]), e
	}
	if sum != pairs {
		return fmt.Errorf("the experts have %d pairs, the job %d", sum, pairs)
	}
	for _, r := range j.Rows {
		if r < 0 || int(r) >= rows {
			return fmt.Errorf("found row %d of %d", r, rows)
		}
	}
	return nil
}

// Close gives everything back but the store.
func (w *Worker) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	w.mix.pool.Close()
	return w.im.Close()
}
