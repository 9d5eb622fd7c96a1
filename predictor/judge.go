package predictor

import (
	"math"

	"moed/moe/expert"
)

// Judge watches a Predictor at work: how much of what each layer chooses was
// named layers before, by the mixer and by each source alone, and whether what
// it says happens as often as it says. It is used by one goroutine.
type Judge struct {
	predictor *Predictor
	ahead     int
	guesses   []expert.Guess
	layers    []judged
}

// methods are those that name experts: the sources and the mixer.
const (
	mixed   = int(Sources)
	methods = mixed + 1
	// outcomes is how many of a layer are kept for the control.
	outcomes = 32
)

type judged struct {
	experts, topK int
	past          [outcomes][]int32 // chosen by single tokens
	visits        int
	at            []distance // [ahead]
}

// distance is what was said of a layer from so far before it, and the sums.
type distance struct {
	live   bool
	tokens int
	p      []float32 // [experts], 0 where not named
	named  [methods][]int32
	tally  tally
}

type tally struct {
	visits, controls int
	hits             [methods]float64
	tried            [methods]int
	shuffled         float64
	bins             [Bins]Bin
}

// Bins is how many there are in a table of reliability.
const Bins = 10

// Bin is the guesses whose probability lies in a tenth of 0 to 1.
type Bin struct {
	Guesses  int     `json:"guesses"`
	Said     float64 `json:"said"`     // mean probability
	Happened float64 `json:"happened"` // share that came true
}

// Recall is the share of the k experts that single tokens chose which were among
// the k that a method ranked first. Those without anything to say are nil.
type Recall struct {
	Mixer      float64  `json:"mixer"`
	Gate       *float64 `json:"gate,omitempty"`
	Token      *float64 `json:"token,omitempty"`
	Transition *float64 `json:"transition,omitempty"`
	Popularity *float64 `json:"popularity,omitempty"`
	Previous   *float64 `json:"previous,omitempty"`
	Path       *float64 `json:"path,omitempty"`
	// Shuffled is the mixer's guess held against what another token chose.
	Shuffled float64 `json:"shuffled"`
}

// Score is how the guesses about a layer did from a distance.
type Score struct {
	Layer    int       `json:"layer"`
	Distance int       `json:"distance"`
	Visits   int       `json:"visits"` // of single tokens
	Recall   Recall    `json:"recall"`
	Bins     [Bins]Bin `json:"reliability"` // of all visits
	// Error is the expected calibration error: the mean distance of what was
	// said from what happened in the bins, by their guesses.
	Error float64 `json:"calibration_error"`
}

// NewJudge prepares to judge predictions for a model with those routers.
func NewJudge(gates []expert.Gate, o Options) (*Judge, error) {
	p, err := New(gates, o)
	if err != nil {
		return nil, err
	}
	j := &Judge{predictor: p, ahead: p.ahead, layers: make([]judged, len(gates))}
	for i := range j.layers {
		l := &j.layers[i]
		l.experts, l.topK = p.layers[i].experts, p.layers[i].topK
		l.at = make([]distance, p.ahead)
		for k := range l.at {
			l.at[k].p = make([]float32, l.experts)
		}
	}
	return j, nil
}

// Forget clears the scores, and not what the predictor has learned.
func (j *Judge) Forget() {
	for i := range j.layers {
		for k := range j.layers[i].at {
			j.layers[i].at[k].tally = tally{}
		}
	}
}

// Observe takes in a demand, as Predictor.Observe, scores what was said of it and
// asks about the layers after it.
func (j *Judge) Observe(d *expert.Demand) {
	if d.Layer < 0 || d.Layer >= len(j.layers) || j.layers[d.Layer].experts == 0 {
		return
	}
	l := &j.layers[d.Layer]
	chosen := j.predictor.layers[d.Layer].choices(d)
	for k := range l.at {
		if at := &l.at[k]; at.live && at.tokens == d.Tokens {
			l.score(at, d, chosen)
		}
		l.at[k].live = false
	}
	if d.Tokens == 1 && chosen != nil {
		kept := &l.past[l.visits%outcomes]
		*kept = append((*kept)[:0], chosen...)
		l.visits++
	}
	j.predictor.Observe(d)
	for k := range j.ahead {
		if layer := d.Layer + k + 1; layer < len(j.layers) && j.layers[layer].experts > 0 {
			j.ask(d, layer, &j.layers[layer].at[k])
		}
	}
}

// ask notes what is said of a layer.
func (j *Judge) ask(d *expert.Demand, layer int, at *distance) {
	j.guesses = j.predictor.Guess(j.guesses[:0], d, layer)
	at.live, at.tokens = true, d.Tokens
	clear(at.p)
	for _, g := range j.guesses {
		at.p[g.Expert] = g.P
	}
	topK := j.layers[layer].topK
	at.named[mixed] = best(at.named[mixed][:0], at.p, topK)
	for s := range Sources {
		at.named[s] = best(at.named[s][:0], j.predictor.Said(s), topK)
	}
}

