package placement

import (
	"math/rand/v2"
	"slices"
)

// alternation searches a pairwise program: layers are solved one after another
// until nothing changes, the plan is disturbed in a window of layers, and what is
// no better is taken back.
type alternation struct {
	q     *pairwise
	rng   *rand.Rand
	work  work
	steps int // layers that may still be solved
	dirty []bool
}

// start builds a plan from one layer outwards, each given the ones before.
func (a *alternation) start(from int) []int32 {
	q := a.q
	at := make([]int32, len(q.m.size))
	for e := range at {
		at[e] = -1
	}
	for k := range q.quota {
		l := (from + k) % len(q.quota)
		if l < from {
			l = from - 1 - l
		}
		a.deal(l, at)
		if k > 0 || q.load != nil {
			q.step(l, at, &a.work)
			a.steps--
		}
	}
	return at
}

// deal fills a layer's places at random.
func (a *alternation) deal(l int, at []int32) {
	var bins []int32
	for d, n := range a.q.quota[l] {
		for range n {
			bins = append(bins, int32(d))
		}
	}
	a.rng.Shuffle(len(bins), func(i, j int) { bins[i], bins[j] = bins[j], bins[i] })
	copy(at[a.q.m.base[l]:a.q.m.base[l+1]], bins)
}

// settle solves dirty layers until none gains, and tells the whole gain.
func (a *alternation) settle(at []int32) int64 {
	gain, again := int64(0), true
	for again {
		again = false
		for k := range 2 * len(a.dirty) {
			l := k
			if k >= len(a.dirty) {
				l = 2*len(a.dirty) - 1 - k // there and back
			}
			if !a.dirty[l] {
				continue
			}
			a.dirty[l] = false
			a.steps--
			if g := a.q.step(l, at, &a.work); g > 0 {
				gain += g
				again = true
				a.touch(l)
				a.dirty[l] = a.q.near != nil
			}
		}
	}
	return gain
}

// touch marks the layers that a change of layer l bears on.
func (a *alternation) touch(l int) {
	if l > 0 {
		a.dirty[l-1] = true
	}
	if l+1 < len(a.dirty) {
		a.dirty[l+1] = true
	}
}

// descend is a start that has settled.
func (a *alternation) descend() []int32 {
	at := a.start(a.rng.IntN(len(a.q.quota)))
	for l := range a.dirty {
		a.dirty[l] = true
	}
	a.settle(at)
	return at
}

// run gives the best plan within so many solved layers.
func (a *alternation) run() []int32 {
	a.dirty = make([]bool, len(a.q.quota))
	starts, each := 4, a.steps/3
	var best []int32
	for range starts {
		if at := a.descend(); best == nil || a.q.total(at) < a.q.total(best) {
			best = at
		}
		if a.steps < each {
			break
		}
	}
	at := slices.Clone(best)
	for a.steps > 0 {
		if lost := a.disturb(at) - a.settle(at); lost > 0 {
			copy(at, best)
		} else {
			copy(best, at)
		}
	}
	return best
}

// disturb exchanges pairs of experts in a window of layers and tells what that
// costs.
func (a *alternation) disturb(at []int32) int64 {
	before := a.q.total(at)
	layers := len(a.q.quota)
	width := 1 + a.rng.IntN(min(4, layers))
	first := a.rng.IntN(layers - width + 1)
	x, y := int32(a.rng.IntN(len(a.q.m.p.Devices))), int32(a.rng.IntN(len(a.q.m.p.Devices)))
	part := 1 + a.rng.IntN(8)
	for l := first; l < first+width; l++ {
		a.exchange(l, at, x, y, part)
		a.dirty[l] = true
		a.touch(l)
	}
	return a.q.total(at) - before
}

// exchange swaps about one in part of the experts of two devices.
func (a *alternation) exchange(l int, at []int32, x, y int32, part int) {
	var on [2][]int32
	for e := a.q.m.base[l]; e < a.q.m.base[l+1]; e++ {
		switch at[e] {
		case x:
			on[0] = append(on[0], int32(e))
		case y:
			on[1] = append(on[1], int32(e))
		}
	}
	if x == y {
		return
	}
	for _, r := range on {
		a.rng.Shuffle(len(r), func(i, j int) { r[i], r[j] = r[j], r[i] })
	}
	n := min(len(on[0]), len(on[1]))
	for k := range (n + part - 1) / part {
		at[on[0][k]], at[on[1][k]] = y, x
	}
}
