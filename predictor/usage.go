package predictor

import (
	"math"

	"moed/moe/expert"
)

const (
	slowRate    = 1.0 / 256
	fastRate    = 1.0 / 12
	opinionRate = 1.0 / 3
)

// usage is how often a layer's experts were chosen, and how much its router
// thought of them whether it chose them or not.
type usage struct {
	slow, fast []float32 // [experts], moving averages of being chosen by a token
	opinion    []float32 // [experts], of the router's probability, 0 before any
	last       []float32 // [experts], 1 where the latest token chose it
	table      *oddsTable
	topK       int
}

func newUsage(experts, topK int, table *oddsTable) usage {
	u := usage{slow: make([]float32, experts), fast: make([]float32, experts), opinion: make([]float32, experts),
		last: make([]float32, experts), table: table, topK: topK}
	for e := range u.slow {
		u.slow[e] = float32(topK) / float32(experts)
		u.fast[e] = u.slow[e]
		u.opinion[e] = 1 / float32(experts)
	}
	return u
}

// observe takes in a visit; chosen, [tokens][top-k], may be nil.
func (u *usage) observe(d *expert.Demand, chosen []int32) {
	u.fade(u.slow, d, slowRate)
	u.fade(u.fast, d, fastRate)
	experts := len(u.slow)
	if len(d.Probs) == d.Tokens*experts {
		for t := max(0, d.Tokens-8); t < d.Tokens; t++ { // of earlier ones little is left
			for e, p := range d.Probs[t*experts:][:experts] {
				if p >= 0 && p <= 1 { // a number
					u.opinion[e] += opinionRate * (p - u.opinion[e])
				}
			}
		}
	}
	clear(u.last)
	if chosen != nil {
		for _, e := range chosen[len(chosen)-u.topK:] {
			u.last[e] = 1
		}
	}
}

// fade moves an average to the share of d's tokens that chose each expert, as
// if they had come one by one and evenly.
func (u *usage) fade(average []float32, d *expert.Demand, rate float64) {
	keep := float32(1 - rate)
	if d.Tokens > 1 {
		keep = float32(math.Pow(1-rate, float64(d.Tokens)))
	}
	for e := range average {
		average[e] *= keep
	}
	share := (1 - keep) / float32(d.Tokens)
	for i, e := range d.Experts {
		if e < 0 || int(e) >= len(average) {
			continue
		}
		n := float32(1)
		if i < len(d.Counts) {
			n = float32(d.Counts[i])
		}
		average[e] += share * min(max(n, 0), float32(d.Tokens))
	}
}

// say sets the features that are the same for every token of a pass.
func (u *usage) say(x *features) {
	t := u.table
	for e := range u.slow {
		x[popularity][e] = t.logOdds(u.slow[e])
		x[lately][e] = t.logOdds(u.fast[e])
		x[opinion][e] = t.logOdds(u.opinion[e])
	}
	copy(x[previous], u.last)
}
