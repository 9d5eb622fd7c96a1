package team

import (
	"math/rand/v2"
	"slices"
	"time"

	"moed/daemon"
	"moed/daemon/cluster"
	"moed/placement"
)

// What a plan of the coordinator's own assumes of what it does not measure. Rate and
// message are what two cores were found to do (testdata/bench/cluster.csv).
const (
	usualRate    = 17e9             // bytes of experts per second that a host computes with
	usualDisk    = 0.7e9            // bytes per second, and
	usualRead    = time.Millisecond // for each expert, since it takes the place of another
	usualLatency = 200 * time.Microsecond
	usualMessage = 400 * time.Microsecond // of both hosts' work for it, one way
	usualNetwork = 125e6                  // bytes per second
	usualTokens  = 64                     // drawn from how often experts are used
	usualEffort  = 0.1                    // of the solver: about a second
	wholeShare   = 0.9                    // of a room for whole layers, beside keys and values
)

// arrange makes a plan for a model by the room of its hosts and by how often its
// experts were used: what is used most lies in memory somewhere, and each layer is
// divided so that all are done at about the same time; or whole layers lie on one
// host each, to which the tokens go, where that takes less time: on slow links,
// since it takes fewer messages. away is how long a message to a member takes.
func arrange(m *daemon.Led, home string, members []cluster.Member, id string, away func(host string) time.Duration) (*placement.File, error) {
	usage, err := drawn(m)
	if err != nil {
		return nil, err
	}
	var best *placement.File
	a := arrangement{led: m, home: home, members: members, id: id, usage: usage}
	for _, b := range members {
		a.away = append(a.away, away(b.Name)+usualMessage)
	}
	for _, moving := range []bool{false, true} {
		f, err := a.file(moving)
		if err != nil {
			return nil, err
		}
		if best == nil || f.Plan.Cost.Time < best.Plan.Cost.Time {
			best = f
		}
	}
	return best, nil
}

// arrangement is what a plan of the coordinator's own goes by.
type arrangement struct {
	led     *daemon.Led
	home    string
	members []cluster.Member
	id      string          // of the model
	away    []time.Duration // [member] until a message is there
	usage   placement.Usage
}

// file is the plan in which experts are asked for, or tokens move.
func (a *arrangement) file(moving bool) (*placement.File, error) {
	p := a.problem(moving)
	plan, err := placement.Solve(p, placement.Options{Effort: usualEffort})
	if err != nil {
		return nil, err
	}
	for d := range p.Devices {
		p.Devices[d].PerLayer = 0
	}
	lift(p, plan.Assignment)
	if plan.Cost, err = placement.Evaluate(p, plan.Assignment); err != nil {
		return nil, err
	}
	return &placement.File{Model: placement.Model{Name: a.led.Name, Header: a.led.Identity}, Problem: *p, Plan: *plan}, nil
}

// problem has this host's memory as its first device, and its disk as its last.
func (a *arrangement) problem(moving bool) *placement.Problem {
	m := a.led
	p := &placement.Problem{Home: a.home, Moving: moving, Request: 4 * int64(m.Hidden), Answer: 4 * int64(m.Hidden), Usage: a.usage,
		Remote: placement.Link{Latency: usualLatency, Rate: usualNetwork}} // between members, which say nothing to each other
	all, most := int64(0), 0
	for i := range m.Table.Layers {
		l := &m.Table.Layers[i]
		p.Layers = append(p.Layers, slices.Repeat([]int64{l.Bytes()}, l.Experts))
		all += int64(l.Experts) * l.Bytes()
		most = max(most, l.Experts)
	}
	device := func(host string, room int64) {
		d := placement.Device{Name: host, Host: host, Capacity: room, Rate: usualRate}
		if !moving { // each layer gets its part of the room, so that all have some there
			d.PerLayer = max(1, int(float64(most)*min(1, float64(room)/float64(max(all, 1)))))
		}
		p.Devices = append(p.Devices, d)
	}
	device(a.home, m.Bytes)
	for i := range a.members {
		b := &a.members[i]
		room := roomFor(b, a.id)
		if moving { // dense weights, keys and values are there, too
			room = int64(float64(room) * wholeShare * float64(all) / float64(max(all+m.Dense, 1)))
		}
		device(b.Name, room)
		p.Links = append(p.Links, placement.Link{A: a.home, B: b.Name, Latency: a.away[i], Rate: usualNetwork})
	}
	p.Devices = append(p.Devices, placement.Device{Name: a.home + " disk", Host: a.home, Capacity: all, Rate: usualDisk, Latency: usualRead})
	return p
}

// lift takes from the disk, the last device, what has room elsewhere: experts that
// none of the tokens drawn has used.
func lift(p *placement.Problem, a placement.Assignment) {
	disk := len(p.Devices) - 1
	left := make([]int64, disk)
	for d := range left {
		left[d] = p.Devices[d].Capacity
	}
	for l, experts := range a {
		for e, devices := range experts {
			if d := devices[0]; d != disk {
				left[d] -= p.Layers[l][e]
			}
		}
	}
	for l, experts := range a {
		for e, devices := range experts {
			most := slices.Index(left, slices.Max(left))
			if devices[0] == disk && left[most] >= p.Layers[l][e] {
				devices[0] = most
				left[most] -= p.Layers[l][e]
			}
		}
	}
}

// roomFor is how much memory a member has for a model.
func roomFor(b *cluster.Member, id string) int64 {
	for _, h := range b.Models {
		if h.ID == id {
			return h.Room
		}
	}
	return 0
}

// drawn is tokens that use experts as often as earlier runs did, or all alike.
func drawn(m *daemon.Led) (placement.Usage, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	tokens := make([][][]uint16, usualTokens)
	for t := range tokens {
		tokens[t] = make([][]uint16, len(m.Table.Layers))
	}
	var share []float32
	for l := range m.Table.Layers {
		n := m.Table.Layers[l].Experts
		if n == 0 {
			continue
		}
		share = share[:0]
		if m.Share != nil {
			share = m.Share(share, l)
		}
		for t := range tokens {
			tokens[t][l] = draw(rng, share, n, min(m.TopK, n))
		}
	}
	return placement.NewUsage(tokens)
}

// draw picks k different experts of n.
func draw(rng *rand.Rand, share []float32, n, k int) []uint16 {
	weight := make([]float64, n)
	sum := 0.0
	for e := range weight {
		weight[e] = 1e-3 // what was never used may be
		if e < len(share) {
			weight[e] += float64(max(share[e], 0))
		}
		sum += weight[e]
	}
	out := make([]uint16, 0, k)
	for range k {
		at := rng.Float64() * sum
		pick := -1
		for e, w := range weight {
			if w == 0 {
				continue
			}
			pick = e
			if at -= w; at < 0 {
				break
			}
		}
		out = append(out, uint16(pick))
		sum -= weight[pick]
		weight[pick] = 0
	}
	return out
}
