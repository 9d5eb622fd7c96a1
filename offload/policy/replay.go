package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// Step is one visit of one layer by a batch of tokens.
type Step struct {
	Layer   int
	Experts []int32   // all different, in the order in which they are touched
	Counts  []int32   // tokens that chose each, nil: one each
	Tokens  int       // of the batch
	Probs   []float32 // as in Visit; nil where they are not known
	Decode  bool      // tallied under Decode, otherwise under Prefill
}

// Cache is the size and the rule of a replayed cache. With Slots it is the
// store's: that many equal slots, a victim per miss among the experts that the
// batch does not want. Without, it is that of published replays: bytes, and
// eviction at the end of a batch down to the budget, never of an expert of that
// batch, so that for a moment more is held. Neither bypasses: every miss is
// kept for a while.
type Cache struct {
	Slots int
	Bytes int64   // budget where Slots is 0
	Size  []int64 // bytes of one expert, per layer

	PerLayer bool // every layer has an equal share for itself
	Ahead    int  // steps whose experts are known beforehand, at distance 0; not for Belady
}

// Tally counts what the steps of a phase wanted: each expert once per step.
type Tally struct {
	Wanted, Hits int
	Missed       int64 // bytes
}

// Ratio is the share of hits, 0 where nothing was wanted.
func (t Tally) Ratio() float64 {
	if t.Wanted == 0 {
		return 0
	}
	return float64(t.Hits) / float64(t.Wanted)
}

func (t *Tally) add(u Tally) {
	t.Wanted, t.Hits, t.Missed = t.Wanted+u.Wanted, t.Hits+u.Hits, t.Missed+u.Missed
}

// Result is what a replay found.
type Result struct {
	Prefill, Decode Tally
	Layers          []Tally // of Decode, by layer
}

// Replay serves the steps from a cache that starts empty and whose victims p
// names; ties go to the least recently touched. p must be new.
func Replay(steps []Step, s Shape, p Policy, c Cache) (Result, error) {
	if err := check(steps, s, c); err != nil {
		return Result{}, err
	}
	r := newReplayer(steps, s, c)
	r.chooser = &byDistance{replayer: r, policy: p}
	return r.run(), nil
}

// check refuses what would not fit the model's shape.
func check(steps []Step, s Shape, c Cache) error {
	if s.Layers <= 0 || s.Experts <= 0 || s.Layers > maxCells/s.Experts {
		return fmt.Errorf("replay: found %d layers of %d experts, want 1 to %d experts in all", s.Layers, s.Experts, maxCells)
	}
	if len(c.Size) != s.Layers {
		return fmt.Errorf("replay: found the expert sizes of %d layers, want %d", len(c.Size), s.Layers)
	}
	seen := make([]int, s.Experts) // step of the last sight, from 1
	for i, step := range steps {
		if step.Layer < 0 || step.Layer >= s.Layers {
			return fmt.Errorf("replay: step %d: found layer %d of %d", i, step.Layer, s.Layers)
		}
		if step.Counts != nil && len(step.Counts) != len(step.Experts) {
			return fmt.Errorf("replay: step %d: found %d counts of %d experts", i, len(step.Counts), len(step.Experts))
		}
		for _, e := range step.Experts {
			if e < 0 || int(e) >= s.Experts {
				return fmt.Errorf("replay: step %d: layer %d: found expert %d of %d", i, step.Layer, e, s.Experts)
			}
			if seen[e] == i+1 {
				return fmt.Errorf("replay: step %d: layer %d: expert %d is named twice", i, step.Layer, e)
			}
			seen[e] = i + 1
		}
	}
	return nil
}

// byDistance evicts what a Policy expects farthest.
type byDistance struct {
	*replayer
	policy Policy
	order  []int // of the step's experts, scratch
	sorted []int32
	counts []int32

	candidates []candidate
	listed     bool // candidates are the step's
}

func (b *byDistance) serve(i int) {
	step := b.steps[i]
	b.listed = false
	b.order, b.sorted, b.counts = b.order[:0], b.sorted[:0], b.counts[:0]
	for j := range step.Experts {
		b.order = append(b.order, j)
	}
	slices.SortFunc(b.order, func(x, y int) int { return cmp.Compare(step.Experts[x], step.Experts[y]) })
	for _, j := range b.order {
		b.sorted = append(b.sorted, step.Experts[j])
		if step.Counts != nil {
			b.counts = append(b.counts, step.Counts[j])
		}
	}
	v := Visit{Layer: step.Layer, Experts: b.sorted, Counts: b.counts, Tokens: step.Tokens, Probs: step.Probs}
	if step.Counts == nil {
		v.Counts = nil
	}
	b.policy.Visit(&v)
}

func (b *byDistance) victim(i, at int) (int32, bool) {
	if !b.listed {
		b.list(b.steps[i].Layer, at)
	}
	best := -1
	for j, c := range b.candidates {
		if best < 0 || c.distance > b.candidates[best].distance ||
			c.distance == b.candidates[best].distance && b.touched[c.cell] < b.touched[b.candidates[best].cell] {
			best = j
		}
	}
	if best < 0 {
		return -1, false
	}
	victim := b.candidates[best].cell
	last := len(b.candidates) - 1
	b.candidates[best] = b.candidates[last]
	b.candidates = b.candidates[:last]
	return victim, true
}

// list sets the candidates to what may be evicted in this step. Distances do not
// change within it.
func (b *byDistance) list(now, at int) {
	b.listed = true
	b.candidates = b.candidates[:0]
	for _, cell := range b.pools[at].held {
		if b.touched[cell] > b.batch {
			continue
		}
		d := float32(0)
		if b.known[cell] == 0 {
			d = b.policy.Distance(now, int(b.keys[cell].Layer), int(b.keys[cell].Expert))
		}
		b.candidates = append(b.candidates, candidate{distance: d, cell: cell})
	}
}

// candidate is an expert that may be evicted.
type candidate struct {
	distance float32
	cell     int32
}
