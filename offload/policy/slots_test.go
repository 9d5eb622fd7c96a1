package policy_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moed/offload/policy"
)

// TestSlotsOfOneClass: Belady in slots misses as few as can be, and no policy
// fewer.
func TestSlotsOfOneClass(t *testing.T) {
	shape := policy.Shape{Layers: 2, Experts: 3}
	for seed := range uint64(60) {
		steps := smallSteps(seed, shape)
		for slots := 2; slots < 6; slots++ {
			c := policy.Slots{Class: []int{0, 0}, Count: []int{slots}, Size: []int64{1, 1}}
			best, err := c.Belady(steps, shape)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := int(best.Prefill.Missed), fewestMisses(steps, shape, slots); got != want {
				t.Fatalf("seed %d: %d slots: found %d misses, want %d", seed, slots, got, want)
			}
			for _, name := range policy.Names() {
				r, err := c.Replay(steps, shape, mustNew(t, name, shape))
				if err != nil {
					t.Fatal(err)
				}
				if r.Prefill.Hits > best.Prefill.Hits {
					t.Errorf("seed %d: %d slots: %s hits %d, belady %d", seed, slots, name, r.Prefill.Hits, best.Prefill.Hits)
				}
			}
		}
	}
}

// smallSteps visit the layers in turn and want one or two experts of each.
func smallSteps(seed uint64, shape policy.Shape) (steps []policy.Step) {
	rng := rand.New(rand.NewPCG(seed, 4))
	for i := range 24 {
		step := policy.Step{Layer: i % shape.Layers, Tokens: 1}
		first := rng.IntN(shape.Experts)
		step.Experts = append(step.Experts, int32(first))
		if more := first + 1 + rng.IntN(2); more < shape.Experts {
			step.Experts = append(step.Experts, int32(more))
		}
		steps = append(steps, step)
	}
	return steps
}

// TestSlotsOfTwoClasses: classes do not take each other's slots, so each hits
// what it does alone.
func TestSlotsOfTwoClasses(t *testing.T) {
	shape := policy.Shape{Layers: 4, Experts: 6}
	class, size := []int{0, 1, 1, 0}, []int64{10, 3, 4, 20}
	for seed := range uint64(20) {
		steps := smallSteps(seed, shape)
		for i := range steps {
			steps[i].Decode = i >= 8
		}
		both := policy.Slots{Class: class, Count: []int{3, 4}, Size: size}
		var sum policy.Result
		for k := range both.Count {
			var own []policy.Step
			for _, s := range steps {
				if class[s.Layer] == k {
					own = append(own, s)
				}
			}
			r, err := both.Replay(own, shape, mustNew(t, "lru", shape))
			if err != nil {
				t.Fatal(err)
			}
			for _, to := range []struct{ all, one *policy.Tally }{{&sum.Prefill, &r.Prefill}, {&sum.Decode, &r.Decode}} {
				to.all.Wanted += to.one.Wanted
				to.all.Hits += to.one.Hits
				to.all.Missed += to.one.Missed
			}
		}
		r, err := both.Replay(steps, shape, mustNew(t, "lru", shape))
		if err != nil {
			t.Fatal(err)
		}
		if r.Prefill != sum.Prefill || r.Decode != sum.Decode {
			t.Errorf("seed %d: found %+v, the classes alone %+v", seed, r, sum)
		}
		var layers policy.Tally
		for i, l := range r.Layers {
			layers.Wanted += l.Wanted
			layers.Hits += l.Hits
			layers.Missed += l.Missed
			if l.Missed != int64(l.Wanted-l.Hits)*size[i] {
				t.Errorf("seed %d: layer %d: %+v with experts of %d bytes", seed, i, l, size[i])
			}
		}
		if layers != r.Decode {
			t.Errorf("seed %d: the layers add up to %+v, want %+v", seed, layers, r.Decode)
		}
	}
}

// TestSlotsOfABatch: what does not fit goes through, and the last of it stays.
func TestSlotsOfABatch(t *testing.T) {
	shape := policy.Shape{Layers: 1, Experts: 8}
	steps := []policy.Step{{Experts: []int32{1, 2, 5}, Tokens: 2}, {Experts: []int32{5}, Tokens: 1}, {Experts: []int32{1}, Tokens: 1}}
	c := policy.Slots{Class: []int{0}, Count: []int{1}, Size: []int64{7}}
	r, err := c.Replay(steps, shape, mustNew(t, "lru", shape))
	if err != nil {
		t.Fatal(err)
	}
	if want := (policy.Tally{Wanted: 5, Hits: 1, Missed: 28}); r.Prefill != want {
		t.Errorf("found %+v, want %+v", r.Prefill, want)
	}
}

func TestSlotsRefuse(t *testing.T) {
	shape := policy.Shape{Layers: 2, Experts: 4}
	for _, c := range []struct {
		slots policy.Slots
		step  policy.Step
		want  string
	}{
		{policy.Slots{Class: []int{0}, Count: []int{1}, Size: []int64{1, 1}}, policy.Step{}, "the classes of 1 layers, want 2"},
		{policy.Slots{Class: []int{0, -1}, Count: []int{1}, Size: []int64{1, 1}}, policy.Step{Layer: 1}, "layer 1 has no slots"},
		{policy.Slots{Class: []int{0, 1}, Count: []int{1}, Size: []int64{1, 1}}, policy.Step{Layer: 1}, "layer 1 has no slots"},
		{policy.Slots{Class: []int{0, 0}, Count: []int{0}, Size: []int64{1, 1}}, policy.Step{}, "layer 0 has no slots"},
		{policy.Slots{Class: []int{0, 0}, Count: []int{1}, Size: []int64{1, 1}}, policy.Step{Experts: []int32{2, 1}}, "not in ascending order"},
		{policy.Slots{Class: []int{0, 0}, Count: []int{1}, Size: []int64{1}}, policy.Step{}, "sizes of 1 layers"},
		{policy.Slots{Class: []int{0, 0}, Count: []int{1}, Size: []int64{1, 1}}, policy.Step{Experts: []int32{4}}, "expert 4 of 4"},
	} {
		_, err := c.slots.Replay([]policy.Step{c.step}, shape, mustNew(t, "lru", shape))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("found %v, want %q", err, c.want)
		}
		if _, other := c.slots.Belady([]policy.Step{c.step}, shape); other == nil || !cmp.Equal(err.Error(), other.Error()) {
			t.Errorf("belady: found %v, want %v", other, err)
		}
	}
}
