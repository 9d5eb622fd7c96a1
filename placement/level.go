package placement

import "time"

// staged solves the pairwise program level by level: sites first, as if each
// were one device, then the hosts of each site, then the disks of each host. A
// level with one group, or with as many as the next, is passed over.
func staged(p *Problem, quota [][]int, seed uint64, steps int) []int32 {
	var groups [][]int32
	bySite, byHost := grouping(p, true), grouping(p, false)
	if n := size(bySite); n > 1 && n < size(byHost) {
		groups = append(groups, bySite)
	}
	if n := size(byHost); n > 1 && n < len(p.Devices) {
		groups = append(groups, byHost)
	}
	var above []int32 // [expert] group on the level before
	var parent []int32
	for _, g := range groups {
		above = level(p, quota, g, above, parent, seed, steps/(len(groups)+1))
		parent = g
	}
	own := make([]int32, len(p.Devices))
	for d := range own {
		own[d] = int32(d)
	}
	return level(p, quota, own, above, parent, seed, steps/(len(groups)+1))
}

// level solves one level. group is, for each device, its group on this level and
// parent that on the level before, to which above binds the experts.
func level(p *Problem, quota [][]int, group, above, parent []int32, seed uint64, steps int) []int32 {
	joined := join(p, group)
	m := newMeter(joined)
	places := make([][]int, len(quota))
	for l := range quota {
		places[l] = make([]int, len(joined.Devices))
		for d, n := range quota[l] {
			places[l][group[d]] += n
		}
	}
	q := expectation(m, places)
	for e := range above {
		for d, g := range group {
			if parent[d] != above[e] {
				q.load[e][g] = never
			}
		}
	}
	a := &alternation{q: q, rng: newRandom(seed), steps: steps}
	return a.run()
}

// join is the problem with each group as one device: as large and as fast as its
// members together, on the host of the first.
func join(p *Problem, group []int32) *Problem {
	out := *p
	out.Devices = make([]Device, size(group))
	limits := make([]bool, len(out.Devices))
	count := make([]int, len(out.Devices))
	for d, g := range group {
		t, member := &out.Devices[g], &p.Devices[d]
		if count[g] == 0 {
			t.Name, t.Host, t.Site, limits[g] = member.Name, member.Host, member.Site, true
		}
		count[g]++
		t.Capacity += member.Capacity
		t.Rate += member.Rate
		t.Latency += member.Latency
		t.PerLayer += member.PerLayer
		limits[g] = limits[g] && member.PerLayer > 0
	}
	for g := range out.Devices {
		t := &out.Devices[g]
		t.Latency /= time.Duration(count[g] * count[g]) // the mean, and as many at a time as there are members
		if !limits[g] {
			t.PerLayer = 0
		}
	}
	for d := range p.Devices {
		if p.Home == "" || p.Devices[d].Host == p.Home {
			out.Home = out.Devices[group[d]].Host
			break
		}
	}
	return &out
}

// grouping numbers the sites or hosts of devices in order.
func grouping(p *Problem, site bool) []int32 {
	number := map[string]int32{}
	out := make([]int32, len(p.Devices))
	for d := range out {
		name := p.Devices[d].Host
		if site {
			name = p.Devices[d].Site
		}
		n, ok := number[name]
		if !ok {
			n = int32(len(number))
			number[name] = n
		}
		out[d] = n
	}
	return out
}

func size(group []int32) int {
	n := int32(0)
	for _, g := range group {
		n = max(n, g+1)
	}
	return int(n)
}
