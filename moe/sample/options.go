package sample

import (
	"fmt"
	"math"
)

// DefaultLastN is how many recent tokens the penalties see where
// Options.RepeatLastN is 0.
const DefaultLastN = 64

// Options say how the next token is chosen. The zero value takes the likeliest
// token, always.
type Options struct {
	// Temperature divides the logits before the draw; 0 takes the likeliest
	// token and draws nothing.
	Temperature float64
	// TopK keeps the k likeliest tokens; 0 keeps all.
	TopK int
	// TopP keeps the fewest likeliest tokens that together have at least this
	// probability; 0 and 1 keep all.
	TopP float64
	// MinP keeps tokens at least this probable relative to the likeliest.
	MinP float64

	// RepeatPenalty divides a positive logit of a recent token and multiplies
	// a negative one (Keskar et al. 2019, CTRL); 0 and 1 leave logits alone.
	RepeatPenalty float64
	// FrequencyPenalty is taken from a logit once for each time that its token
	// is among the recent ones, PresencePenalty once if it is there at all.
	FrequencyPenalty float64
	PresencePenalty  float64
	// RepeatLastN is how many accepted tokens count as recent: 0 means
	// DefaultLastN, negative means all of them.
	RepeatLastN int

	// LogitBias is added to the logits of its tokens, first of all; -Inf bans
	// one. Ids outside the vocabulary are an error at the first choice.
	LogitBias map[int32]float64
	// Seed starts the random numbers. 0 is a seed like any other.
	Seed uint64
}

// Check reports the first option outside its range.
func (o *Options) Check() error {
	ranges := []struct {
		name         string
		v, low, high float64
	}{
		{"temperature", o.Temperature, 0, 1e6},
		{"top_k", float64(o.TopK), 0, math.MaxInt32},
		{"top_p", o.TopP, 0, 1},
		{"min_p", o.MinP, 0, 1},
		{"repeat_penalty", o.RepeatPenalty, 0, 1e6},
		{"frequency_penalty", o.FrequencyPenalty, -1e6, 1e6},
		{"presence_penalty", o.PresencePenalty, -1e6, 1e6},
	}
	for _, r := range ranges {
		if !(r.v >= r.low && r.v <= r.high) { // so that NaN fails too
			return fmt.Errorf("%s is %v, wanted %v to %v", r.name, r.v, r.low, r.high)
		}
	}
	for id, b := range o.LogitBias {
		if math.IsNaN(b) || math.IsInf(b, 1) {
			return fmt.Errorf("logit bias of token %d is %v", id, b)
		}
	}
	return nil
}

// penalises reports whether recent tokens matter.
func (o *Options) penalises() bool {
	return o.repeats() || o.FrequencyPenalty != 0 || o.PresencePenalty != 0
}

func (o *Options) repeats() bool { return o.RepeatPenalty != 0 && o.RepeatPenalty != 1 }

func (o *Options) nucleus() bool { return o.TopP > 0 && o.TopP < 1 }
