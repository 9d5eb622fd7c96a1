package placement

import (
	"slices"
	"time"
)

// meter prices what a token does in one layer. It has scratch of its own, so
// one goroutine uses it at a time.
type meter struct {
	p     *Problem
	base  []int     // number of a layer's first expert, counted through all layers
	size  []int64   // [expert]
	layer []int32   // [expert]
	serve [][]int64 // [expert][device] nanoseconds; experts of one size share a row
	net   *network

	picks []int32 // [choice] device that serves
	order []int32 // [choice] expert
	best  []int32 // [choice] device, of the best way
	turn  []int   // [choice] which of its copies

	busy     []int64 // [device]
	count    []int32 // [device]
	touched  []int32
	hostBusy []int64 // [host]
	answers  []int64 // [host]
	visited  []int32
}

// visit is what a layer cost a token.
type visit struct {
	cost     int64 // nanoseconds
	to       int32 // host where the token goes on
	messages int32 // requests to other hosts
}

// mostWays bounds in how many ways the copies of a token's experts are tried;
// with more, each takes the copy that is ready first.
const mostWays = 1 << 10

func newMeter(p *Problem) *meter {
	m := &meter{p: p, net: newNetwork(p), base: make([]int, len(p.Layers)+1)}
	rows := map[int64][]int64{}
	for l, sizes := range p.Layers {
		m.base[l+1] = m.base[l] + len(sizes)
		for _, b := range sizes {
			row, ok := rows[b]
			if !ok {
				row = make([]int64, len(p.Devices))
				for d := range p.Devices {
					row[d] = int64(p.Devices[d].serves(b))
				}
				rows[b] = row
			}
			m.size = append(m.size, b)
			m.layer = append(m.layer, int32(l))
			m.serve = append(m.serve, row)
		}
	}
	m.busy, m.count = make([]int64, len(p.Devices)), make([]int32, len(p.Devices))
	m.hostBusy, m.answers = make([]int64, m.net.hosts), make([]int64, m.net.hosts)
	return m
}

// visit prices the choices of a token in layer l, coming from a host, and leaves
// in picks which devices serve them. Experts without a copy, of plans that are
// not whole yet, are left out.
func (m *meter) visit(l int, chosen []int32, copies [][]int32, from int32) visit {
	v := m.serveLayer(l, chosen, copies, from)
	if l == len(m.p.Layers)-1 && v.to != m.net.home { // its logits are wanted there
		v.cost += m.net.request(v.to, m.net.home)
		v.to = m.net.home
	}
	return v
}

func (m *meter) serveLayer(l int, chosen []int32, copies [][]int32, from int32) visit {
	m.order, m.picks, m.turn = m.order[:0], m.picks[:0], m.turn[:0]
	ways := 1
	for _, c := range chosen {
		if c < 0 {
			continue
		}
		e := int32(m.base[l]) + c
		if n := len(copies[e]); n > 0 {
			m.order = append(m.order, e)
			m.picks = append(m.picks, copies[e][0])
			m.turn = append(m.turn, 0)
			ways = min(ways*n, mostWays+1)
		}
	}
	switch {
	case len(m.order) == 0:
		return visit{to: from}
	case m.p.Moving && m.whole(l, copies) >= 0:
		return m.move(from, m.whole(l, copies), copies)
	case ways == 1:
		return m.price(from)
	case ways > mostWays:
		m.soonest(copies, from)
		return m.price(from)
	}
	best := m.price(from)
	m.best = append(m.best[:0], m.picks...)
	for m.step(copies) {
		if v := m.price(from); v.cost < best.cost {
			best = v
			copy(m.best, m.picks)
		}
	}
	copy(m.picks, m.best)
	return best
}

// step goes to the next way to serve the choices, false after the last.
func (m *meter) step(copies [][]int32) bool {
	for k, e := range m.order {
		m.turn[k]++
		if m.turn[k] < len(copies[e]) {
			m.picks[k] = copies[e][m.turn[k]]
			return true
		}
		m.turn[k], m.picks[k] = 0, copies[e][0]
	}
	return false
}

