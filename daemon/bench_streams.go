package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"moed/moe/expert"
)

// StreamsOptions say how several answers at once are measured. The prompt and
// Tokens are those of BenchOptions.
type StreamsOptions struct {
	BenchOptions
	// Streams is how many answers are made at once; stream i of n begins with the
	// first i/n of the prompt, so that all are at different places.
	Streams int
	// Beside is the length of a prompt that is read while the streams go on: the
	// prompt's tokens over and over. 0 is none.
	Beside int
}

// StreamsResult is one stream alone, and several at once.
type StreamsResult struct {
	Model   string `json:"model"`
	Streams int    `json:"streams"`
	Tokens  int    `json:"tokens"` // of each

	Alone    StreamRate `json:"alone"`
	Together StreamRate `json:"together"` // all streams' tokens
	Speedup  float64    `json:"speedup"`
	// Union is how many experts a step of all streams wants for one that a step of
	// a single stream wants, and Bound the speedup that this allows where weights
	// are what takes time: streams · weights of one step alone / of one together.
	Union float64 `json:"union"`
	Bound float64 `json:"bound"`

	// Where a prompt was read beside the streams:
	Beside *BesideResult `json:"beside,omitempty"`
}

// StreamRate is how fast tokens came, and the gaps between those of one stream.
type StreamRate struct {
	Rate     float64 `json:"tok_s"`
	GapP50   float64 `json:"gap_p50_ms"`
	GapP99   float64 `json:"gap_p99_ms"`
	GapMax   float64 `json:"gap_max_ms"`
	HitRatio float64 `json:"hit_ratio"`
	Bytes    float64 `json:"bytes_read_per_token"`
}

// BesideResult is how the streams did while a prompt was read.
type BesideResult struct {
	Tokens   int        `json:"prompt_tokens"`
	Seconds  float64    `json:"seconds"` // until its first token
	Rate     float64    `json:"prefill_tok_s"`
	Streams  StreamRate `json:"streams"` // within these seconds
	P99Ratio float64    `json:"gap_p99_over_alone_p50"`
}

// Streams measures answers that are made at once.
func Streams(ctx context.Context, o StreamsOptions) (*StreamsResult, error) {
	if o.Streams < 1 || o.Streams > maxParallel {
		return nil, fmt.Errorf("%d streams, want 1 to %d", o.Streams, maxParallel)
	}
	if o.Beside < 0 {
		return nil, fmt.Errorf("a prompt of %d tokens", o.Beside)
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	o.settle()
	if need := o.Beside + o.Tokens + 1; o.Beside > 0 && o.Context < need && need > 4096 {
		o.Context = need
	}
	e, err := Open(ctx, o.Config)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	ids, err := o.prompt(e)
	if err != nil {
		return nil, err
	}
	if err := o.fits(e, len(ids)); err != nil {
		return nil, err
	}
	s := &streams{StreamsOptions: o, engine: e, ids: ids}
	return s.run(ctx)
}

// streams is one such measurement.
type streams struct {
	StreamsOptions
	engine *Engine
	ids    []int32

	mu    sync.Mutex // guards what follows
	wants int64      // experts
	steps int64      // layers of steps that wanted them
}

func (s *streams) run(ctx context.Context) (*StreamsResult, error) {
	defer s.engine.listeners.add(s.hear)()
	r := &StreamsResult{Model: s.engine.name, Streams: s.Streams, Tokens: s.Tokens}
	if _, err := s.measure(ctx, 1); err != nil { // fills the cache
		return nil, err
	}
	var err error
	if r.Alone, err = s.measure(ctx, 1); err != nil {
		return nil, err
	}
	alone := s.perStep()
	if _, err = s.measure(ctx, s.Streams); err != nil {
		return nil, err
	}
	if r.Together, err = s.measure(ctx, s.Streams); err != nil {
		return nil, err
	}
	r.Union = s.perStep() / max(alone, 1)
	r.Speedup = r.Together.Rate / r.Alone.Rate
	r.Bound = s.bound(alone, r.Union)
	if s.Beside > 0 {
		if r.Beside, err = s.beside(ctx); err != nil {
			return nil, err
		}
		r.Beside.P99Ratio = r.Beside.Streams.GapP99 / r.Alone.GapP50
	}
	return r, nil
}

// hear counts what steps of decoding want.
func (s *streams) hear(d *expert.Demand) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.Tokens <= s.Streams {
		s.wants += int64(len(d.Experts))
		s.steps++
	}
}

// perStep is how many experts of a layer a step wanted since the last call.
func (s *streams) perStep() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := float64(s.wants) / float64(max(s.steps, 1))
	s.wants, s.steps = 0, 0
	return n
}

