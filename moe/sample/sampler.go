package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// stream is the second word of the generator's seed: a constant, so that a
// Sampler is told by one number.
const stream = 0x9e3779b97f4a7c15

// Sampler chooses the tokens of one generation.
type Sampler struct {
	o       Options
	rng     rand.PCG
	recent  recent
	changed []float32   // logits after bias and penalties
	kept    []Candidate // what is left to draw from
	weight  []float64   // of kept, at temperature 1, then at o.Temperature
}

// New checks o and returns a Sampler. It keeps o.LogitBias, which must not
// change.
func New(o Options) (*Sampler, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	s := &Sampler{o: o, recent: newRecent(o.RepeatLastN)}
	s.rng.Seed(o.Seed, stream)
	return s, nil
}

// Accept tells s of a token that the text now holds, be it of the prompt or
// one that Next gave; penalties look at these.
func (s *Sampler) Accept(id int32) {
	if s.o.penalises() {
		s.recent.add(id)
	}
}

// Next chooses a token from the logits of a whole vocabulary, which it leaves
// unchanged. It does not Accept it.
func (s *Sampler) Next(logits []float32) (int32, error) {
	logits, err := s.adjust(logits)
	if err != nil {
		return 0, err
	}
	best, err := likeliest(logits)
	if err != nil || s.o.Temperature == 0 {
		return best, err
	}
	s.keep(logits, logits[best])
	return s.draw(), nil
}

// adjust applies bias and penalties to a copy, where there are any.
func (s *Sampler) adjust(logits []float32) ([]float32, error) {
	if len(s.o.LogitBias) == 0 && !s.o.penalises() {
		return logits, nil
	}
	if s.o.penalises() {
		s.recent.reserve(len(logits))
	}
	s.changed = append(s.changed[:0], logits...)
	for id, b := range s.o.LogitBias { // each id once, so the order is free
		if id < 0 || int(id) >= len(logits) {
			return nil, fmt.Errorf("logit bias for token %d, but the vocabulary has %d", id, len(logits))
		}
		s.changed[id] += float32(b)
	}
	s.recent.penalise(s.changed, &s.o)
	return s.changed, nil
}

// likeliest is the lowest id among the largest logits.
func likeliest(logits []float32) (int32, error) {
	best, peak := -1, float32(math.Inf(-1))
	for id, l := range logits {
		if l > peak {
			best, peak = id, l
		}
		if isNaN(l) {
			return 0, fmt.Errorf("the logit of token %d is NaN: the model's weights or its arithmetic are broken", id)
		}
	}
	switch {
	case len(logits) == 0:
		return 0, fmt.Errorf("no logits to choose from")
	case best < 0:
		return 0, fmt.Errorf("none of the %d tokens may be chosen: all logits are -Inf", len(logits))
	case math.IsInf(float64(peak), 1):
		return 0, fmt.Errorf("the logit of token %d is +Inf: the model's weights or its arithmetic are broken", best)
	}
	return int32(best), nil
}

// keep fills kept and weight with the tokens that top-k, top-p and min-p
// leave, best first except where none of them is in force.
func (s *Sampler) keep(logits []float32, peak float32) {
	switch {
	case s.o.TopK > 0:
		s.kept = appendTop(s.kept, logits, s.o.TopK)
		s.weigh(peak)
		s.cutNucleus(sum(s.weight))
	case s.o.nucleus():
		total := 0.0
		for _, l := range logits {
			total += math.Exp(float64(l) - float64(peak))
		}
		// A nucleus is nearly always small: look among few before sorting all.
		for n := 256; ; n *= 8 {
			s.kept = appendTop(s.kept, logits, n)
			s.weigh(peak)
			if n >= len(logits) || sum(s.weight) >= s.o.TopP*total {
				break
			}
		}
		s.cutNucleus(total)
	default:
		s.kept = slices.Grow(s.kept[:0], len(logits))
		for id, l := range logits {
			s.kept = append(s.kept, Candidate{int32(id), l})
		}
		s.weigh(peak)
	}
	s.cutUnlikely()
}

// weigh sets weight to each kept token's probability relative to the peak's.
func (s *Sampler) weigh(peak float32) {
	s.weight = slices.Grow(s.weight[:0], len(s.kept))
	for _, c := range s.kept {
		s.weight = append(s.weight, math.Exp(float64(c.Logit)-float64(peak)))
	}
}

// cutNucleus ends kept, which is in order, after the token whose weight brings
// the sum to top-p of total.
func (s *Sampler) cutNucleus(total float64) {
	if !s.o.nucleus() {
		return
	}
	sofar := 0.0
	for i, w := range s.weight {
		if sofar += w; sofar >= s.o.TopP*total {
			s.kept, s.weight = s.kept[:i+1], s.weight[:i+1]
			return
		}
	}
}

// cutUnlikely drops tokens below min-p; the likeliest has weight 1 and stays.
func (s *Sampler) cutUnlikely() {
	if s.o.MinP == 0 {
		return
	}
	n := 0
	for i, w := range s.weight {
		if w >= s.o.MinP {
			s.kept[n], s.weight[n] = s.kept[i], w
			n++
		}
	}
	s.kept, s.weight = s.kept[:n], s.weight[:n]
}

// draw takes one kept token at the temperature, with one random number.
func (s *Sampler) draw() int32 {
	if s.o.Temperature != 1 {
		for i, w := range s.weight {
			s.weight[i] = math.Pow(w, 1/s.o.Temperature)
		}
	}
	left := float64(s.rng.Uint64()>>11) / (1 << 53) * sum(s.weight)
	last := 0
	for i, w := range s.weight {
		if w == 0 {
			continue
		}
		if last = i; left < w {
			break
		}
		left -= w
	}
	return s.kept[last].ID
}

func sum(v []float64) float64 {
	t := 0.0
	for _, x := range v {
		t += x
	}
	return t
}
