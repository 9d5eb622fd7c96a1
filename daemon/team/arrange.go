package team

import (
	"math/rand/v2"
	"slices"
	"time"

	"moed/daemon"
	"moed/daemon/cluster"
	"moed/placement"
)

// What a plan of the coordinator's own assumes, since nothing was measured: what
// counts is that memory is far faster than the network, and that than the disk.
const (
	usualRate    = 8e9              // bytes of experts per second and thread that a host computes with
	usualDisk    = 0.7e9            // bytes per second, and
	usualRead    = time.Millisecond // for each expert, since it takes the place of another
	usualLatency = 200 * time.Microsecond
	usualNetwork = 125e6 // bytes per second
	usualTokens  = 64    // drawn from how often experts are used
	usualEffort  = 0.1   // of the solver: about a second
)

// arrange makes a plan for a model by the room of its hosts and by how often its
// experts were used: what is used most lies in memory somewhere, and each layer is
// divided so that all are done at about the same time. away is how long a message
// to a member takes.
func arrange(m *daemon.Led, home string, members []cluster.Member, id string, away func(host string) time.Duration) (*placement.File, error) {
	p := placement.Problem{Home: home, Request: 4 * int64(m.Hidden), Answer: 4 * int64(m.Hidden),
		Remote: placement.Link{Latency: usualLatency, Rate: usualNetwork}} // between members, which say nothing to each other
	all, most := int64(0), 0
	for i := range m.Table.Layers {
		l := &m.Table.Layers[i]
		p.Layers = append(p.Layers, slices.Repeat([]int64{l.Bytes()}, l.Experts))
		all += int64(l.Experts) * l.Bytes()
		most = max(most, l.Experts)
	}
	// Each layer gets its part of a host's room, so that all layers have some there.
	device := func(name, host string, room int64, rate float64) placement.Device {
		return placement.Device{Name: name, Host: host, Capacity: room, Rate: rate,
			PerLayer: max(1, int(float64(most)*min(1, float64(room)/float64(max(all, 1)))))}
	}
	p.Devices = append(p.Devices, device(home, home, m.Bytes, usualRate))
	for i := range members {
		b := &members[i]
		p.Devices = append(p.Devices, device(b.Name, b.Name, roomFor(b, id), usualRate))
		p.Links = append(p.Links, placement.Link{A: home, B: b.Name, Latency: away(b.Name), Rate: usualNetwork})
	}
	p.Devices = append(p.Devices, placement.Device{Name: home + " disk", Host: home, Capacity: all, Rate: usualDisk, Latency: usualRead})
	var err error
	if p.Usage, err = drawn(m); err != nil {
		return nil, err
	}
	plan, err := placement.Solve(&p, placement.Options{Effort: usualEffort})
	if err != nil {
		return nil, err
	}
	for d := range p.Devices {
		p.Devices[d].PerLayer = 0
	}
	lift(&p, plan.Assignment)
	if plan.Cost, err = placement.Evaluate(&p, plan.Assignment); err != nil {
		return nil, err
	}
	return &placement.File{Model: placement.Model{Name: m.Name, Header: m.Identity}, Problem: p, Plan: *plan}, nil
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
