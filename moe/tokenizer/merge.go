package tokenizer

import (
	"math"
	"slices"
)

// never is the rank of symbols that do not merge.
const never = math.MaxInt32

// symbol is a stretch of a piece that is one token, or none (id -1).
type symbol struct {
	start, end int32 // in the piece; equal once merged into the symbol before
	id         int32
	prev, next int32 // neighbours in the list that remains; only for long pieces
}

// ranker says whether two neighbouring symbols of text merge: their rank, lowest
// first, and the token they become. The rank is never where they do not.
type ranker interface {
	rank(text string, left, right symbol) (rank, merged int32)
}

// few is up to how many symbols a linear search for the best pair beats a heap.
const few = 40

// merge applies the best merge, leftmost of equals, until there is none. Each
// merge takes one symbol away, so no table of merges can make it loop. It works
// in w.symbols and returns a part of it.
func (w *work) merge(r ranker, text string) []symbol {
	if len(w.symbols) <= few {
		return mergeFew(r, text, w.symbols)
	}
	return w.mergeMany(r, text)
}

// mergeFew takes quadratic time in the number of symbols, with little to do for
// each.
func mergeFew(r ranker, text string, s []symbol) []symbol {
	var ranks, merged [few]int32 // of the symbols i and i+1
	for i := 0; i+1 < len(s); i++ {
		ranks[i], merged[i] = r.rank(text, s[i], s[i+1])
	}
	for len(s) > 1 {
		n := len(s) - 1
		best, at := int32(never), -1
		for i, rank := range ranks[:n] {
			if rank < best {
				best, at = rank, i
			}
		}
		if at < 0 {
			break
		}
		s[at].end, s[at].id = s[at+1].end, merged[at]
		s = append(s[:at+1], s[at+2:]...)
		copy(ranks[at:n], ranks[at+1:n])
		copy(merged[at:n], merged[at+1:n])
		if at > 0 {
			ranks[at-1], merged[at-1] = r.rank(text, s[at-1], s[at])
		}
		if at+1 < len(s) {
			ranks[at], merged[at] = r.rank(text, s[at], s[at+1])
		}
	}
	return s
}

// mergeMany keeps candidates in a heap and links symbols, for n log n time.
func (w *work) mergeMany(r ranker, text string) []symbol {
	s := w.symbols
	w.heap = slices.Grow(w.heap[:0], len(s))
	for i := range s {
		s[i].prev, s[i].next = int32(i-1), int32(i+1)
	}
	s[len(s)-1].next = -1
	for i := int32(0); s[i].next >= 0; i++ {
		w.consider(r, text, i)
	}
	for len(w.heap) > 0 {
		c := w.heap.pop()
		i := int32(uint32(c.order))
		left := &s[i]
		// A symbol only grows by swallowing the next, so a candidate is stale exactly if
		// its left side is gone or the two span something else by now.
		if left.start == left.end || left.next < 0 || s[left.next].end-left.start != c.size {
			continue
		}
		right := &s[left.next]
		left.end, left.id, left.next = right.end, c.merged, right.next
		right.start = right.end
		if left.next >= 0 {
			s[left.next].prev = i
			w.consider(r, text, i)
		}
		if left.prev >= 0 {
			w.consider(r, text, left.prev)
		}
	}
	n := 0
	for i := int32(0); i >= 0; n++ {
		next := s[i].next
		s[n] = s[i]
		i = next
	}
	return s[:n]
}

// consider puts a symbol and its right neighbour on the heap if they merge.
func (w *work) consider(r ranker, text string, left int32) {
	a := w.symbols[left]
	b := w.symbols[a.next]
	if rank, merged := r.rank(text, a, b); rank != never {
		w.heap.push(candidate{order: uint64(rank)<<32 | uint64(left), size: b.end - a.start, merged: merged})
	}
}

// candidate is a merge that was possible when it was put on the heap.
type candidate struct {
	order  uint64 // rank<<32 | index of the left symbol
	size   int32  // of both symbols
	merged int32
}

// heap has the candidate of the least order first. Each has four below it, which
// share a cache line: half the levels of a binary heap.
type heap []candidate

func (h *heap) push(c candidate) {
	s := append(*h, c)
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 4
		if c.order >= s[up].order {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = c
	*h = s
}

func (h *heap) pop() candidate {
	s := *h
	top, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	for i := 0; len(s) > 0; {
		least, order := -1, last.order
		for k := 4*i + 1; k < min(4*i+5, len(s)); k++ {
			if s[k].order < order {
				least, order = k, s[k].order
			}
		}
		if least < 0 {
			s[i] = last
			break
		}
		s[i] = s[least]
		i = least
	}
	return top
}
