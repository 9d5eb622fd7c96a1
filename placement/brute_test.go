package placement

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// small is a problem that can be solved by trying everything: unequal devices on
// some hosts, unequal experts, sometimes replicas, limits per layer or a token
// that moves.
func small(rng *rand.Rand) *Problem {
	p := &Problem{Request: rng.Int64N(1000), Answer: rng.Int64N(1000), Copies: 1 + rng.IntN(2)}
	layers, hosts, devices := 1+rng.IntN(3), 1+rng.IntN(3), 2+rng.IntN(2)
	most := 6 // experts, so that there are at most some thousand plans
	if devices == 3 && p.Copies == 2 {
		most = 4
	}
	experts := max(1, most/layers-rng.IntN(2))
	total, equal := int64(0), rng.IntN(2) == 0
	for range layers {
		sizes := make([]int64, experts)
		for i := range sizes {
			sizes[i] = 1000
			if !equal {
				sizes[i] = 500 + rng.Int64N(1000)
			}
			total += sizes[i]
		}
		p.Layers = append(p.Layers, sizes)
	}
	same := rng.IntN(4) == 0
	for d := range devices {
		one := Device{Name: string(rune('a' + d)), Host: string(rune('A' + rng.IntN(hosts))),
			Capacity: total/int64(devices) + 500 + rng.Int64N(total), Rate: 1e6 * (1 + 9*rng.Float64()),
			Latency: time.Duration(rng.Int64N(1000)) * time.Microsecond}
		if same && d > 0 {
			host := one.Host
			one = p.Devices[0]
			one.Host = host
		}
		if rng.IntN(5) == 0 {
			one.PerLayer = (experts + 1) / 2
		}
		p.Devices = append(p.Devices, one)
	}
	p.Remote = Link{Latency: time.Duration(rng.Int64N(2000)) * time.Microsecond, Rate: 1e6}
	p.Moving = rng.IntN(3) == 0
	tokens := make([][][]uint16, 1+rng.IntN(8))
	for t := range tokens {
		tokens[t] = make([][]uint16, layers)
		for l := range tokens[t] {
			for _, e := range rng.Perm(experts)[:min(experts, 1+rng.IntN(3))] {
				tokens[t][l] = append(tokens[t][l], uint16(e))
			}
		}
	}
	p.Usage, _ = NewUsage(tokens)
	return p
}

// plainTime prices a plan with nothing but the definition, as a second opinion.
func plainTime(p *Problem, a Assignment) int64 {
	host := func(d int) string { return p.Devices[d].Host }
	home := p.Home
	if home == "" {
		home = host(0)
	}
	total := int64(0)
	for t := range p.Usage.tokens {
		from := home
		for l := range p.Layers {
			var experts []int
			for _, e := range p.Usage.at(t, l) {
				if e >= 0 {
					experts = append(experts, int(e))
				}
			}
			cost, to := plainVisit(p, a[l], p.Layers[l], experts, nil, from, home)
			total, from = total+cost, to
		}
		if from != home {
			total += int64(p.Remote.sends(p.Request))
		}
	}
	return total
}

// plainWhole is where a token goes for a layer: the first host that has a copy of
// all experts while home has none.
func plainWhole(p *Problem, copies [][]int, home string) string {
	has := map[string]int{}
	var order []string
	for _, devices := range copies {
		at := map[string]bool{}
		for _, d := range devices {
			at[p.Devices[d].Host] = true
		}
		for h := range at {
			has[h]++
		}
	}
	for _, d := range p.Devices {
		order = append(order, d.Host)
	}
	for _, h := range order {
		if p.Moving && h != home && has[h] == len(copies) && has[home] == 0 {
			return h
		}
	}
	return ""
}

