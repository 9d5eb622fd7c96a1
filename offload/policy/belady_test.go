package policy_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"moed/offload/policy"
)

// TestBeladyIsTheBound compares with the fewest misses that any choice of
// victims can have, found by trying all.
func TestBeladyIsTheBound(t *testing.T) {
	shape := policy.Shape{Layers: 2, Experts: 3}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var steps []policy.Step
		for i := range 16 {
			perm := rng.Perm(shape.Experts)[:1+rng.IntN(2)]
			step := policy.Step{Layer: i % shape.Layers, Tokens: 1}
			for _, e := range perm {
				step.Experts = append(step.Experts, int32(e))
			}
			steps = append(steps, step)
		}
		for slots := 2; slots < 6; slots++ {
			r, err := policy.Belady(steps, shape, policy.Cache{Slots: slots, Size: []int64{1, 1}})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := int(r.Prefill.Missed), fewestMisses(steps, shape, slots); got != want {
				t.Fatalf("seed %d: %d slots: found %d misses, want %d", seed, slots, got, want)
			}
		}
	}
}

// fewestMisses walks all sets of held experts, as bits, that some choice of
// victims leads to.
func fewestMisses(steps []policy.Step, s policy.Shape, slots int) int {
	states := map[uint]int{0: 0}
	for _, step := range steps {
		var wanted uint
		for _, e := range step.Experts {
			wanted |= 1 << (step.Layer*s.Experts + int(e))
		}
		next := map[uint]int{}
		for held, misses := range states {
			for kept := held; ; kept = (kept - 1) & held {
				now := kept | wanted
				if held&wanted == kept&wanted && ones(now) <= slots {
					n := misses + ones(wanted&^held)
					if old, ok := next[now]; !ok || n < old {
						next[now] = n
					}
				}
				if kept == 0 {
					break
				}
			}
		}
		states = next
	}
	best := math.MaxInt
	for _, misses := range states {
		best = min(best, misses)
	}
	return best
}

func ones(x uint) (n int) {
	for ; x != 0; x &= x - 1 {
		n++
	}
	return n
}

// TestNoPolicyBeatsBelady under either rule, with equal sizes.
func TestNoPolicyBeatsBelady(t *testing.T) {
	for _, h := range madeHabits() {
		s := made(h)
		for _, slots := range []int{3, 20, 60, 200} {
			for _, c := range []policy.Cache{{Slots: slots}, {Bytes: int64(slots) << 20}, {Slots: slots * 4, PerLayer: true}} {
				bound := replay(t, s, "belady", c)
				for _, name := range policy.Names() {
					r := replay(t, s, name, c)
					if r.Decode.Hits+r.Prefill.Hits > bound.Decode.Hits+bound.Prefill.Hits {
						t.Errorf("%s: %+v: %s hits %d, belady %d", s.name, c, name, r.Decode.Hits, bound.Decode.Hits)
					}
					if r.Decode.Wanted != bound.Decode.Wanted || r.Decode.Missed != int64(r.Decode.Wanted-r.Decode.Hits)<<20 {
						t.Errorf("%s: %s: tally %+v does not add up", s.name, name, r.Decode)
					}
				}
			}
		}
	}
}

func BenchmarkBelady(b *testing.B) {
	s := recorded(b)
	for b.Loop() {
		replay(b, s, "belady", policy.Cache{Slots: 2400})
	}
}
