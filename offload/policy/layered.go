package policy

// layered is LFU with equal shares for the layers: the expert of the lowest
// rank within its own layer goes first, by visits that wanted it and then by
// recency, so that every layer keeps about as many. Between equal ranks the
// layer whose turn is farthest gives.
type layered struct {
	shape Shape
	clock int64
	uses  []int64 // [layer*Experts+expert]
	last  []int64 // [layer*Experts+expert]: clock of the last use
	order []int32 // [layer*Experts+rank]: expert
	rank  []int32 // [layer*Experts+expert]
}

func newLayered(s Shape) *layered {
	n := s.Layers * s.Experts
	l := &layered{shape: s, uses: make([]int64, n), last: make([]int64, n), order: make([]int32, n), rank: make([]int32, n)}
	for i := range n {
		l.order[i] = int32(i % s.Experts)
		l.rank[i] = int32(i % s.Experts)
	}
	return l
}

func (l *layered) Visit(v *Visit) {
	if !l.shape.holds(v.Layer, 0) {
		return
	}
	l.clock++
	at := v.Layer * l.shape.Experts
	for _, e := range v.Experts {
		if l.shape.holds(v.Layer, int(e)) {
			l.uses[at+int(e)]++
			l.last[at+int(e)] = l.clock
		}
	}
	l.sort(at, l.order[at:at+l.shape.Experts])
}

// Foresee does nothing: this policy does not predict.
func (*layered) Foresee(int, []int32, []float32) {}

// sort puts the experts of the layer that begins at cell at in the order of
// their ranks again. Few have moved, and those only a little.
func (l *layered) sort(at int, order []int32) {
	for i := 1; i < len(order); i++ {
		for j := i; j > 0 && l.above(at+int(order[j]), at+int(order[j-1])); j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	for rank, e := range order {
		l.rank[at+int(e)] = int32(rank)
	}
}

func (l *layered) above(a, b int) bool {
	if l.uses[a] != l.uses[b] {
		return l.uses[a] > l.uses[b]
	}
	return l.last[a] > l.last[b]
}

func (l *layered) Distance(now, layer, expert int) float32 {
	if !l.shape.holds(layer, expert) {
		return never
	}
	rank := l.rank[layer*l.shape.Experts+expert]
	return float32(l.shape.ahead(now, layer)) + float32(l.shape.Layers)*float32(rank)
}
