package policy

// recency is LRU: the expert that was wanted longest ago goes first. In a cache
// smaller than the token cycle it hits nothing at all, since an expert goes
// just before its layer comes round again.
type recency struct {
	shape Shape
	clock int64
	last  []int64 // [layer*Experts+expert]: clock of the last use, 0 if never
}

func newRecency(s Shape) *recency {
	return &recency{shape: s, last: make([]int64, s.Layers*s.Experts)}
}

func (r *recency) Visit(v *Visit) {
	r.clock++
	for _, e := range v.Experts {
		if r.shape.holds(v.Layer, int(e)) {
			r.last[v.Layer*r.shape.Experts+int(e)] = r.clock
		}
	}
}

// Foresee does nothing: this policy does not predict.
func (*recency) Foresee(int, []int32, []float32) {}

func (r *recency) Distance(_, layer, expert int) float32 {
	if !r.shape.holds(layer, expert) {
		return never
	}
	return float32(r.clock - r.last[layer*r.shape.Experts+expert])
}
