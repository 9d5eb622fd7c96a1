package placement

import (
	"container/heap"
	"slices"
)

// replicate fills spare room with further copies, each time the one that saves
// most for its bytes. Savings are looked up again before they are used, not
// after every copy.
func (s *search) replicate() {
	if s.p.copies() < 2 {
		return
	}
	var q offers
	for e := range s.m.size {
		for d := range s.single {
			if o := s.offer(int32(e), int32(d)); o.saving > 0 {
				q = append(q, o)
			}
			if s.spent() {
				break
			}
		}
	}
	heap.Init(&q)
	for len(q) > 0 {
		now := s.offer(q[0].expert, q[0].device)
		switch {
		case now.saving <= 0:
			heap.Pop(&q)
		case now.saving < q[0].saving:
			q[0].saving = now.saving
			heap.Fix(&q, 0)
		default:
			heap.Pop(&q)
			s.set(now.expert, s.plus(now.expert, now.device))
			s.g.reprice(now.expert)
			s.keep()
		}
	}
}

// offer is what a copy would save, 0 where there is no room for it.
func (s *search) offer(e, d int32) offer {
	o := offer{expert: e, device: d, bytes: max(1, s.m.size[e])}
	if len(s.g.copies[e]) >= s.p.copies() || slices.Contains(s.g.copies[e], d) || !s.room.fits(e, d) || len(s.g.users[e]) == 0 {
		return o
	}
	at, before := len(s.log), s.value()
	s.set(e, s.plus(e, d))
	s.g.reprice(e)
	o.saving = before - s.value()
	s.back(at)
	return o
}

func (s *search) plus(e, d int32) []int32 {
	out := append(slices.Clone(s.g.copies[e]), d)
	slices.Sort(out)
	return out
}

type offer struct {
	expert, device int32
	saving, bytes  int64
}

// offers is a heap with the largest saving per byte first.
type offers []offer

func (q offers) Len() int      { return len(q) }
func (q offers) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *offers) Push(x any)   { *q = append(*q, x.(offer)) }
func (q offers) Less(i, j int) bool {
	a, b := float64(q[i].saving)/float64(q[i].bytes), float64(q[j].saving)/float64(q[j].bytes)
	if a != b {
		return a > b
	}
	if q[i].expert != q[j].expert {
		return q[i].expert < q[j].expert
	}
	return q[i].device < q[j].device
}

func (q *offers) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
