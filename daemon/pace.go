package daemon

import (
	"math/bits"
	"slices"
	"time"
)

// pace sizes the chunk of prompts that goes along with the tokens of running
// answers. A step without a chunk takes some time; a chunk may prolong it by a
// share of that, and by a larger one where experts have to be read from flash,
// since that wait is long for one token too. What a chunk costs is measured per
// layer: arithmetic, which grows with its tokens, and the stall for the experts
// that are missing, which hardly does, so that a long chunk of few layers reads
// least. Pure: it has no clock.
type pace struct {
	plain  [batches][]float64 // seconds of the latest steps without a chunk, by how many answers were in them
	beside int                // steps with a chunk since the latest without
	work   average            // seconds of arithmetic for one token of a chunk in one layer
	stall  average            // seconds that a chunk waits for experts in one layer
	tight  bool               // experts have to be read
	layers int
	most   int // tokens of a chunk
}

const (
	// A step with a chunk takes at most so many times as long as one without: with
	// every expert in memory, and where some have to be read.
	stretchHeld  = 2.2
	stretchTight = 5
	// firstChunk is how long a chunk is before it is known what one costs.
	firstChunk = 16
	// lookUp is how long a chunk goes on alone before the loop looks up, in
	// seconds.
	lookUp     = 0.5
	recentStep = 33
	// How long a step takes without a chunk must have been seen so often, for as
	// many answers, and lately.
	leastSeen  = 3
	longUnseen = 64
	batches    = 7
)

// batchOf puts numbers of answers together whose steps take about as long: 1, 2,
// 4, and so on, up to 64.
func batchOf(answers int) int { return min(bits.Len(uint(max(answers, 1)-1)), batches-1) }

// average is an exponential moving average; its zero value knows nothing.
type average struct {
	value float64
	known bool
}

func (a *average) add(x float64) {
	if !a.known {
		a.value, a.known = x, true
		return
	}
	a.value += (x - a.value) / 4
}

// step notes a step without a chunk.
func (p *pace) step(answers int, took time.Duration) {
	b := &p.plain[batchOf(answers)]
	if len(*b) == recentStep {
		*b = slices.Delete(*b, 0, 1)
	}
	*b = append(*b, took.Seconds())
	p.beside = 0
}

// usual is the median of the latest steps of so many answers without a chunk, 0
// where there are none.
func (p *pace) usual(answers int) float64 {
	b := p.plain[batchOf(answers)]
	if len(b) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(b))
	return s[len(s)/2]
}

// rests reports whether the chunk should stay behind for a step, so that it is
// known how long one takes without.
func (p *pace) rests(answers int) bool {
	return len(p.plain[batchOf(answers)]) < leastSeen || p.beside >= longUnseen
}

// chunk notes a step that took a chunk of some tokens through some layers, of
// which it waited stall for experts, beside so many running answers.
func (p *pace) chunk(tokens, layers, answers int, took, stall time.Duration) {
	if tokens == 0 || layers == 0 {
		return
	}
	extra := took.Seconds()
	if answers > 0 {
		p.beside++
		extra = max(extra-p.usual(answers), extra/8)
	}
	waited := min(stall.Seconds(), extra)
	p.stall.add(waited / float64(layers))
	p.work.add((extra - waited) / float64(tokens*layers))
}

// room is how much longer a step of so many answers may take for a chunk, in
// seconds. Alone a chunk costs nobody's pace, but its caller may want to see how
// far it is, and others to be heard.
func (p *pace) room(answers int) float64 {
	switch {
	case answers == 0:
		return lookUp
	case p.tight:
		return (stretchTight - 1) * p.usual(answers)
	}
	return (stretchHeld - 1) * p.usual(answers)
}

// tokens is how long a chunk may be beside running answers: the longest of which
// one layer fits into the room, but no shorter than firstChunk.
func (p *pace) tokens(answers int) int {
	room := p.room(answers)
	if !p.work.known || room == 0 {
		return min(firstChunk, p.most)
	}
	n := p.most
	for n > firstChunk && p.layer(n) > room {
		n /= 2
	}
	return min(max(n, firstChunk), p.most)
}

// through is how many layers a chunk of that many tokens may go in one step,
// beside so many answers.
func (p *pace) through(tokens, answers int) int {
	room := p.room(answers)
	if !p.work.known || room == 0 {
		return max(p.layers/8, 1)
	}
	return min(max(int(room/p.layer(tokens)), 1), p.layers)
}

// layer is what one layer of such a chunk is expected to take, in seconds.
func (p *pace) layer(tokens int) float64 {
	return p.stall.value + p.work.value*float64(tokens)
}
