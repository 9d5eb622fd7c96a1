package policy

// frequency is LFU: the expert that the fewest visits wanted goes first. It
// never forgets, so that a change of subject hurts it for long.
type frequency struct {
	shape  Shape
	visits []int64 // [layer]
	cycles int64   // visits of the layer that has most
	uses   []int64 // [layer*Experts+expert]: visits that wanted it
}

func newFrequency(s Shape) *frequency {
	return &frequency{shape: s, visits: make([]int64, s.Layers), uses: make([]int64, s.Layers*s.Experts)}
}

func (f *frequency) Visit(v *Visit) {
	if !f.shape.holds(v.Layer, 0) {
		return
	}
	f.visits[v.Layer]++
	f.cycles = max(f.cycles, f.visits[v.Layer])
	for _, e := range v.Experts {
		if f.shape.holds(v.Layer, int(e)) {
			f.uses[v.Layer*f.shape.Experts+int(e)]++
		}
	}
}

// Foresee does nothing: this policy does not predict.
func (*frequency) Foresee(int, []int32, []float32) {}

func (f *frequency) Distance(_, layer, expert int) float32 {
	if !f.shape.holds(layer, expert) {
		return never
	}
	return float32(f.shape.Layers) * float32(f.cycles) / max(0.5, float32(f.uses[layer*f.shape.Experts+expert]))
}
