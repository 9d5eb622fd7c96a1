package placement

// Bound is a proven limit: no plan takes less time, or keeps more pairs local.
type Bound struct {
	Value  float64 `json:"value"`  // nanoseconds per token; or the share of pairs that is local
	Method string  `json:"method"` // in words
}

func (b *Plan) bound(p *Problem, o *Options) {
	if o.Goal == Hops {
		b.Bound = BoundLocal(p)
		b.Gap = b.Bound.Value/max(b.Cost.Local, 1e-12) - 1
		return
	}
	b.Bound = BoundTime(p)
	if b.Optimal && o.MoveCost == 0 {
		b.Bound = Bound{float64(b.Cost.Time), "branch and bound"}
	}
	if b.Bound.Value > 0 {
		b.Gap = float64(b.Cost.Time)/b.Bound.Value - 1
	}
}