// soonest picks copies one expert after another, those without a choice first.
func (m *meter) soonest(copies [][]int32, from int32) {
	for k, e := range m.order {
		if len(copies[e]) == 1 {
			m.busy[m.picks[k]] += m.serve[e][m.picks[k]]
		}
	}
	for k, e := range m.order {
		if len(copies[e]) == 1 {
			continue
		}
		least := int64(-1)
		for _, d := range copies[e] {
			at := m.busy[d] + m.serve[e][d] + m.net.trip(from, m.net.host[d])
			if least < 0 || at < least {
				least, m.picks[k] = at, d
			}
		}
		m.busy[m.picks[k]] += m.serve[e][m.picks[k]]
	}
	for _, d := range m.picks {
		m.busy[d] = 0
	}
}

// price is the time until the slowest host has answered, with the picks made.
func (m *meter) price(from int32) visit {
	m.gather()
	v := visit{to: m.net.home}
	v.cost = m.until(v.to, v.to)
	for _, h := range m.visited {
		if h != v.to {
			v.messages++
		}
	}
	way, messages := m.way(from, v.to)
	v.cost, v.messages = v.cost+way, v.messages+messages
	m.clear()
	return v
}

// whole is the host that has all experts of a layer, for a token to go to, or -1:
// where home has them all, or any of them is there alone, the token is at home.
func (m *meter) whole(l int, copies [][]int32) int32 {
	host := int32(-1)
	for e := m.base[l]; e < m.base[l+1]; e++ {
		if len(copies[e]) != 1 {
			return m.wholeOfCopies(l, copies)
		}
		h := m.net.host[copies[e][0]]
		if h == m.net.home || host >= 0 && h != host {
			return -1
		}
		host = h
	}
	return host
}

// wholeOfCopies is whole where experts have several copies: the first host that has
// one of each, home not among them.
func (m *meter) wholeOfCopies(l int, copies [][]int32) int32 {
	has := func(e int, h int32) bool {
		return slices.ContainsFunc(copies[e], func(d int32) bool { return m.net.host[d] == h })
	}
	for h := range int32(m.net.hosts) {
		all := h != m.net.home
		for e := m.base[l]; all && e < m.base[l+1]; e++ {
			all = has(e, h) && !has(e, m.net.home)
		}
		if all {
			return h
		}
	}
	return -1
}

// move is a token's layer on a host that has all of it: each expert is served by its
// copy there.
func (m *meter) move(from, to int32, copies [][]int32) visit {
	for k, e := range m.order {
		for _, d := range copies[e] {
			if m.net.host[d] == to {
				m.picks[k] = d
				break
			}
		}
	}
	m.gather()
	v := visit{to: to, cost: m.hostBusy[to]}
	way, messages := m.way(from, to)
	v.cost, v.messages = v.cost+way, messages
	m.clear()
	return v
}

// clear empties what gather has summed.
func (m *meter) clear() {
	for _, d := range m.touched {
		m.busy[d], m.count[d] = 0, 0
	}
	for _, h := range m.visited {
		m.hostBusy[h], m.answers[h] = 0, 0
	}
}

// way is how long a token is under way from a host to another, by way of home, and
// how many requests that takes: coming home is an answer.
func (m *meter) way(from, to int32) (time int64, messages int32) {
	if from == to {
		return 0, 0
	}
	if from != m.net.home {
		time += m.net.request(from, m.net.home)
	}
	if to != m.net.home {
		time += m.net.request(m.net.home, to)
		messages++
	}
	return time, messages
}

// gather sums the picks by device and by host.
func (m *meter) gather() {
	m.touched, m.visited = m.touched[:0], m.visited[:0]
	for k, d := range m.picks {
		if m.count[d] == 0 {
			m.touched = append(m.touched, d)
		}
		m.count[d]++
		m.busy[d] += m.serve[m.order[k]][d]
	}
	for _, d := range m.touched {
		h := m.net.host[d]
		if m.answers[h] == 0 {
			m.visited = append(m.visited, h)
		}
		m.answers[h] += int64(m.count[d])
		m.hostBusy[h] = max(m.hostBusy[h], m.busy[d])
	}
}

// until is when host to has all answers to requests of host from.
func (m *meter) until(from, to int32) int64 {
	last := int64(0)
	for _, h := range m.visited {
		at := m.hostBusy[h]
		if h != from {
			at += m.net.request(from, h)
		}
		if h != to {
			at += m.net.answer(h, to, m.answers[h])
		}
		last = max(last, at)
	}
	return last
}

// duration is an average over tokens.
func duration(total int64, tokens int) time.Duration {
	if tokens == 0 {
		return 0
	}
	return time.Duration(total / int64(tokens))
}
