package tinylfu

import (
	"fmt"
	"math"

	"github.com/dgraph-io/ristretto/v2"

	"moed/offload/policy"
)

// getBuffer is how many wants the cache gathers before it counts them, as its
// documentation recommends.
const getBuffer = 64

// Replay serves the steps from a TinyLFU cache that starts empty. All that a
// step wants is looked for, then what was missed is offered to the cache, which
// may not admit it. c must be in bytes, more than none, in one part, with
// nothing known beforehand. Replays may run at the same time.
func Replay(steps []policy.Step, s policy.Shape, c policy.Cache) (policy.Result, error) {
	if err := check(steps, s, c); err != nil {
		return policy.Result{}, fmt.Errorf("replay: tinylfu: %w", err)
	}
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, struct{}]{
		NumCounters:        counters(s, c),
		MaxCost:            c.Bytes,
		BufferItems:        getBuffer,
		IgnoreInternalCost: true,
	})
	if err != nil {
		return policy.Result{}, fmt.Errorf("replay: tinylfu: %w", err)
	}
	defer cache.Close()
	result := policy.Result{Layers: make([]policy.Tally, s.Layers)}
	for i := range steps {
		t := serve(cache, &steps[i], s, c.Size[steps[i].Layer])
		if steps[i].Decode {
			add(&result.Decode, t)
			add(&result.Layers[steps[i].Layer], t)
		} else {
			add(&result.Prefill, t)
		}
	}
	return result, nil
}

func serve(cache *ristretto.Cache[uint64, struct{}], step *policy.Step, s policy.Shape, size int64) (t policy.Tally) {
	var missed []uint64
	for _, e := range step.Experts {
		key := uint64(step.Layer*s.Experts + int(e))
		t.Wanted++
		if _, ok := cache.Get(key); ok {
			t.Hits++
			continue
		}
		t.Missed += size
		missed = append(missed, key)
	}
	for _, key := range missed {
		cache.Set(key, struct{}{}, size)
		cache.Wait() // or a full buffer would drop some
	}
	return t
}

func add(to *policy.Tally, t policy.Tally) {
	to.Wanted, to.Hits, to.Missed = to.Wanted+t.Wanted, to.Hits+t.Hits, to.Missed+t.Missed
}

// counters are ten for each expert that fits, as the cache's documentation
// recommends.
func counters(s policy.Shape, c policy.Cache) int64 {
	smallest := int64(math.MaxInt64)
	for _, size := range c.Size {
		if size > 0 {
			smallest = min(smallest, size)
		}
	}
	return 10 * max(min(c.Bytes/smallest, int64(s.Layers)*int64(s.Experts)), 1)
}

// check refuses what the cache could not serve.
func check(steps []policy.Step, s policy.Shape, c policy.Cache) error {
	switch {
	case c.Slots != 0 || c.PerLayer || c.Ahead != 0:
		return fmt.Errorf("serves one cache in bytes; found slots %d, per layer %t, ahead %d", c.Slots, c.PerLayer, c.Ahead)
	case c.Bytes <= 0:
		return fmt.Errorf("found a budget of %d bytes, want more than none", c.Bytes)
	case s.Layers <= 0 || s.Experts <= 0 || s.Layers > math.MaxInt32/s.Experts:
		return fmt.Errorf("found %d layers of %d experts", s.Layers, s.Experts)
	case len(c.Size) != s.Layers:
		return fmt.Errorf("found the expert sizes of %d layers, want %d", len(c.Size), s.Layers)
	}
	for i, step := range steps {
		if step.Layer < 0 || step.Layer >= s.Layers {
			return fmt.Errorf("step %d: found layer %d of %d", i, step.Layer, s.Layers)
		}
		for _, e := range step.Experts {
			if e < 0 || int(e) >= s.Experts {
				return fmt.Errorf("step %d: layer %d: found expert %d of %d", i, step.Layer, e, s.Experts)
			}
		}
	}
	return nil
}
