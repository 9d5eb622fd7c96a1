package placement

import (
	"cmp"
	"slices"
)

// RoundRobin gives the experts of each layer to the devices in turn, as files are
// striped; a device that is full is passed over.
func RoundRobin(p *Problem) (Assignment, error) {
	next := 0
	return deal(p, nil, func(r *room, e int32) int {
		for k := range p.Devices {
			if d := (next + k) % len(p.Devices); r.fits(e, int32(d)) {
				next = d + 1
				return d
			}
		}
		return -1
	})
}

// Random gives each expert to any device that has room.
func Random(p *Problem, seed uint64) (Assignment, error) {
	rng := newRandom(seed)
	return deal(p, nil, func(r *room, e int32) int {
		var open []int
		for d := range p.Devices {
			if r.fits(e, int32(d)) {
				open = append(open, d)
			}
		}
		if len(open) == 0 {
			return -1
		}
		return open[rng.IntN(len(open))]
	})
}

// Frequency balances how much each device is used and looks at nothing else: the
// most used expert of a layer goes to the device that would be done with its
// share of the layer soonest.
func Frequency(p *Problem) (Assignment, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	m := newMeter(p)
	uses := m.uses()
	order := make([]int32, len(m.size))
	for e := range order {
		order[e] = int32(e)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(m.layer[a], m.layer[b]), cmp.Compare(uses[b], uses[a]))
	})
	busy := make([][]int64, len(p.Layers))
	for l := range busy {
		busy[l] = make([]int64, len(p.Devices))
	}
	return deal(p, order, func(r *room, e int32) int {
		best, least, done := -1, int64(0), busy[m.layer[e]]
		for d := range p.Devices {
			cost := m.serve[e][d]
			if !p.Moving {
				cost += m.net.trip(m.net.home, m.net.host[d])
			}
			at := done[d] + uses[e]*cost
			if r.fits(e, int32(d)) && (best < 0 || at < least || at == least && r.left[d] > r.left[best]) {
				best, least = d, at
			}
		}
		if best >= 0 {
			done[best] = least
		}
		return best
	})
}

// ByLayers gives whole layers to one device after the other, as engines do that
// split a model by layers. What fits nowhere as a whole fills what is left.
func ByLayers(p *Problem) (Assignment, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	at, m := 0, newMeter(p)
	return deal(p, nil, func(r *room, e int32) int {
		l := m.layer[e]
		for k := range p.Devices {
			d := (at + k) % len(p.Devices)
			if e == int32(m.base[l]) && r.fitsLayer(int(l), int32(d)) {
				at = d
				return d
			}
		}
		for k := range p.Devices {
			if d := (at + k) % len(p.Devices); r.fits(e, int32(d)) {
				at = d
				return d
			}
		}
		return -1
	})
}

// deal places experts in an order, nil for their own, where pick says; -1 says
// that no device has room, and all is placed anew the largest first.
func deal(p *Problem, order []int32, pick func(*room, int32) int) (Assignment, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	m := newMeter(p)
	r, copies := newRoom(p, m), make([][]int32, len(m.size))
	for k := range copies {
		e := int32(k)
		if order != nil {
			e = order[k]
		}
		d := pick(r, e)
		if d < 0 {
			tight, err := firstFit(p, m)
			if err != nil {
				return nil, err
			}
			return unflatten(p, tight), nil
		}
		r.put(e, int32(d))
		copies[e] = []int32{int32(d)}
	}
	return unflatten(p, copies), nil
}
