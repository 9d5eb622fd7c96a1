package predictor

import "math"

// Source is one origin of guesses.
type Source int

const (
	Gate       Source = iota // the later layer's router on this layer's state
	Token                    // what the token chose at other times
	Transition               // pairs of experts of the two layers
	Popularity               // how often the expert is used
	Previous                 // what the token before chose
	PathModel                // Options.Path
	Sources                  // how many there are
)

// The features of an expert that the mixer weighs. All but the first two are
// log-odds.
const (
	gap        = iota // how far its score is above or below the choice, in spreads
	top               // 1 where it is in the choice, 0 elsewhere
	transition        // from pairs
	token             // from pairs of tokens and experts
	popularity        // slow average of use
	lately            // fast average of use
	previous          // 1 where the latest token chose it
	opinion           // average of the router's probabilities
	foretold          // from Path
	count
)

// quoted is the feature that stands for each source alone.
var quoted = [Sources]int{Gate: gap, Token: token, Transition: transition, Popularity: popularity, Previous: previous, PathModel: foretold}

// features are what the sources say, [count][experts].
type features [count][]float32

func newFeatures(experts int) features {
	var x features
	memory := make([]float32, count*experts)
	for i := range x {
		x[i] = memory[i*experts:][:experts:experts]
	}
	return x
}

// limit bounds a gap.
const limit = 6

// gate says how a router's scores would choose: the gap to the border between
// the last that is in and the first that is out.
func (x *features) gate(scores []float32, topK int) {
	var mean, square float32
	for _, s := range scores {
		mean += s
		square += s * s
	}
	mean /= float32(len(scores))
	spread := float32(math.Sqrt(float64(max(square/float32(len(scores))-mean*mean, 0))))
	in, out := border(scores, topK)
	middle := (in + out) / 2
	scale := 1 / max(spread, 1e-9)
	for e, s := range scores {
		d := (s - middle) * scale
		if !(d > -limit) { // also what is not a number
			d = -limit
		}
		x[gap][e] = min(d, limit)
		x[top][e] = 0
		if s >= in && in > out {
			x[top][e] = 1
		}
	}
}

// maxTop is the largest choice whose border is found in one go.
const maxTop = 32

// border finds the k-th and the next largest of scores.
func border(scores []float32, k int) (in, out float32) {
	k = min(k, maxTop)
	var best [maxTop + 1]float32
	n := 0
	for _, s := range scores {
		if n == k+1 && !(s > best[k]) {
			continue
		}
		i := min(n, k)
		for ; i > 0 && s > best[i-1]; i-- {
			best[i] = best[i-1]
		}
		best[i] = s
		n = min(n+1, k+1)
	}
	if n <= k {
		return best[n-1], best[n-1] - 1
	}
	return best[k-1], best[k]
}

// path takes in what a path model says.
func (x *features) path(p []float32, t *oddsTable) {
	for e := range x[foretold][:len(p)] {
		x[foretold][e] = t.logOdds(p[e])
	}
}

const (
	fineBits = 5                        // of the mantissa
	least    = (127 - 10) << (fineBits) // 2^-10
	entries  = 127<<fineBits - least    // up to 1
)

// oddsTable has the log-odds of probabilities from 2^-10 to 1, by the first
// bits of the float32.
type oddsTable [entries]float32

func newOddsTable() *oddsTable {
	var t oddsTable
	for i := range t {
		p := float64(math.Float32frombits(uint32(least+i)<<(23-fineBits) | 1<<(22-fineBits)))
		t[i] = float32(math.Log(p / (1 - p)))
	}
	return &t
}

// logOdds is that of p, which is taken to be between 0.001 and 0.998.
func (t *oddsTable) logOdds(p float32) float32 {
	i := int(math.Float32bits(p)>>(23-fineBits)) - least
	return t[min(max(i, 0), entries-1)]
}
