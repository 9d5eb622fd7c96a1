package policy

import (
	"fmt"
	"slices"
)

// Slots is the memory of a store, replayed slot by slot as the store has it:
// which class of equal slots the experts of each layer share, and how many each
// class has. A free slot is taken before anything goes, the last one first;
// among victims equally far the one in the lowest slot goes. A victim makes room
// for each miss, never one that the batch wants, unless the batch wants more of
// a class than there are slots: then what it has used goes.
//
// A store in which nothing is read ahead, whose size stays, and whose batches
// fit, misses exactly what Replay says. Where a batch does not fit, what of it
// stays behind depends on which reads end first.
type Slots struct {
	Class []int   // [layer]; that of a layer without experts is not looked at
	Count []int   // [class]
	Size  []int64 // [layer] bytes of one expert
}

// Replay serves the steps, whose experts are ascending, from an empty store
// whose victims p names. p must be new.
func (c *Slots) Replay(steps []Step, s Shape, p Policy) (Result, error) {
	visit := func(step, layer int) {
		x := &steps[step]
		p.Visit(&Visit{Layer: layer, Experts: x.Experts, Counts: x.Counts, Tokens: x.Tokens, Probs: x.Probs})
	}
	return c.replay(steps, s, visit, func(step int, cell int32) float64 {
		return float64(p.Distance(steps[step].Layer, int(cell)/s.Experts, int(cell)%s.Experts))
	})
}

// Belady serves them with the future known: what is wanted again last goes. It
// is the bound of every Policy of the same Slots where the batches fit.
func (c *Slots) Belady(steps []Step, s Shape) (Result, error) {
	if err := check(steps, s, Cache{Size: c.Size}); err != nil {
		return Result{}, err
	}
	nexts, due := nextUses(steps, s), make([]int32, s.Layers*s.Experts)
	return c.replay(steps, s, func(step, layer int) {
		for j, e := range steps[step].Experts {
			due[layer*s.Experts+int(e)] = nexts[step][j]
		}
	}, func(step int, cell int32) float64 { return float64(due[cell]) - float64(step) })
}

// replay is told of each step by visit, before its victims are asked for.
func (c *Slots) replay(steps []Step, s Shape, visit func(step, layer int), distance func(step int, cell int32) float64) (Result, error) {
	if err := check(steps, s, Cache{Size: c.Size}); err != nil {
		return Result{}, err
	}
	if len(c.Class) != s.Layers {
		return Result{}, fmt.Errorf("replay: found the classes of %d layers, want %d", len(c.Class), s.Layers)
	}
	for i := range steps {
		if k := c.Class[steps[i].Layer]; k < 0 || k >= len(c.Count) || c.Count[k] < 1 {
			return Result{}, fmt.Errorf("replay: layer %d has no slots", steps[i].Layer)
		}
		if !slices.IsSorted(steps[i].Experts) {
			return Result{}, fmt.Errorf("replay: step %d: the experts are not in ascending order", i)
		}
	}
	r := newSlotReplay(c, s, distance)
	result := Result{Layers: make([]Tally, s.Layers)}
	for i := range steps {
		visit(i, steps[i].Layer)
		t := r.step(i, &steps[i])
		if steps[i].Decode {
			result.Decode.add(t)
			result.Layers[steps[i].Layer].add(t)
		} else {
			result.Prefill.add(t)
		}
	}
	return result, nil
}

// slotReplay walks steps through slots.
type slotReplay struct {
	slots    *Slots
	shape    Shape
	distance func(step int, cell int32) float64
	held     [][]int32 // [class][slot] the cell in it, or -1
	free     [][]int32 // [class] slots, the next one last
	place    []int32   // [cell] its slot, or -1
	wanted   []int     // [cell] 1 + the last step that wanted it
	missed   []int32
	victims  []slotVictim
}

type slotVictim struct {
	slot     int32
	distance float64
}

func newSlotReplay(c *Slots, s Shape, distance func(int, int32) float64) *slotReplay {
	r := &slotReplay{slots: c, shape: s, distance: distance}
	r.place, r.wanted = make([]int32, s.Layers*s.Experts), make([]int, s.Layers*s.Experts)
	for i := range r.place {
		r.place[i] = -1
	}
	experts := make([]int, len(c.Count)) // more slots are of no use
	for _, k := range c.Class {
		if k >= 0 && k < len(experts) {
			experts[k] += s.Experts
		}
	}
	for k, n := range c.Count {
		n = min(n, experts[k])
		r.held = append(r.held, make([]int32, n))
		r.free = append(r.free, make([]int32, n))
		for i := range n {
			r.held[k][i], r.free[k][i] = -1, int32(i)
		}
	}
	return r
}

func (r *slotReplay) step(i int, step *Step) (t Tally) {
	class := r.slots.Class[step.Layer]
	r.missed, r.victims = r.missed[:0], r.victims[:0]
	for _, e := range step.Experts {
		cell := int32(step.Layer*r.shape.Experts) + e
		r.wanted[cell] = i + 1
		t.Wanted++
		if r.place[cell] >= 0 {
			t.Hits++
			continue
		}
		t.Missed += r.slots.Size[step.Layer]
		r.missed = append(r.missed, cell)
	}
	listed := false
	for _, cell := range r.missed {
		slot := int32(-1)
		if n := len(r.free[class]); n > 0 {
			slot, r.free[class] = r.free[class][n-1], r.free[class][:n-1]
		} else {
			if !listed {
				r.list(i, class, false)
				listed = true
			}
			if len(r.victims) == 0 {
				r.list(i, class, true)
			}
			slot = r.farthest()
			r.place[r.held[class][slot]] = -1
		}
		r.held[class][slot], r.place[cell] = cell, slot
	}
	return t
}

// list sets victims to what may go in step i, in the order of slots: what the
// step does not want, or all.
func (r *slotReplay) list(i, class int, all bool) {
	r.victims = r.victims[:0]
	for slot, cell := range r.held[class] {
		if all || r.wanted[cell] != i+1 {
			r.victims = append(r.victims, slotVictim{int32(slot), r.distance(i, cell)})
		}
	}
}

// farthest takes the victim that is expected last.
func (r *slotReplay) farthest() int32 {
	best := 0
	for j, v := range r.victims {
		if v.distance > r.victims[best].distance {
			best = j
		}
	}
	slot := r.victims[best].slot
	r.victims = append(r.victims[:best], r.victims[best+1:]...)
	return slot
}
