package placement

import (
	"math/rand/v2"
	"slices"
)

// search changes a plan while that lowers the true cost: what the recorded
// tokens take, and the fee for copies that are not where they were.
type search struct {
	p      *Problem
	m      *meter
	g      *ledger
	room   *room
	rng    *rand.Rand
	fee    *fee
	steps  int // visits that may be priced
	single [][]int32
	fees   int64
	log    []change
}

// change is what undoes one: the copies an expert had.
type change struct {
	expert int32
	copies []int32
	mark   int
	fees   int64
}

func newSearch(m *meter, copies [][]int32, f *fee, seed uint64, steps int) *search {
	s := &search{p: m.p, m: m, fee: f, rng: newRandom(seed), steps: steps, single: make([][]int32, len(m.p.Devices))}
	for d := range s.single {
		s.single[d] = []int32{int32(d)}
	}
	s.g, s.room = newLedger(m, slices.Clone(copies)), roomOf(m.p, m, copies)
	for e := range copies {
		s.fees += f.of(int32(e), copies[e])
	}
	return s
}

// value is what is made small.
func (s *search) value() int64 { return s.g.total + s.fees }

func (s *search) spent() bool { return s.g.steps >= s.steps }

// set gives an expert other copies; rows are never written to once they are set.
func (s *search) set(e int32, copies []int32) {
	s.log = append(s.log, change{e, s.g.copies[e], s.g.mark(), s.fees})
	for _, d := range s.g.copies[e] {
		s.room.take(e, d)
	}
	for _, d := range copies {
		s.room.put(e, d)
	}
	s.fees += s.fee.of(e, copies) - s.fee.of(e, s.g.copies[e])
	s.g.copies[e] = copies
}

// back undoes changes down to a length of the log.
func (s *search) back(to int) {
	for k := len(s.log) - 1; k >= to; k-- {
		c := s.log[k]
		for _, d := range s.g.copies[c.expert] {
			s.room.take(c.expert, d)
		}
		for _, d := range c.copies {
			s.room.put(c.expert, d)
		}
		s.g.copies[c.expert] = c.copies
		s.g.back(c.mark)
		s.fees = c.fees
	}
	s.log = s.log[:to]
}

// keep accepts all changes.
func (s *search) keep() {
	s.log = s.log[:0]
	s.g.keep()
}

// with is the expert's copies with that on one device replaced by another.
func (s *search) with(e, old, new int32) []int32 {
	if len(s.g.copies[e]) == 1 {
		return s.single[new]
	}
	out := slices.Clone(s.g.copies[e])
	out[slices.Index(out, old)] = new
	slices.Sort(out)
	return out
}

// move tries a copy on another device, and tells whether that is better.
func (s *search) move(e, old, new int32) bool {
	if !s.room.fits(e, new) || slices.Contains(s.g.copies[e], new) {
		return false
	}
	at, before := len(s.log), s.value()
	s.set(e, s.with(e, old, new))
	s.g.reprice(e)
	if s.value() < before {
		return true
	}
	s.back(at)
	return false
}

// exchange puts a copy of e in the place of one of f and the other way round. It
// is false, and nothing has changed, where that does not fit.
func (s *search) exchange(e, f, onE, onF int32) bool {
	if onE == onF || slices.Contains(s.g.copies[e], onF) || slices.Contains(s.g.copies[f], onE) {
		return false
	}
	at := len(s.log)
	s.set(e, s.with(e, onE, onF))
	s.set(f, s.with(f, onF, onE))
	a, b := s.m.layer[e], s.m.layer[f]
	if !s.room.ok(a, onF) || !s.room.ok(b, onE) {
		s.back(at)
		return false
	}
	s.g.reprice(e, f)
	return true
}

// swap tries an exchange, and tells whether it is better.
func (s *search) swap(e, f, onE, onF int32) bool {
	at, before := len(s.log), s.value()
	if !s.exchange(e, f, onE, onF) {
		return false
	}
	if s.value() < before {
		return true
	}
	s.back(at)
	return false
}

// improve tries all that can be done with an expert's copies: another device, or
// the place of another expert of its layer.
func (s *search) improve(e int32) bool {
	better := false
	for k := 0; k < len(s.g.copies[e]); k++ {
		for d := range s.single {
			better = s.move(e, s.g.copies[e][k], int32(d)) || better
		}
		l := s.m.layer[e]
		for f := s.m.base[l]; f < s.m.base[l+1] && !s.spent(); f++ {
			if int32(f) == e || len(s.g.users[e])+len(s.g.users[f]) == 0 && s.fees == 0 {
				continue
			}
			for _, d := range s.g.copies[f] {
				if s.swap(e, int32(f), s.g.copies[e][k], d) {
					better = true
					break
				}
			}
		}
	}
	return better
}

// polish improves experts until none can be.
func (s *search) polish(experts []int32) {
	for again := true; again && !s.spent(); {
		again = false
		for _, e := range experts {
			if s.spent() {
				return
			}
			again = s.improve(e) || again
		}
	}
}

// run polishes, then disturbs and polishes what was disturbed while steps last;
// what is no better is taken back. The best plan is in g.copies after.
func (s *search) run() {
	all := make([]int32, len(s.m.size))
	for e := range all {
		all[e] = int32(e)
	}
	s.polish(all)
	s.keep()
	for idle := 0; !s.spent() && idle < 200+20*len(all); idle++ {
		before := s.value()
		s.polish(s.disturb())
		s.g.steps++ // a try that priced nothing counts too, so that this ends
		if s.value() > before {
			s.back(0)
		}
		if s.value() < before {
			idle = 0
		}
		s.keep()
	}
}

// disturb makes a few exchanges whatever they cost, within a layer or between
// layers, and tells of which experts.
func (s *search) disturb() []int32 {
	var touched []int32
	n := len(s.m.size)
	for range 1 + s.rng.IntN(3) {
		e := int32(s.rng.IntN(n))
		f := int32(s.rng.IntN(n))
		if l := s.m.layer[e]; s.rng.IntN(2) == 0 {
			f = int32(s.m.base[l] + s.rng.IntN(s.m.base[l+1]-s.m.base[l]))
		}
		if e == f {
			continue
		}
		onE, onF := s.g.copies[e], s.g.copies[f]
		if s.exchange(e, f, onE[s.rng.IntN(len(onE))], onF[s.rng.IntN(len(onF))]) {
			touched = append(touched, e, f)
		}
	}
	return touched
}
