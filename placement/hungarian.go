package placement

import "math"

// hungarian solves the same problem as newCycles(...).run by shortest augmenting
// paths over single places (Jonker and Volgenant 1987), which is quicker where
// there are many bins of few places.
func hungarian(cost [][]int64, quota []int, at []int32) {
	var bin []int32 // [place]
	for b, q := range quota {
		for range min(q, len(at)) {
			bin = append(bin, int32(b))
		}
	}
	h := &augmenter{cost: cost, bin: bin,
		rows: make([]int64, len(at)+1), cols: make([]int64, len(bin)+1),
		owner: make([]int, len(bin)+1), way: make([]int, len(bin)+1),
		slack: make([]int64, len(bin)+1), done: make([]bool, len(bin)+1)}
	for i := range at {
		h.insert(i + 1)
	}
	for place, i := range h.owner[1:] {
		if i > 0 {
			at[i-1] = bin[place]
		}
	}
}

// augmenter holds dual prices of items and places, both counted from 1; 0 is the
// item or the place that none is.
type augmenter struct {
	cost  [][]int64
	bin   []int32
	rows  []int64
	cols  []int64
	owner []int // [place] item
	way   []int
	slack []int64
	done  []bool
}

func (h *augmenter) insert(item int) {
	for j := range h.slack {
		h.slack[j], h.done[j] = math.MaxInt64, false
	}
	h.owner[0] = item
	place := 0
	for h.owner[place] != 0 {
		place = h.advance(place)
	}
	for place != 0 {
		before := h.way[place]
		h.owner[place] = h.owner[before]
		place = before
	}
}

// advance takes a place into the tree and gives the next nearest.
func (h *augmenter) advance(place int) int {
	h.done[place] = true
	i, nearest, delta := h.owner[place], 0, int64(math.MaxInt64)
	for j := 1; j < len(h.slack); j++ {
		if h.done[j] {
			continue
		}
		if c := h.cost[i-1][h.bin[j-1]] - h.rows[i] - h.cols[j]; c < h.slack[j] {
			h.slack[j], h.way[j] = c, place
		}
		if h.slack[j] < delta {
			delta, nearest = h.slack[j], j
		}
	}
	for j := range h.slack {
		if h.done[j] {
			h.rows[h.owner[j]] += delta
			h.cols[j] -= delta
		} else {
			h.slack[j] -= delta
		}
	}
	return nearest
}
