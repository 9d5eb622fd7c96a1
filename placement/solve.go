package placement

import (
	"cmp"
	"slices"
	"time"
)

// Goal is what a plan is made for.
type Goal string

const (
	Time Goal = ""     // least expected time per token
	Hops Goal = "hops" // most pairs of adjacent layers on one device, as ExFlow; no replicas, and experts spread by capacity
)

// Options bound the work, in steps and not in seconds, so that the same problem
// gives the same plan everywhere. The zero value is right.
type Options struct {
	Goal   Goal
	Seed   uint64
	Effort float64 // 0: 1; twice as much searches about twice as long

	// From is the plan that is running. Where several are as good the one
	// nearest to it is chosen, and MoveCost, where it is set, is what each GiB
	// that must be copied adds to the expected time of a token.
	From     Assignment
	MoveCost time.Duration
}

// Plan is an assignment, what it costs and how much better one could be.
type Plan struct {
	Assignment Assignment `json:"assignment"`
	Cost       Cost       `json:"cost"`
	Moved      int64      `json:"moved"`   // bytes to copy, from Options.From
	Optimal    bool       `json:"optimal"` // proven to be the best there is
	Bound      Bound      `json:"bound"`   // on what was made small or large
	Gap        float64    `json:"gap"`     // of the plan to the bound, over the bound
}

// work per unit of effort, about ten seconds of one core at 24 layers × 64
// experts.
const (
	layerSteps = 8_000
	visitSteps = 20_000_000
	nodes      = 1_000_000
	exactSize  = 12 // experts up to which all plans are looked at first
)

// Solve plans. It uses one goroutine.
func Solve(p *Problem, o Options) (*Plan, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if o.From != nil {
		if err := o.From.Check(p); err != nil {
			return nil, err
		}
	}
	if o.Effort <= 0 {
		o.Effort = 1
	}
	var out *Plan
	var err error
	if o.Goal == Hops {
		out, err = solveHops(p, &o)
	} else {
		out, err = solveTime(p, &o)
	}
	if err != nil {
		return nil, err
	}
	if o.From != nil {
		out.Assignment = nearest(p, out.Assignment, o.From)
		out.Moved = out.Assignment.Moved(p, o.From)
	}
	if out.Cost, err = Evaluate(p, out.Assignment); err != nil {
		return nil, err
	}
	out.bound(p, &o)
	return out, nil
}

func solveHops(p *Problem, o *Options) (*Plan, error) {
	quota, err := quotas(p, shares(p, byRoom(p)))
	if err != nil {
		return nil, err
	}
	a := &alternation{q: locality(newMeter(p), quota), rng: newRandom(o.Seed), steps: int(layerSteps * o.Effort)}
	at := a.run()
	copies := make([][]int32, len(at))
	for e, d := range at {
		copies[e] = []int32{d}
	}
	return &Plan{Assignment: unflatten(p, copies)}, nil
}

func solveTime(p *Problem, o *Options) (*Plan, error) {
	m := newMeter(p)
	f := newFee(m, o.From, o.MoveCost)
	plans := starts(p, m, o)
	if len(m.size) <= exactSize {
		var known [][]int32
		if len(plans) > 0 {
			known = refine(p, f, plans, o, nodes/20)
		}
		best, _, proven := solveExact(p, f, known, int(nodes*o.Effort))
		if best == nil {
			return nil, ErrNoRoom
		}
		return &Plan{Assignment: unflatten(p, best), Optimal: proven}, nil
	}
	if len(plans) == 0 {
		return nil, ErrNoRoom
	}
	return &Plan{Assignment: unflatten(p, refine(p, f, plans, o, visitSteps))}, nil
}

// starts is plans of different kinds, of which the search takes the best.
func starts(p *Problem, m *meter, o *Options) [][][]int32 {
	var out [][][]int32
	add := func(a Assignment, err error) {
		if err == nil && a.Check(p) == nil {
			out = append(out, flatten(a))
		}
	}
	if o.From != nil {
		add(o.From, nil)
	}
	add(RoundRobin(p))
	add(Frequency(p))
	add(ByLayers(p))
	steps := int(layerSteps * o.Effort / 8)
	for _, wants := range [][]float64{bySpeed(p), byRoom(p)} {
		quota, err := quotas(p, shares(p, wants))
		if err != nil {
			continue
		}
		a := &alternation{q: expectation(m, quota), rng: newRandom(o.Seed), steps: steps}
		for _, at := range [][]int32{a.run(), staged(p, quota, o.Seed, steps)} {
			copies := make([][]int32, len(at))
			for e, d := range at {
				copies[e] = []int32{d}
			}
			add(unflatten(p, copies), nil)
		}
	}
	return out
}

// refine searches from the best three plans, then goes on with the best of what
// came of them.
func refine(p *Problem, f *fee, plans [][][]int32, o *Options, steps int) [][]int32 {
	budget := int(float64(steps) * o.Effort)
	searches := make([]*search, 0, len(plans))
	for _, copies := range plans {
		searches = append(searches, newSearch(newMeter(p), copies, f, o.Seed, budget/8))
	}
	byValue := func(a, b *search) int { return cmp.Compare(a.value(), b.value()) }
	slices.SortStableFunc(searches, byValue)
	searches = searches[:min(3, len(searches))]
	for _, s := range searches {
		s.replicate()
		s.run()
	}
	slices.SortStableFunc(searches, byValue)
	best := searches[0]
	best.steps = best.g.steps + budget/2
	best.replicate()
	best.run()
	return best.g.copies
}
