package sample

import "slices"

// recent counts the last tokens of a text for the penalties.
type recent struct {
	window int     // tokens remembered, or negative for all
	ring   []int32 // the last window tokens, the oldest at next; unused for all
	next   int
	counts []int32 // per id, how often it is among them; grows to the largest id seen
	seen   []int32 // ids with a count above 0, in no order that matters
}

func newRecent(lastN int) recent {
	if lastN == 0 {
		lastN = DefaultLastN
	}
	return recent{window: lastN}
}

// add remembers id and forgets the token that falls out of the window.
func (r *recent) add(id int32) {
	if id < 0 {
		return
	}
	if int(id) >= len(r.counts) {
		r.counts = append(r.counts, make([]int32, int(id)+1-len(r.counts))...)
	}
	if r.window > 0 {
		if len(r.ring) < r.window {
			r.ring = append(r.ring, id)
		} else {
			r.drop(r.ring[r.next])
			r.ring[r.next] = id
			r.next = (r.next + 1) % r.window
		}
	}
	if r.counts[id]++; r.counts[id] == 1 {
		r.seen = append(r.seen, id)
	}
}

func (r *recent) drop(id int32) {
	if r.counts[id]--; r.counts[id] == 0 {
		i := slices.Index(r.seen, id)
		r.seen[i] = r.seen[len(r.seen)-1]
		r.seen = r.seen[:len(r.seen)-1]
	}
}

// ringReserve bounds what a window reserves ahead, so that an absurd one costs
// nothing until the text is as long.
const ringReserve = 1 << 16

// reserve makes room for a vocabulary of n ids, so that add does not allocate
// after it.
func (r *recent) reserve(n int) {
	if len(r.counts) < n {
		r.counts = append(r.counts, make([]int32, n-len(r.counts))...)
	}
	distinct := n
	if r.window > 0 {
		distinct = min(n, r.window)
		r.ring = slices.Grow(r.ring, max(0, min(r.window, ringReserve)-len(r.ring)))
	}
	r.seen = slices.Grow(r.seen, max(0, distinct-len(r.seen)))
}

// penalise lowers the logits of the remembered tokens as o says.
func (r *recent) penalise(logits []float32, o *Options) {
	for _, id := range r.seen {
		if int(id) >= len(logits) {
			continue
		}
		l := float64(logits[id])
		if o.repeats() {
			if l > 0 {
				l /= o.RepeatPenalty
			} else {
				l *= o.RepeatPenalty
			}
		}
		l -= o.FrequencyPenalty*float64(r.counts[id]) + o.PresencePenalty
		logits[id] = float32(l)
	}
}