// bound is the speedup where reading weights from memory is all that takes time.
func (s *streams) bound(alone, union float64) float64 {
	m := s.engine.model.Memory()
	c := s.engine.model.Config()
	if c.Experts == 0 {
		return float64(s.Streams)
	}
	experts := float64(m.Experts) / float64(c.Experts) * alone // of one step
	dense := float64(m.Dense)
	return float64(s.Streams) * (dense + experts) / (dense + experts*union)
}

// measure makes n answers at once.
func (s *streams) measure(ctx context.Context, n int) (StreamRate, error) {
	before := s.engine.loop.use()
	began := time.Now()
	times, err := s.answers(ctx, n, s.Tokens, func() {})
	if err != nil {
		return StreamRate{}, err
	}
	return s.rate(times, began, time.Now(), s.engine.loop.use().since(before)), nil
}

// answers makes n answers and returns when each of their tokens came. begun is
// called when all have begun.
func (s *streams) answers(ctx context.Context, n, tokens int, begun func()) ([][]time.Time, error) {
	times, errs := make([][]time.Time, n), make([]error, n)
	var all, first sync.WaitGroup
	first.Add(n)
	for i := range n {
		all.Go(func() {
			var once sync.Once
			defer once.Do(first.Done)
			prompt := s.ids[:max(len(s.ids)*(i+1)/n, 1)]
			// Callers of their own find nothing kept of each other's prompts.
			r := &Request{IDs: prompt, MaxTokens: tokens, LogProbs: 1, IgnoreEnd: true, Caller: Caller{UID: uint32(i)}}
			_, errs[i] = s.engine.Generate(ctx, r, func(p Piece) error {
				if p.LogProbs != nil {
					times[i] = append(times[i], time.Now())
					once.Do(first.Done)
				}
				return nil
			})
		})
	}
	first.Wait()
	begun()
	all.Wait()
	return times, errors.Join(errs...)
}

// rate sums up the tokens that came between two times.
func (s *streams) rate(times [][]time.Time, from, to time.Time, used expertCount) StreamRate {
	var gaps []time.Duration
	// Tokens count from when all streams have begun until the first has ended.
	tokens := 0
	for _, t := range times {
		if t[0].After(from) {
			from = t[0]
		}
		if last := t[len(t)-1]; last.Before(to) {
			to = last
		}
	}
	for _, t := range times {
		for i := 1; i < len(t); i++ {
			if !t[i-1].Before(from) && !t[i].After(to) {
				gaps = append(gaps, t[i].Sub(t[i-1]))
				tokens++
			}
		}
	}
	r := StreamRate{Rate: Rate(tokens, to.Sub(from)), GapP50: quantile(gaps, 0.5), GapP99: quantile(gaps, 0.99), GapMax: quantile(gaps, 1), HitRatio: 1}
	if wanted := used.Hits + used.Misses; wanted > 0 {
		r.HitRatio = float64(used.Hits) / float64(wanted)
	}
	made := 0
	for _, t := range times {
		made += len(t)
	}
	r.Bytes = float64(used.BytesRead) / float64(max(made, 1))
	return r
}

// beside reads a prompt while one stream goes on.
func (s *streams) beside(ctx context.Context) (*BesideResult, error) {
	prompt := make([]int32, s.Beside)
	for i := range prompt {
		prompt[i] = s.ids[i%len(s.ids)]
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &BesideResult{Tokens: s.Beside}
	var from, to time.Time
	var err error
	before := s.engine.loop.use()
	tokens := s.engine.model.Options().Context - len(s.ids) - 1
	times, streamed := s.answers(ctx, 1, tokens, func() {
		from = time.Now()
		_, err = s.engine.Generate(ctx, &Request{IDs: prompt, MaxTokens: 1, IgnoreEnd: true, Caller: Caller{UID: maxParallel + 1}}, func(Piece) error { return nil })
		to = time.Now()
		cancel() // the stream has served its purpose
	})
	if err != nil {
		return nil, err
	}
	if streamed != nil && !errors.Is(streamed, context.Canceled) {
		return nil, streamed
	}
	last := times[0][len(times[0])-1]
	if last.Before(to.Add(-to.Sub(from) / 10)) {
		return nil, fmt.Errorf("the stream ended before the prompt was read: give a larger context than %d", s.engine.model.Options().Context)
	}
	within := slices.DeleteFunc(slices.Clone(times[0]), func(t time.Time) bool { return t.Before(from) || t.After(to) })
	if len(within) < 2 {
		return nil, fmt.Errorf("the prompt of %d tokens was read between two tokens; give a longer one", s.Beside)
	}
	r.Seconds = to.Sub(from).Seconds()
	r.Rate = Rate(s.Beside, to.Sub(from))
	r.Streams = s.rate([][]time.Time{within}, from, to, s.engine.loop.use().since(before))
	return r, nil
}
