package placement

import "time"

// Cost is what a plan means for the recorded tokens: the exact mean over them.
type Cost struct {
	Time     time.Duration `json:"time"`     // expected, per token, of its experts in all layers
	Hops     float64       `json:"hops"`     // requests to other hosts, per token
	Crossing float64       `json:"crossing"` // layers after which a token's next expert is on another device, averaged over pairs of its experts, per token
	Local    float64       `json:"local"`    // share of such pairs on one device
	Near     float64       `json:"near"`     // share of such pairs on one host
	Balance  float64       `json:"balance"`  // mean time of the busiest device over that of the average one; 1 is even
	Devices  []Load        `json:"devices"`
}

// Load is what one device holds and does.
type Load struct {
	Name    string        `json:"name"`
	Experts int           `json:"experts"`
	Bytes   int64         `json:"bytes"`
	Time    time.Duration `json:"time"`  // busy, per token
	Share   float64       `json:"share"` // of all experts served
}

// Evaluate prices a plan on the problem's own tokens; to judge it on others,
// give a problem with their Usage.
func Evaluate(p *Problem, a Assignment) (Cost, error) {
	if err := p.Check(); err != nil {
		return Cost{}, err
	}
	if err := a.Check(p); err != nil {
		return Cost{}, err
	}
	m := newMeter(p)
	copies := flatten(a)
	c := Cost{Devices: make([]Load, len(p.Devices))}
	m.replay(copies, &c, nil)
	for d := range c.Devices {
		c.Devices[d].Name = p.Devices[d].Name
	}
	for e, devices := range copies {
		for _, d := range devices {
			c.Devices[d].Experts++
			c.Devices[d].Bytes += m.size[e]
		}
	}
	m.locality(copies, &c)
	return c, nil
}

// replay runs all tokens. Each token's time goes to times, where that is wanted.
func (m *meter) replay(copies [][]int32, c *Cost, times []time.Duration) {
	u := &m.p.Usage
	total, hops, served := int64(0), 0, 0
	busy, share := make([]int64, len(m.p.Devices)), make([]int, len(m.p.Devices))
	for t := range u.tokens {
		at, sum := m.net.home, int64(0)
		for l := range u.layers {
			v := m.visit(l, u.at(t, l), copies, at)
			for k, d := range m.picks {
				busy[d] += m.serve[m.order[k]][d]
				share[d]++
				served++
			}
			at, sum, hops = v.to, sum+v.cost, hops+int(v.messages)
		}
		total += sum
		if times != nil {
			times[t] = time.Duration(sum)
		}
	}
	if u.tokens == 0 {
		return
	}
	c.Time, c.Hops = duration(total, u.tokens), float64(hops)/float64(u.tokens)
	sum, most := int64(0), int64(0)
	for d := range busy {
		c.Devices[d].Time = duration(busy[d], u.tokens)
		if served > 0 {
			c.Devices[d].Share = float64(share[d]) / float64(served)
		}
		sum, most = sum+busy[d], max(most, busy[d])
	}
	if sum > 0 {
		c.Balance = float64(most) * float64(len(busy)) / float64(sum)
	}
}

// locality counts pairs of a token's experts in adjacent layers. A pair with
// copies is local where any two of them are.
func (m *meter) locality(copies [][]int32, c *Cost) {
	pairs, local, near := 0.0, 0.0, 0.0
	for _, layer := range m.affinities() {
		for _, a := range layer {
			w := float64(a.weight)
			pairs += w
			same, host := m.together(copies[a.from], copies[a.to])
			if same {
				local += w
			}
			if host {
				near += w
			}
		}
	}
	if pairs > 0 {
		c.Local, c.Near = local/pairs, near/pairs
		c.Crossing = m.steps() * (1 - c.Local)
	}
}

func (m *meter) together(a, b []int32) (device, host bool) {
	for _, x := range a {
		for _, y := range b {
			device = device || x == y
			host = host || m.net.host[x] == m.net.host[y]
		}
	}
	return device, host
}

// steps is how often a token goes from a layer to the next, on average.
func (m *meter) steps() float64 {
	u, n := &m.p.Usage, 0
	for t := range u.tokens {
		for l := 1; l < u.layers; l++ {
			if u.count(t, l-1) > 0 && u.count(t, l) > 0 {
				n++
			}
		}
	}
	return float64(n) / float64(max(1, u.tokens))
}

func (u *Usage) count(t, l int) int {
	n := 0
	for _, e := range u.at(t, l) {
		if e >= 0 {
			n++
		}
	}
	return n
}

// flatten numbers experts through all layers.
func flatten(a Assignment) [][]int32 {
	var out [][]int32
	for _, layer := range a {
		for _, devices := range layer {
			row := make([]int32, len(devices))
			for k, d := range devices {
				row[k] = int32(d)
			}
			out = append(out, row)
		}
	}
	return out
}

// unflatten is the plan of the problem's shape.
func unflatten(p *Problem, copies [][]int32) Assignment {
	out, e := make(Assignment, len(p.Layers)), 0
	for l := range p.Layers {
		out[l] = make([][]int, len(p.Layers[l]))
		for i := range out[l] {
			for _, d := range copies[e] {
				out[l][i] = append(out[l][i], int(d))
			}
			e++
		}
	}
	return out
}