// plainVisit tries every copy of every expert.
func plainVisit(p *Problem, copies [][]int, sizes []int64, experts, picks []int, from, home string) (int64, string) {
	// The last expert's copies change slowest, as in the program's order of ties.
	if n := len(experts) - len(picks); n > 0 {
		best, where := int64(math.MaxInt64), ""
		for _, d := range copies[experts[n-1]] {
			if c, to := plainVisit(p, copies, sizes, experts, append([]int{d}, picks...), from, home); c < best {
				best, where = c, to
			}
		}
		return best, where
	}
	if len(experts) == 0 {
		return 0, from
	}
	busy, answers, hosts := map[int]int64{}, map[string]int64{}, []string{}
	for k, d := range picks {
		h := p.Devices[d].Host
		if answers[h] == 0 {
			hosts = append(hosts, h)
		}
		answers[h]++
		busy[d] += int64(p.Devices[d].serves(sizes[experts[k]]))
	}
	to, way := home, int64(0)
	if h := plainWhole(p, copies, home); h != "" {
		if len(hosts) > 1 || hosts[0] != h {
			return math.MaxInt64, "" // other copies than those that are there
		}
		to = h
	}
	for _, h := range []string{from, to} { // by way of home
		if from != to && h != home {
			way += int64(p.Remote.sends(p.Request))
		}
	}
	last := int64(0)
	for d, b := range busy {
		if h := p.Devices[d].Host; h != to {
			b += int64(p.Remote.sends(p.Request)) + int64(p.Remote.Latency) + answers[h]*int64(transfer(p.Answer, p.Remote.Rate))
		}
		last = max(last, b)
	}
	return way + last, to
}

// brute is the least cost of all plans, -1 where none fits.
func brute(p *Problem) int64 {
	a := make(Assignment, len(p.Layers))
	var ids [][2]int
	for l := range a {
		a[l] = make([][]int, len(p.Layers[l]))
		for i := range a[l] {
			ids = append(ids, [2]int{l, i})
		}
	}
	var sets [][]int
	for mask := 1; mask < 1<<len(p.Devices); mask++ {
		var set []int
		for d := range p.Devices {
			if mask>>d&1 == 1 {
				set = append(set, d)
			}
		}
		if len(set) <= p.copies() {
			sets = append(sets, set)
		}
	}
	best := int64(-1)
	var visit func(int)
	visit = func(k int) {
		if k == len(ids) {
			if a.Check(p) == nil {
				if c := plainTime(p, a); best < 0 || c < best {
					best = c
				}
			}
			return
		}
		for _, s := range sets {
			a[ids[k][0]][ids[k][1]] = s
			visit(k + 1)
		}
	}
	visit(0)
	return best
}

func TestBruteForce(t *testing.T) {
	rng := newRandom(7)
	problems, heuristic := 500, 0
	for n := range problems {
		p := small(rng)
		want := brute(p)
		plan, err := Solve(p, Options{Seed: uint64(n)})
		if want < 0 {
			if !errors.Is(err, ErrNoRoom) {
				t.Fatalf("problem %d: no plan fits, found %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("problem %d: %v", n, err)
		}
		if err := plan.Assignment.Check(p); err != nil {
			t.Fatalf("problem %d: %v", n, err)
		}
		if got := plainTime(p, plan.Assignment); got != want || !plan.Optimal {
			t.Fatalf("problem %d: found %d, proven %v, want %d: %+v", n, got, plan.Optimal, want, p)
		}
		tokens := float64(p.Usage.tokens)
		if b := BoundTime(p); b.Value*tokens > float64(want) {
			t.Fatalf("problem %d: the bound %v of %s is above the optimum %d", n, b.Value*tokens, b.Method, want)
		}
		m := newMeter(p)
		if s := starts(p, m, &Options{Effort: 0.01}); len(s) > 0 {
			found := newLedger(m, refine(p, &fee{}, s, &Options{Effort: 1}, 20000)).total
			if found < want {
				t.Fatalf("problem %d: the search found %d, less than the optimum %d", n, found, want)
			}
			if found == want {
				heuristic++
			}
		}
	}
	t.Logf("the search alone found the optimum in %d of %d", heuristic, problems)
	if heuristic < problems*8/10 {
		t.Errorf("the search alone found the optimum in %d of %d problems", heuristic, problems)
	}
}
