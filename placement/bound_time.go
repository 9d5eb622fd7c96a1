package placement

import "math"

// BoundTime bounds the expected time of a token from below, in nanoseconds: by
// the greater of two relaxations.
func BoundTime(p *Problem) Bound {
	m := newMeter(p)
	alone := m.alone()
	shared := m.lagrangian(300)
	if shared > alone {
		return Bound{math.Max(0, shared*(1-1e-9)-1), "Lagrangian: capacities and slowest devices by multipliers"}
	}
	return Bound{math.Max(0, alone*(1-1e-9)-1), "each token and layer with all devices for itself"}
}

// trips is the least that a request for one expert and its answer take, to each
// device; nothing where the token may already be there.
func (m *meter) trips() (setup, each []float64) {
	setup, each = make([]float64, len(m.p.Devices)), make([]float64, len(m.p.Devices))
	for d, h := range m.net.host {
		if home := m.net.home; !m.p.Moving && h != home {
			setup[d] = float64(m.net.links[home][h] + m.net.backs[h][home])
			each[d] = float64(m.net.each[h][home])
		}
	}
	return setup, each
}

// alone lets each token in each layer spread its experts, as if all were as small
// as the smallest, over all devices as is best for it.
func (m *meter) alone() float64 {
	u := &m.p.Usage
	setup, each := m.trips()
	total := 0.0
	for l := range u.layers {
		least := -1
		for e := m.base[l]; e < m.base[l+1]; e++ {
			if least < 0 || m.size[e] < m.size[least] {
				least = e
			}
		}
		known := map[int]float64{}
		for t := range u.tokens {
			n := u.count(t, l)
			if n == 0 {
				continue
			}
			if _, ok := known[n]; !ok {
				known[n] = spreadOut(n, m.serve[least], setup, each)
			}
			total += known[n]
		}
	}
	return total / float64(max(1, u.tokens))
}

// spreadOut is when the last of n equal experts is served if each goes where it
// is done first, which is best for equal ones.
func spreadOut(n int, serve []int64, setup, each []float64) float64 {
	count, last := make([]float64, len(serve)), 0.0
	for range n {
		best, at := -1, 0.0
		for d := range serve {
			if done := setup[d] + (count[d]+1)*(float64(serve[d])+each[d]); best < 0 || done < at {
				best, at = d, done
			}
		}
		count[best]++
		last = max(last, at)
	}
	return last
}

// lagrangian is the dual of the program with the slowest device replaced by a
// mean over devices, of which the weights alpha are free for each layer, and with
// the capacities priced at mu. For given weights and prices each expert goes
// where it is cheapest; both are moved along the subgradient.
func (m *meter) lagrangian(rounds int) float64 {
	u, n := &m.p.Usage, len(m.p.Devices)
	if u.tokens == 0 {
		return 0
	}
	uses, parts := m.weights()
	setup, each := m.trips()
	price := make([]float64, n)
	alpha := make([][]float64, u.layers)
	for l := range alpha {
		alpha[l] = make([]float64, n)
		sum := 0.0
		for d := range alpha[l] {
			if m.base[l] < m.base[l+1] {
				e := m.base[l]
				alpha[l][d] = 1 / (float64(m.serve[e][d]) + each[d] + setup[d] + 1)
			} else {
				alpha[l][d] = 1
			}
			sum += alpha[l][d]
		}
		for d := range alpha[l] {
			alpha[l][d] /= sum
		}
	}
	cost := func(e, d int) float64 { return uses[e]*(float64(m.serve[e][d])+each[d]) + parts[e]*setup[d] }
	best := 0.0
	for round := range rounds {
		used, load := make([]float64, n), make([][]float64, u.layers)
		for l := range load {
			load[l] = make([]float64, n)
		}
		value := 0.0
		for e := range m.size {
			l, at, least := int(m.layer[e]), -1, 0.0
			for d := range n {
				if c := alpha[l][d]*cost(e, d) + price[d]*float64(m.size[e]); at < 0 || c < least {
					at, least = d, c
				}
			}
			value += least
			used[at] += float64(m.size[e])
			load[l][at] += cost(e, at)
		}
		for d := range n {
			value -= price[d] * float64(m.p.Devices[d].Capacity)
		}
		best = max(best, value)
		m.ascend(alpha, price, load, used, value, 1/(1+float64(round)/20))
	}
	return best / float64(u.tokens)
}

// ascend moves weights towards devices with more work, and prices up where more
// is held than fits.
func (m *meter) ascend(alpha [][]float64, price []float64, load [][]float64, used []float64, value, step float64) {
	for l := range alpha {
		most, sum := 0.0, 0.0
		for _, w := range load[l] {
			most = max(most, w)
		}
		for d := range alpha[l] {
			if most > 0 {
				alpha[l][d] *= math.Exp(0.1 * step * load[l][d] / most)
			}
			sum += alpha[l][d]
		}
		for d := range alpha[l] {
			alpha[l][d] /= sum
		}
	}
	norm := 0.0
	for d := range used {
		over := used[d] - float64(m.p.Devices[d].Capacity)
		if over > 0 || price[d] > 0 {
			norm += over * over
		}
	}
	if norm == 0 {
		return
	}
	for d := range price {
		over := used[d] - float64(m.p.Devices[d].Capacity)
		price[d] = max(0, price[d]+0.05*step*math.Abs(value)*over/norm)
	}
}

// weights is how often each expert is used, and the same with each use counted
// as its part of the token's choices in the layer.
func (m *meter) weights() (uses, parts []float64) {
	u := &m.p.Usage
	uses, parts = make([]float64, len(m.size)), make([]float64, len(m.size))
	for t := range u.tokens {
		for l := range u.layers {
			n := float64(u.count(t, l))
			for _, c := range u.at(t, l) {
				if c >= 0 {
					uses[m.base[l]+int(c)]++
					parts[m.base[l]+int(c)] += 1 / n
				}
			}
		}
	}
	return uses, parts
}
