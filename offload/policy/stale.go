package policy

// stale is Least-Stale (SpecMD, arXiv 2602.03921) as it reads here: what its
// layer's last visit did not want is left over from an earlier token and goes
// before what it did want. Within either class the layer whose turn is farthest
// gives, which for a cycle of layers is the one just served: the order that
// never falls off the cliff of the token cycle.
type stale struct {
	shape  Shape
	visits []int64 // [layer]
	last   []int64 // [layer*Experts+expert]: visits of the layer at the last use
}

func newStale(s Shape) *stale {
	return &stale{shape: s, visits: make([]int64, s.Layers), last: make([]int64, s.Layers*s.Experts)}
}

func (s *stale) Visit(v *Visit) {
	if !s.shape.holds(v.Layer, 0) {
		return
	}
	s.visits[v.Layer]++
	for _, e := range v.Experts {
		if s.shape.holds(v.Layer, int(e)) {
			s.last[v.Layer*s.shape.Experts+int(e)] = s.visits[v.Layer]
		}
	}
}

// Foresee does nothing: this policy does not predict.
func (*stale) Foresee(int, []int32, []float32) {}

func (s *stale) Distance(now, layer, expert int) float32 {
	if !s.shape.holds(layer, expert) {
		return never
	}
	d := s.shape.ahead(now, layer)
	if s.last[layer*s.shape.Experts+expert] != s.visits[layer] {
		d += s.shape.Layers
	}
	return float32(d)
}
