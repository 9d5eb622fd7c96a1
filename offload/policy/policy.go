package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Policy estimates when each expert is wanted next. It is pure: no I/O, clock or
// goroutine. It is used by one goroutine at a time.
type Policy interface {
	// Visit notes that a layer is served. It comes before the victims of that
	// demand are chosen. It keeps none of the slices and allocates nothing.
	// Layers and experts beyond the Shape are not noted.
	Visit(v *Visit)

	// Foresee says how likely the next visit of a layer wants some experts, and
	// that it is not likely to want the others; until that visit it stands
	// against what the policy thinks itself. One that does not predict does not
	// listen. It keeps neither slice.
	Foresee(layer int, experts []int32, p []float32)

	// Distance is the expected number of layer visits, from now (layer now is
	// being served), until the expert is wanted again: finite and not
	// negative. The largest goes first; ties go by the caller's order. Only
	// the order of two distances means something for a policy that does not
	// predict, such as lru.
	Distance(now, layer, expert int) float32
}

// Visit is one layer serving a batch of tokens.
type Visit struct {
	Layer   int
	Experts []int32 // wanted, ascending and all different
	Counts  []int32 // tokens that chose each, nil: one each
	Tokens  int     // of the batch
	// Probs are what the router thinks of each of the layer's experts, chosen or
	// not, in 0 to 1, the mean over the batch; nil where that is not known.
	Probs []float32
}

// Mean sets dst to the mean of rows of its length, for Visit.Probs.
func Mean(dst, rows []float32) {
	clear(dst)
	n := len(rows) / len(dst)
	for i := range n {
		for e, p := range rows[i*len(dst):][:len(dst)] {
			dst[e] += p
		}
	}
	for e := range dst {
		dst[e] /= float32(n)
	}
}

// Shape is the size of a model as a Policy sees it.
type Shape struct {
	Layers  int // of the model; those without experts are never visited
	Experts int // per layer
}

// Key names one expert of a model.
type Key struct {
	Layer, Expert int32
}

// never is the distance of an expert that is not the model's.
const never = 1 << 60

// maxCells bounds Layers times Experts, far beyond any model.
const maxCells = 1 << 22

// Default is the name of the policy that New makes of "".
const Default = "cycle"

// maker is a policy's name and how it is made.
type maker struct {
	name string
	make func(Shape) Policy
}

func makers() []maker {
	return []maker{
		{"cycle", func(s Shape) Policy { return newCycle(s) }},
		{"lru", func(s Shape) Policy { return newRecency(s) }},
		{"lfu", func(s Shape) Policy { return newFrequency(s) }},
		{"layered-lfu", func(s Shape) Policy { return newLayered(s) }},
		{"least-stale", func(s Shape) Policy { return newStale(s) }},
	}
}

// Names lists the policies that New makes, the recommended one first.
func Names() []string {
	var names []string
	for _, m := range makers() {
		names = append(names, m.name)
	}
	return names
}

// New makes the policy of that name, "" being Default, for a model of shape s.
func New(name string, s Shape) (Policy, error) {
	if s.Layers <= 0 || s.Experts <= 0 || s.Layers > maxCells/s.Experts {
		return nil, fmt.Errorf("policy: found %d layers of %d experts, want 1 to %d experts in all", s.Layers, s.Experts, maxCells)
	}
	if name == "" {
		name = Default
	}
	all := makers()
	i := slices.IndexFunc(all, func(m maker) bool { return m.name == name })
	if i < 0 {
		return nil, fmt.Errorf("policy: found %q, want one of %s", name, strings.Join(Names(), ", "))
	}
	return all[i].make(s), nil
}

// Victim returns the place in held of the expert whose next use is farthest
// while layer now is served, the first among equals, or -1 if held is empty.
// held is a snapshot of what may be evicted: nothing that is wanted by the
// batch at hand, being read, or leased.
func Victim(p Policy, now int, held []Key) int {
	if c, ok := p.(*cycle); ok {
		return c.victim(now, held)
	}
	victim, farthest := -1, float32(-1)
	for i, k := range held {
		if d := p.Distance(now, int(k.Layer), int(k.Expert)); d > farthest {
			victim, farthest = i, d
		}
	}
	return victim
}

// ahead is the number of layer visits from layer now until layer is next
// visited, 1 to the number of layers: the layer at hand is a whole cycle away.
// It does not branch, since layers come in no order that could be foretold. A
// now that is no layer gives some number from 1.
func (s Shape) ahead(now, layer int) int {
	d := layer - now
	return max(1, d+s.Layers&((d-1)>>63))
}

// holds reports whether an expert is one of the model's.
func (s Shape) holds(layer, expert int) bool {
	return uint(layer) < uint(s.Layers) && uint(expert) < uint(s.Experts)
}
