package policy

import "container/heap"

// Belady serves the steps from a cache that starts empty and whose victims are
// those wanted again farthest in the future: the bound of every Policy of the
// same Cache, to within the differences of the experts' sizes.
func Belady(steps []Step, s Shape, c Cache) (Result, error) {
	if err := check(steps, s, c); err != nil {
		return Result{}, err
	}
	r := newReplayer(steps, s, c)
	b := &byFuture{replayer: r, nexts: nextUses(steps, s), queues: make([]uses, len(r.pools))}
	b.due = make([]int32, s.Layers*s.Experts)
	r.chooser = b
	return r.run(), nil
}

// nextUses is, for each step and each of its experts, the step that wants the
// expert next, len(steps) if none does.
func nextUses(steps []Step, s Shape) [][]int32 {
	seen := make([]int32, s.Layers*s.Experts)
	for i := range seen {
		seen[i] = int32(len(steps))
	}
	nexts := make([][]int32, len(steps))
	for i := len(steps) - 1; i >= 0; i-- {
		nexts[i] = make([]int32, len(steps[i].Experts))
		for j, e := range steps[i].Experts {
			cell := steps[i].Layer*s.Experts + int(e)
			nexts[i][j] = seen[cell]
			seen[cell] = int32(i)
		}
	}
	return nexts
}

// byFuture evicts what is wanted last. A heap per pool holds an entry for every
// touch; the stale ones are dropped as they come up.
type byFuture struct {
	*replayer
	nexts  [][]int32
	due    []int32 // [cell]: the next step that wants it
	queues []uses
	kept   []use
}

func (b *byFuture) serve(i int) {
	at := 0
	if b.cache.PerLayer {
		at = b.steps[i].Layer
	}
	for j, e := range b.steps[i].Experts {
		cell := b.cell(b.steps[i].Layer, e)
		b.due[cell] = b.nexts[i][j]
		heap.Push(&b.queues[at], use{due: b.nexts[i][j], touched: b.touched[cell], cell: cell})
	}
}

func (b *byFuture) victim(_, at int) (int32, bool) {
	q := &b.queues[at]
	victim := int32(-1)
	for q.Len() > 0 && victim < 0 {
		u := heap.Pop(q).(use)
		switch {
		case b.touched[u.cell] != u.touched: // touched again since
		case u.touched > b.batch: // of the batch at hand
			b.kept = append(b.kept, u)
		case b.place[u.cell] >= 0:
			victim = u.cell
		}
	}
	for _, u := range b.kept {
		heap.Push(q, u)
	}
	b.kept = b.kept[:0]
	return victim, victim >= 0
}

// use is when an expert is wanted next.
type use struct {
	due     int32
	cell    int32
	touched int64
}

// uses is a heap, the farthest on top, the least recently touched among equals.
type uses []use

func (u uses) Len() int      { return len(u) }
func (u uses) Swap(i, j int) { u[i], u[j] = u[j], u[i] }
func (u uses) Less(i, j int) bool {
	if u[i].due != u[j].due {
		return u[i].due > u[j].due
	}
	return u[i].touched < u[j].touched
}
func (u *uses) Push(x any) { *u = append(*u, x.(use)) }
func (u *uses) Pop() any {
	old := *u
	x := old[len(old)-1]
	*u = old[:len(old)-1]
	return x
}
