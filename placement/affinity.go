package placement

import (
	"cmp"
	"slices"
)

// pair says how often two experts were used by the same token: in adjacent
// layers, or in one. Experts are numbered through all layers.
type pair struct {
	from, to int32
	weight   int64
}

// affinities is, for each layer but the last, the pairs with the next one,
// sorted.
func (m *meter) affinities() [][]pair {
	u := &m.p.Usage
	out := make([][]pair, max(0, len(m.p.Layers)-1))
	for l := range out {
		count := newPairCount(m.base[l], m.base[l+1], m.base[l+1], m.base[l+2])
		for t := range u.tokens {
			for _, a := range u.at(t, l) {
				for _, b := range u.at(t, l+1) {
					if a >= 0 && b >= 0 {
						count.add(int(a), int(b))
					}
				}
			}
		}
		out[l] = count.pairs()
	}
	return out
}

// companions is, for each layer, the pairs of its own experts, from < to.
func (m *meter) companions() [][]pair {
	u := &m.p.Usage
	out := make([][]pair, len(m.p.Layers))
	for l := range out {
		count := newPairCount(m.base[l], m.base[l+1], m.base[l], m.base[l+1])
		for t := range u.tokens {
			row := u.at(t, l)
			for k, a := range row {
				for _, b := range row[:k] {
					if a >= 0 && b >= 0 {
						count.add(int(min(a, b)), int(max(a, b)))
					}
				}
			}
		}
		out[l] = count.pairs()
	}
	return out
}

// uses is how often each expert was chosen.
func (m *meter) uses() []int64 {
	u := &m.p.Usage
	out := make([]int64, len(m.size))
	for t := range u.tokens {
		for l := range u.layers {
			for _, c := range u.at(t, l) {
				if c >= 0 {
					out[m.base[l]+int(c)]++
				}
			}
		}
	}
	return out
}

// pairCount counts pairs of two ranges of experts: in a table where that is
// small, else in a map.
type pairCount struct {
	from, to, width int
	table           []int64
	sparse          map[[2]int]int64
}

const denseCells = 1 << 20

func newPairCount(from, fromEnd, to, toEnd int) *pairCount {
	c := &pairCount{from: from, to: to, width: toEnd - to}
	if cells := (fromEnd - from) * c.width; cells <= denseCells {
		c.table = make([]int64, cells)
	} else {
		c.sparse = map[[2]int]int64{}
	}
	return c
}

func (c *pairCount) add(a, b int) {
	if c.table != nil {
		c.table[a*c.width+b]++
		return
	}
	c.sparse[[2]int{a, b}]++
}

func (c *pairCount) pairs() []pair {
	var out []pair
	for i, w := range c.table {
		if w > 0 {
			out = append(out, pair{int32(c.from + i/c.width), int32(c.to + i%c.width), w})
		}
	}
	for ab, w := range c.sparse {
		out = append(out, pair{int32(c.from + ab[0]), int32(c.to + ab[1]), w})
	}
	slices.SortFunc(out, func(x, y pair) int {
		return cmp.Or(cmp.Compare(x.from, y.from), cmp.Compare(x.to, y.to))
	})
	return out
}