// score holds what was said against what happened.
func (l *judged) score(at *distance, d *expert.Demand, chosen []int32) {
	t := &at.tally
	wanted := make([]bool, l.experts)
	for _, e := range d.Experts {
		wanted[e] = true
	}
	for e, p := range at.p {
		if p == 0 {
			continue
		}
		b := &t.bins[min(int(p*Bins), Bins-1)]
		b.Guesses++
		b.Said += float64(p)
		if wanted[e] {
			b.Happened++
		}
	}
	if d.Tokens > 1 || chosen == nil {
		return
	}
	t.visits++
	for m, named := range at.named {
		if len(named) > 0 || m == mixed {
			t.tried[m]++
			t.hits[m] += share(chosen, named)
		}
	}
	if n := min(l.visits, outcomes); n > 1 { // some token before the last one
		back := 2 + t.visits*7%(n-1)
		t.controls++
		t.shuffled += share(l.past[(l.visits-back+outcomes)%outcomes], at.named[mixed])
	}
}

// Scores are those of all layers and distances that were guessed about.
func (j *Judge) Scores() []Score {
	var all []Score
	for i := range j.layers {
		for k := range j.layers[i].at {
			t := &j.layers[i].at[k].tally
			s := Score{Layer: i, Distance: k + 1, Visits: t.visits, Recall: t.recall()}
			s.Bins, s.Error = settle(t.bins)
			if s.Visits > 0 || s.Error > 0 {
				all = append(all, s)
			}
		}
	}
	return all
}

// settle turns the sums of bins into means.
func settle(bins [Bins]Bin) ([Bins]Bin, float64) {
	var wrong, n float64
	for i := range bins {
		b := &bins[i]
		wrong += math.Abs(b.Said - b.Happened)
		n += float64(b.Guesses)
		if b.Guesses > 0 {
			b.Said /= float64(b.Guesses)
			b.Happened /= float64(b.Guesses)
		}
	}
	return bins, wrong / max(n, 1)
}

func (t *tally) recall() Recall {
	of := func(m int) *float64 {
		if t.tried[m] == 0 {
			return nil
		}
		x := t.hits[m] / float64(t.tried[m])
		return &x
	}
	r := Recall{Gate: of(int(Gate)), Token: of(int(Token)), Transition: of(int(Transition)), Popularity: of(int(Popularity)),
		Previous: of(int(Previous)), Path: of(int(PathModel)), Shuffled: t.shuffled / float64(max(t.controls, 1))}
	r.Mixer = t.hits[mixed] / float64(max(t.tried[mixed], 1))
	return r
}

// Together is the mean of scores, by their visits, and their common table.
func Together(scores []Score) (all Score) {
	var visits float64
	sums := map[**float64]float64{}
	for i := range scores {
		s := &scores[i]
		n := float64(s.Visits)
		visits += n
		all.Visits += s.Visits
		all.Recall.Mixer += n * s.Recall.Mixer
		all.Recall.Shuffled += n * s.Recall.Shuffled
		to, from := all.Recall.sources(), s.Recall.sources()
		for k := range to {
			if *from[k] != nil {
				sums[to[k]] += n * **from[k]
			}
		}
		for b := range s.Bins {
			g := float64(s.Bins[b].Guesses)
			all.Bins[b].Guesses += s.Bins[b].Guesses
			all.Bins[b].Said += g * s.Bins[b].Said
			all.Bins[b].Happened += g * s.Bins[b].Happened
		}
	}
	for to, sum := range sums {
		mean := sum / max(visits, 1)
		*to = &mean
	}
	all.Recall.Mixer /= max(visits, 1)
	all.Recall.Shuffled /= max(visits, 1)
	all.Bins, all.Error = settle(all.Bins)
	return all
}

func (r *Recall) sources() [Sources]**float64 {
	return [Sources]**float64{Gate: &r.Gate, Token: &r.Token, Transition: &r.Transition, Popularity: &r.Popularity, Previous: &r.Previous, PathModel: &r.Path}
}

// best appends the k experts with the most of x to dst, of equals the lower, or
// nothing where x has none.
func best(dst []int32, x []float32, k int) []int32 {
	for range min(k, len(x)) {
		top := int32(-1)
		for e := range x {
			if (top < 0 || x[e] > x[top]) && share([]int32{int32(e)}, dst) == 0 {
				top = int32(e)
			}
		}
		dst = append(dst, top)
	}
	return dst
}

// share is how much of chosen is named.
func share(chosen, named []int32) float64 {
	hits := 0
	for _, c := range chosen {
		for _, n := range named {
			if c == n {
				hits++
				break
			}
		}
	}
	return float64(hits) / float64(max(len(chosen), 1))
}
