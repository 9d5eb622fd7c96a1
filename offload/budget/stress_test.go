package budget_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"moed/offload/budget"
)

func TestMeter(t *testing.T) {
	quiet, half := budget.Reading{}, budget.Reading{Some: 6}
	for _, c := range []struct {
		name     string
		readings []budget.Reading
		want     string // a letter for each: calm, some, high
	}{
		{"nothing", []budget.Reading{quiet, quiet}, "cc"},
		{"stalls below the threshold", []budget.Reading{{Some: 9.9, Full: 9.9}}, "c"},
		{"some stall", []budget.Reading{{Some: 10}}, "s"},
		{"all stall", []budget.Reading{{Some: 40, Full: 10}}, "h"},
		{"the kernel said so", []budget.Reading{{Fired: true}}, "s"},
		{"counts from before are no news", []budget.Reading{{Hits: 70, Kills: 3, Tight: true}, {Hits: 70, Kills: 3, Tight: true}}, "cc"},
		{"page cache runs into the limit", []budget.Reading{quiet, {Hits: 1}}, "cc"},
		{"a full group runs into its limit", []budget.Reading{quiet, {Hits: 1, Tight: true}}, "cs"},
		{"a full group", []budget.Reading{quiet, {Tight: true}}, "cc"},
		{"a kill", []budget.Reading{quiet, {Kills: 1}}, "ch"},
		{"scarce", []budget.Reading{{Scarce: true}}, "s"},
		{"falls after ten calm ones", append([]budget.Reading{{Some: 10}}, repeat(quiet, 10)...), "ssssssssssc"},
		{"falls level by level", append([]budget.Reading{{Full: 10}}, repeat(quiet, 20)...), "hhhhhhhhhhsssssssssscc"[:21]},
		{"half is no calm", append([]budget.Reading{{Some: 10}}, repeat(half, 15)...), "ssssssssssssssss"},
		{
			"calm ones must be on end",
			append(append(append([]budget.Reading{{Some: 10}}, repeat(quiet, 9)...), half), repeat(quiet, 10)...),
			"sssssssssssssssssssssc"[1:],
		},
		{"rises at once", []budget.Reading{quiet, {Some: 10}, {Full: 50}}, "csh"},
	} {
		var m budget.Meter
		got := ""
		for _, r := range c.readings {
			got += m.Step(r).String()[:1]
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func repeat(r budget.Reading, n int) []budget.Reading {
	many := make([]budget.Reading, n)
	for i := range many {
		many[i] = r
	}
	return many
}

// steps takes n steps of one Stress and returns the last share.
func steps(g *budget.Governor, s budget.Stress, n int) (share float64) {
	for range n {
		share = g.Step(s)
	}
	return share
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestGovernorShrinks(t *testing.T) {
	for _, c := range []struct {
		stress budget.Stress
		steps  int
		want   float64
	}{
		{budget.Calm, 1000, 1},
		{budget.Some, 1, 0.95},
		{budget.Some, 5, 0.95},
		{budget.Some, 6, 0.95 * 0.95},
		{budget.High, 1, 0.8},
		{budget.High, 4, 0.64},
		{budget.High, 1000, 0.25},
	} {
		var g budget.Governor
		if got := steps(&g, c.stress, c.steps); !near(got, c.want) {
			t.Errorf("%d steps of %v: share %g, want %g", c.steps, c.stress, got, c.want)
		}
	}
	var g budget.Governor
	steps(&g, budget.Some, 1)
	if got := g.Step(budget.High); !near(got, 0.95*0.8) {
		t.Errorf("a rise during a rest: share %g, want %g", got, 0.95*0.8)
	}
}

func TestGovernorGrowsBack(t *testing.T) {
	var g budget.Governor
	steps(&g, budget.High, 1)
	if got := steps(&g, budget.Calm, 29); !near(got, 0.8) {
		t.Errorf("share %g before its time", got)
	}
	if got := steps(&g, budget.Calm, 1); !near(got, 0.85) {
		t.Errorf("share %g after 30 calm steps, want 0.85", got)
	}
	if got := steps(&g, budget.Calm, 1000); got != 1 {
		t.Errorf("share %g at last, want 1", got)
	}
}

func TestGovernorCountsCalmStepsOnEnd(t *testing.T) {
	var g budget.Governor
	steps(&g, budget.Some, 1)
	steps(&g, budget.Calm, 29)
	share := steps(&g, budget.Some, 1)
	if got := steps(&g, budget.Calm, 29); got != share {
		t.Errorf("share %g, want %g: 29 calm steps, and 29 before Stress", got, share)
	}
}

// Growing that brings the Stress back is tried less and less often.
func TestGovernorLearns(t *testing.T) {
	var g budget.Governor
	share := steps(&g, budget.Some, 1)
	waits := []int{}
	for range 8 {
		wait := 0
		for s := share; s == share; wait++ {
			if s = g.Step(budget.Calm); s > share {
				share = g.Step(budget.Some)
				break
			}
		}
		waits = append(waits, wait+1)
	}
	if waits[0] != 30 || waits[1] != 60 || waits[2] != 120 || waits[7] != 960 {
		t.Errorf("it waited %v", waits)
	}
	steps(&g, budget.Calm, 5000)
	steps(&g, budget.Some, 1)
	if share = steps(&g, budget.Calm, 30); share != 1 {
		t.Errorf("share %g: what was long ago still counts", share)
	}
}

// Whatever comes, the share stays within its bounds, falls only under Stress
// and rises only when calm.
func TestGovernorBounds(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var g budget.Governor
	before := 1.0
	for range 200_000 {
		s := budget.Calm
		if r.IntN(40) == 0 {
			s = budget.Stress(r.IntN(3))
		}
		share := g.Step(s)
		if share < 0.25 || share > 1 || share < before && s == budget.Calm || share > before && s != budget.Calm {
			t.Fatalf("%v took the share from %g to %g", s, before, share)
		}
		before = share
	}
}
