package budget

// Stress is how short memory is.
type Stress int

const (
	Calm Stress = iota
	Some        // tasks wait for memory now and then
	High        // everything waits for it, or something was killed
)

func (s Stress) String() string { return [...]string{"calm", "some", "high"}[s] }

// Meter makes Stress of Readings. It is pure: no clock, no files. It rises at
// once and falls by one level when calmLooks Readings on end were well below
// what made it rise. The zero Meter is calm.
//
// Thresholds are in percent of time. That of some stalls is below that of the
// kernel's trigger (15 %), which only hurries the look.
type Meter struct {
	last  Reading
	began bool
	level Stress
	below int // Readings on end that would not keep the level
}

const (
	someStalls = 10.0 // of Some
	fullStalls = 10.0 // of Full
	calmLooks  = 10
)

// Step takes a Reading, one a second or so.
func (m *Meter) Step(r Reading) Stress {
	killed := m.began && r.Kills > m.last.Kills
	met := m.began && r.Hits > m.last.Hits && r.Tight
	m.last, m.began = r, true

	level := func(scale float64) Stress {
		switch {
		case killed || r.Full >= fullStalls*scale:
			return High
		case met || r.Fired || r.Scarce || r.Some >= someStalls*scale:
			return Some
		}
		return Calm
	}
	if up := level(1); up >= m.level {
		m.level, m.below = up, 0
		return m.level
	}
	if level(0.5) >= m.level {
		m.below = 0
		return m.level
	}
	if m.below++; m.below == calmLooks {
		m.level, m.below = m.level-1, 0
	}
	return m.level
}

// Governor decides how much of the budget to use under Stress. It is pure: its
// unit of time is the step, one a second or so.
//
// It shrinks in small steps with rests between them, since what was given back
// takes a while to help, and grows back more slowly. Where growing brought the
// Stress back, it waits twice as long before it grows again.
//
// The zero Governor uses the whole budget.
type Governor struct {
	cut      float64 // of the budget that is not used
	last     Stress
	rest     int // steps before it may shrink again
	calm     int // steps on end without Stress
	patience int // calm steps before it grows; 0 is leastPatience
	grown    bool
}

const (
	someCut, someRest = 0.05, 5
	highCut, highRest = 0.20, 3
	mostCut           = 0.75

	growth        = 0.05
	leastPatience = 30
	mostPatience  = 960
)

// Step takes the Stress of now and returns the share of the budget to use, in
// [1-mostCut, 1].
func (g *Governor) Step(s Stress) (share float64) {
	rise := s > g.last
	g.last = s
	g.rest = max(g.rest-1, 0)
	g.patience = max(g.patience, leastPatience)
	switch {
	case s == Calm:
		g.wait()
	case g.rest == 0 || rise:
		if g.grown {
			g.patience = min(2*g.patience, mostPatience)
		}
		cut, rest := someCut, someRest
		if s == High {
			cut, rest = highCut, highRest
		}
		g.cut = min(g.cut+cut*(1-g.cut), mostCut)
		g.rest, g.calm, g.grown = rest, 0, false
	default:
		g.calm = 0
	}
	return 1 - g.cut
}

// wait counts a calm step and grows after enough of them.
func (g *Governor) wait() {
	g.calm++
	switch {
	case g.calm < g.patience:
	case g.cut > 0:
		g.cut = max(g.cut-growth, 0)
		g.calm, g.grown = 0, true
	default: // calm for long with all in use
		g.patience, g.grown = leastPatience, false
	}
}
