package placement

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"
)

// clustered is a problem of hidden groups, and the same with its tokens shuffled.
func clustered(t *testing.T, layers, experts, devices int) (p, shuffled *Problem) {
	t.Helper()
	tokens, _ := hidden(1500, layers, experts, devices, 2, 0.7, 3)
	p, err := FromTrace(tokens, Uniform(layers, experts, 1000), equal(devices, experts/devices, 1<<30))
	if err != nil {
		t.Fatal(err)
	}
	other := *p
	other.Usage = p.Usage.Shuffled(1)
	return p, &other
}

// TestHops: hidden groups are found, and what is found is affinity.
func TestHops(t *testing.T) {
	p, shuffled := clustered(t, 8, 16, 4)
	plan, err := Solve(p, Options{Goal: Hops, Effort: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	control, err := Solve(shuffled, Options{Goal: Hops, Effort: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	fooled, err := Evaluate(p, control.Assignment)
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.Cost.Local; got < 0.55 || got > plan.Bound.Value || fooled.Local > 0.35 {
		t.Errorf("%.3f local, bound %.3f; the shuffled control %.3f", got, plan.Bound.Value, fooled.Local)
	}
	if plan.Bound.Value >= 1 {
		t.Errorf("the bound %v says nothing", plan.Bound)
	}
}

// TestSameAgain: the same problem and seed give the same plan.
func TestSameAgain(t *testing.T) {
	for _, goal := range []Goal{Time, Hops} {
		p, _ := clustered(t, 6, 8, 2)
		var plans []*Plan
		for range 2 {
			plan, err := Solve(p, Options{Goal: goal, Seed: 9, Effort: 0.05})
			if err != nil {
				t.Fatal(err)
			}
			plans = append(plans, plan)
		}
		if !reflect.DeepEqual(plans[0], plans[1]) {
			t.Errorf("goal %q: two plans differ", goal)
		}
	}
}

// TestFrom: with a price on moving, less is moved, and nothing where the price is
// beyond what a plan could gain.
func TestFrom(t *testing.T) {
	p, _ := clustered(t, 6, 8, 2)
	from, err := Random(p, 4)
	if err != nil {
		t.Fatal(err)
	}
	moved := func(cost time.Duration) int64 {
		plan, err := Solve(p, Options{From: from, MoveCost: cost, Effort: 0.05})
		if err != nil {
			t.Fatal(err)
		}
		if plan.Moved != plan.Assignment.Moved(p, from) {
			t.Errorf("it says %d bytes move, and they are %d", plan.Moved, plan.Assignment.Moved(p, from))
		}
		return plan.Moved
	}
	if free, dear := moved(0), moved(time.Hour); free == 0 || dear != 0 {
		t.Errorf("%d bytes move where that is free, %d where it is dear", free, dear)
	}
}

// TestSimulate follows the arithmetic of a token on one, three and a thousand
// hosts: what is served, and a message each way.
func TestSimulate(t *testing.T) {
	for _, hosts := range []int{1, 3, 1000} {
		const layers, experts, bytes = 2, 1000, 1000
		tokens := make([][][]uint16, 5)
		for k := range tokens {
			tokens[k] = [][]uint16{{uint16(k), uint16(k + 500)}, {uint16(2 * k)}}
		}
		var devices []Device
		for h := range hosts {
			name := fmt.Sprint("h", h)
			devices = append(devices, Device{Name: name, Host: name, Capacity: 1 << 30, Rate: 1e6}) // 1 ms for each expert
		}
		p, err := FromTrace(tokens, Uniform(layers, experts, bytes), devices)
		if err != nil {
			t.Fatal(err)
		}
		p.Request, p.Answer, p.Remote = 100, 100, Link{Latency: 2 * time.Millisecond, Rate: 1e6} // 0.1 ms for each 100 bytes
		a := make(Assignment, layers)
		for l := range a {
			a[l] = make([][]int, experts)
			for e := range a[l] {
				a[l][e] = []int{e % hosts}
			}
		}
		with := Timing{Dense: time.Millisecond, Message: 10 * time.Microsecond}
		run, err := Simulate(p, a, with)
		if err != nil {
			t.Fatal(err)
		}
		want, messages := time.Duration(0), 0.0
		for _, layers := range tokens {
			for _, chosen := range layers {
				busy, slowest := map[int]time.Duration{}, time.Duration(0)
				for _, e := range chosen {
					busy[int(e)%hosts] += time.Millisecond
				}
				answers := map[int]int{}
				for _, e := range chosen {
					answers[int(e)%hosts]++
				}
				for h, b := range busy {
					if h != 0 {
						b += 2*2*time.Millisecond + 100*time.Microsecond*time.Duration(1+answers[h])
						messages++
						want += with.Message
					}
					slowest = max(slowest, b)
				}
				want += slowest + with.Dense
			}
		}
		if run.Time != want || math.Abs(run.Messages-messages/5) > 1e-9 || run.Tokens != 5 {
			t.Errorf("%d hosts: %v and %v messages, want %v and %v", hosts, run.Time, run.Messages, want, messages/5)
		}
		with.Batch = 5
		together, err := Simulate(p, a, with)
		if err != nil {
			t.Fatal(err)
		}
		if together.Messages > run.Messages {
			t.Errorf("%d hosts: a batch sends %v messages, single tokens %v", hosts, together.Messages, run.Messages)
		}
	}
}
