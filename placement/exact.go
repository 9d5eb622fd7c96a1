package placement

import (
	"cmp"
	"slices"
)

// exact is a branch and bound over all plans, for small problems: experts one
// after another, the most used first, on each set of devices. A plan that is not
// whole yet costs at least what its experts cost without the others.
type exact struct {
	s      *search
	truth  *meter // prices whole plans; the search may price a relaxation
	order  []int32
	same   []int32 // [device] the first device that it could be exchanged with
	held   []int   // [device] copies
	nodes  int
	best   [][]int32
	value  int64
	proven bool
}

// solveExact improves on a plan, which may be nil, and tells whether the result
// was proven to be the best within so many nodes.
func solveExact(p *Problem, f *fee, known [][]int32, nodes int) (best [][]int32, value int64, proven bool) {
	truth := newMeter(p)
	x := &exact{truth: truth, nodes: nodes, held: make([]int, len(p.Devices)), proven: true, value: -1}
	relaxed := *p
	if p.Moving {
		// Where a token goes from depends on the layers before, so only the
		// devices' times are sure.
		relaxed.Moving, relaxed.Links, relaxed.Remote = false, nil, Link{}
	}
	m := newMeter(&relaxed)
	x.s = newSearch(m, make([][]int32, len(m.size)), f, 0, 0)
	if known != nil {
		x.best, x.value = slices.Clone(known), x.price(known)
	}
	x.order = make([]int32, len(m.size))
	uses := m.uses()
	for e := range x.order {
		x.order[e] = int32(e)
	}
	slices.SortStableFunc(x.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(uses[b], uses[a]), cmp.Compare(m.size[b], m.size[a]))
	})
	x.same = alike(p, truth.net)
	if f.old != nil {
		for d := range x.same {
			x.same[d] = int32(d)
		}
	}
	x.branch(0)
	return x.best, x.value, x.proven
}

// price is the true cost of a whole plan.
func (x *exact) price(copies [][]int32) int64 {
	total := newLedger(x.truth, copies).total
	for e := range copies {
		total += x.s.fee.of(int32(e), copies[e])
	}
	return total
}

func (x *exact) branch(depth int) {
	if x.nodes <= 0 {
		x.proven = false
		return
	}
	x.nodes--
	if x.value >= 0 && x.s.value() >= x.value {
		return
	}
	if depth == len(x.order) {
		value := x.s.value()
		if x.truth.p.Moving {
			value = x.price(x.s.g.copies)
		}
		if x.value < 0 || value < x.value {
			x.best, x.value = slices.Clone(x.s.g.copies), value
		}
		return
	}
	x.choose(depth, nil, 0)
}

// choose extends the set of devices of one expert, then goes on to the next.
func (x *exact) choose(depth int, set []int32, from int) {
	e := x.order[depth]
	if len(set) > 0 {
		at := len(x.s.log)
		x.s.set(e, slices.Clone(set))
		x.s.g.reprice(e)
		x.branch(depth + 1)
		x.s.back(at)
	}
	if len(set) == x.truth.p.copies() {
		return
	}
	for d := from; d < len(x.held); d++ {
		if !x.s.room.fits(e, int32(d)) || x.twin(d) {
			continue
		}
		x.held[d]++
		x.choose(depth, append(set, int32(d)), d+1)
		x.held[d]--
	}
}

// twin says that an empty device need not be tried, since an earlier one that is
// alike is empty too.
func (x *exact) twin(d int) bool {
	if x.held[d] > 0 {
		return false
	}
	for a := int(x.same[d]); a < d; a++ {
		if x.same[a] == x.same[d] && x.held[a] == 0 {
			return true
		}
	}
	return false
}

// alike is, for each device, the first with which it could trade all its
// experts and nothing would change: same figures, and on the same host or, both
// alone on theirs, linked alike to all others.
func alike(p *Problem, n *network) []int32 {
	alone := make([]int, n.hosts)
	for _, h := range n.host {
		alone[h]++
	}
	out := make([]int32, len(p.Devices))
	for b := range out {
		out[b] = int32(b)
		for a := range b {
			if int(out[a]) == a && sameFigures(&p.Devices[a], &p.Devices[b]) && n.interchangeable(n.host[a], n.host[b], alone) {
				out[b] = int32(a)
				break
			}
		}
	}
	return out
}

func sameFigures(a, b *Device) bool {
	return a.Capacity == b.Capacity && a.PerLayer == b.PerLayer && a.Rate == b.Rate && a.Latency == b.Latency
}

func (n *network) interchangeable(a, b int32, devices []int) bool {
	if a == b {
		return true
	}
	if devices[a] != 1 || devices[b] != 1 || a == n.home || b == n.home {
		return false
	}
	for c := range int32(n.hosts) {
		if c != a && c != b && (n.links[a][c] != n.links[b][c] || n.backs[a][c] != n.backs[b][c] || n.each[a][c] != n.each[b][c]) {
			return false
		}
	}
	return true
}
