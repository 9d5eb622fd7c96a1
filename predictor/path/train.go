package path

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
)

// Options say how to train. The zero value is right.
type Options struct {
	// Width is the size of the hidden layer; 0 is 48.
	Width int
	// Epochs is how often the texts are gone through at most; 0 is 40.
	Epochs int
	// Threads is how many goroutines work; 0 is one per processor. The result
	// does not depend on it.
	Threads int
	// Progress, where it is not nil, is called after each epoch, and often
	// within one.
	Progress func(Progress)
}

// Progress is how far a training is.
type Progress struct {
	Epoch, Epochs int     // Epoch begins with 1; the last may come earlier
	Share         float64 // done of the epoch
	// Loss is the binary cross entropy per token of what is held out, the sum
	// over all layers and experts, after the last whole epoch; before that it is
	// 0. Best is the lowest so far.
	Loss, Best float64
}

const (
	defaultWidth  = 48
	defaultEpochs = 40
	maxWidth      = 256
	firstRate     = 0.01
	rateSteps     = 2 // how often the rate is lowered when nothing more is learned
	weightDecay   = 0.05
)

// ErrTooLittle says that there is too little to learn from.
var ErrTooLittle = errors.New("too little to learn from")

// Train makes a Model of the language model id from texts, which must not be
// changed meanwhile, and judges it on the part that it has not seen. It fails
// where texts are not of that model, with ErrTooLittle, and when ctx ends.
func Train(ctx context.Context, id Identity, texts []Text, o Options) (*Model, *Verdict, error) {
	if err := id.check(); err != nil {
		return nil, nil, err
	}
	for i := range texts {
		if err := texts[i].check(&id); err != nil {
			return nil, nil, fmt.Errorf("text %d: %w", i, err)
		}
	}
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	if o.Epochs == 0 {
		o.Epochs = defaultEpochs
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Width < 1 || o.Width > maxWidth || o.Epochs < 1 || o.Threads < 1 {
		return nil, nil, fmt.Errorf("found a width of %d, %d epochs and %d threads, want 1 to %d, and at least 1", o.Width, o.Epochs, o.Threads, maxWidth)
	}
	learned, stop, judged := divide(texts)
	if n := tokens(learned); n < least || tokens(stop) == 0 || tokens(judged) == 0 {
		return nil, nil, fmt.Errorf("%w: %d tokens, want at least %d and better some thousands", ErrTooLittle, n, least)
	}
	t := newTraining(id, learned, stop, o)
	if err := t.run(ctx); err != nil {
		return nil, nil, err
	}
	v := judge(t.model, learned, judged, o.Threads)
	v.Stopped = tokens(stop)
	return t.model, v, nil
}

// training is one call of Train.
type training struct {
	options Options
	model   *Model
	adam    *adam
	batch   *batch
	random  *rand.Rand
	samples []sample
	stop    []span
	best    []float32 // params
	report  Progress
}

func newTraining(id Identity, learned, stop []span, o Options) *training {
	m := newModel(id, o.Width, vocabulary(learned), nil)
	t := &training{options: o, model: m, stop: stop, random: rand.New(rand.NewPCG(1, 2))}
	for i := range learned {
		s := &learned[i]
		s.rows = make([]int32, s.to)
		for at := range s.rows {
			s.rows[at] = m.row(s.text.IDs[at])
			if at >= s.from {
				t.samples = append(t.samples, sample{s, at})
			}
		}
	}
	m.begin(t.random)
	m.setPopular(learned)
	t.adam = newAdam(m.params, firstRate)
	t.batch = newBatch(m, t.adam, weightDecay, o.Threads)
	t.report.Epochs = o.Epochs
	return t
}

// run goes through the samples until the loss of what is held out falls no more,
// at several rates of learning, and leaves the best that there was.
func (t *training) run(ctx context.Context) error {
	t.report.Best = loss(t.model, t.stop, t.options.Threads)
	t.best = slices.Clone(t.model.params)
	for lowered := 0; t.report.Epoch < t.options.Epochs && lowered < rateSteps; {
		if err := t.epoch(ctx); err != nil {
			return err
		}
		if t.report.Loss < t.report.Best*(1-1e-4) {
			t.report.Best = t.report.Loss
			copy(t.best, t.model.params)
		} else {
			lowered++
			t.adam.rate /= 5
			copy(t.model.params, t.best)
		}
		t.tell(1)
	}
	copy(t.model.params, t.best)
	for i, x := range t.model.params {
		t.model.params[i] = fromShort(toShort(x)) // as the file has it
	}
	return nil
}

// epoch goes through the samples once, in another order each time.
func (t *training) epoch(ctx context.Context) error {
	t.report.Epoch++
	t.random.Shuffle(len(t.samples), func(i, j int) { t.samples[i], t.samples[j] = t.samples[j], t.samples[i] })
	for from := 0; from < len(t.samples); from += batchSize {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.tell(float64(from) / float64(len(t.samples)))
		t.batch.learn(t.samples[from:min(from+batchSize, len(t.samples))])
	}
	t.report.Loss = loss(t.model, t.stop, t.options.Threads)
	return nil
}

func (t *training) tell(share float64) {
	if t.options.Progress != nil {
		t.report.Share = share
		t.options.Progress(t.report)
	}
}
