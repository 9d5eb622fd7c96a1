package daemon

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// pace sizes the chunk of prompts that goes along with the tokens of running
// answers. A step without a chunk takes some time; a chunk may prolong it by a
// share of that, and by a larger one where experts have to be read from flash,
// since that wait is long for one token too. What a layer of a chunk costs, in
// arithmetic and in waiting for the experts that are missing, is measured for
// chunks of each length: a long one costs less for each of its tokens, since
// each chunk reads its experts' weights, from flash or from memory. Medians are
// taken, since other processes have their turns too. Pure: it has no clock.
type pace struct {
	plain  [batches]recent // steps without a chunk, by how many answers were in them
	beside int             // steps with a chunk since the latest without
	cost   [lengths]recent // of one layer of a chunk, by its length
	latest int             // length of the latest chunk, as lengthOf has it
	tight  bool            // experts have to be read
	layers int
	most   int // tokens of a chunk
}

const (
	// A step with a chunk takes at most so many times as long as one without: with
	// every expert in memory, and where some have to be read.
	stretchHeld  = 1.8
	stretchTight = 4
	// firstChunk is how long a chunk is before it is known what one costs, and
	// leastChunk how long at least. Where not even that has room, one that costs
	// at most so much more is as good.
	firstChunk = 16
	leastChunk = 4
	hardlyMore = 1.25
	// lookUp is how long a chunk goes on alone before the loop looks up, in
	// seconds.
	lookUp = 0.5
	// How long a step takes without a chunk must have been seen so often, for as
	// many answers, and lately.
	leastSeen  = 3
	longUnseen = 64
	batches    = 7
	lengths    = 16
)

// recent is seconds that something took lately.
type recent []float64

func (r *recent) add(seconds float64, most int) {
	if len(*r) >= most {
		*r = slices.Delete(*r, 0, len(*r)-most+1)
	}
	*r = append(*r, seconds)
}

// median is 0 where there is nothing.
func (r recent) median() float64 {
	if len(r) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(r))
	return s[len(s)/2]
}

const (
	recentSteps  = 33
	recentChunks = 7
)

// batchOf puts numbers of answers together whose steps take about as long: 1, 2,
// 4, and so on, up to 64.
func batchOf(answers int) int { return min(bits.Len(uint(max(answers, 1)-1)), batches-1) }

// lengthOf is the power of two that a chunk is about as long as.
func lengthOf(tokens int) int { return min(bits.Len(uint(max(tokens, 1)-1)), lengths-1) }

// step notes a step without a chunk.
func (p *pace) step(answers int, took time.Duration) {
	p.plain[batchOf(answers)].add(took.Seconds(), recentSteps)
	p.beside = 0
}

// usual is the median of the latest steps of so many answers without a chunk, 0
// where there are none.
func (p *pace) usual(answers int) float64 { return p.plain[batchOf(answers)].median() }

// rests reports whether the chunk should stay behind for a step, so that it is
// known how long one takes without.
func (p *pace) rests(answers int) bool {
	return len(p.plain[batchOf(answers)]) < leastSeen || p.beside >= longUnseen
}

// chunk notes a step that took a chunk of some tokens through some layers,
// beside so many running answers.
func (p *pace) chunk(tokens, layers, answers int, took time.Duration) {
	if tokens == 0 || layers == 0 {
		return
	}
	extra := took.Seconds()
	if answers > 0 {
		p.beside++
		extra = max(extra-p.usual(answers), extra/8)
	}
	p.latest = lengthOf(tokens)
	p.cost[p.latest].add(extra/float64(layers), recentChunks)
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

// known reports whether it is known what chunks cost.
func (p *pace) known() bool { return len(p.cost[p.latest]) > 0 }

// tokens is how long a chunk may be beside running answers: the longest of which
// one layer fits into the room, or the longest that costs little more than the
// shortest.
func (p *pace) tokens(answers int) int {
	room := p.room(answers)
	if !p.known() || room == 0 {
		return min(firstChunk, p.most)
	}
	room = max(room, hardlyMore*p.layer(leastChunk))
	n := p.most
	for n > leastChunk && p.layer(n) > room {
		n /= 2
	}
	return min(max(n, leastChunk), p.most)
}

// through is how many layers a chunk of that many tokens may go in one step,
// beside so many answers.
func (p *pace) through(tokens, answers int) int {
	room := p.room(answers)
	if !p.known() || room == 0 {
		return max(p.layers/8, 1)
	}
	return min(max(int(room/p.layer(tokens)), 1), p.layers)
}

// layer is what one layer of such a chunk is expected to take, in seconds: what
// it took when there was one, within what the latest chunk makes of that. A
// longer one takes longer, though not longer for each of its tokens.
func (p *pace) layer(tokens int) float64 {
	n := lengthOf(tokens)
	latest := p.cost[p.latest].median()
	apart := math.Ldexp(latest, n-p.latest)
	low, high := min(latest, apart), max(latest, apart)
	if len(p.cost[n]) == 0 {
		return high
	}
	return min(max(p.cost[n].median(), low), high)
}
