package profile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

const (
	// HalfLife is after how many more tokens a use counts half.
	HalfLife = 100_000
	// HalfAge is after how much time a use counts half.
	HalfAge = 30 * 24 * time.Hour
)

// ErrOtherModel says that a profile belongs to another model.
var ErrOtherModel = errors.New("the profile is of another model")

// A Model says whose profile it is.
type Model struct {
	Fingerprint string // of what its file says of itself
	Arch        string
	Experts     []int // by layer; 0 where a layer has no routed experts
}

// Limits of a profile, far beyond any model.
const (
	mostLayers = 4096
	mostCells  = 1 << 20 // experts in all layers
	mostName   = 256     // bytes of Fingerprint and of Arch
)

func (m *Model) check() error {
	if len(m.Fingerprint) == 0 || len(m.Fingerprint) > mostName || len(m.Arch) > mostName {
		return fmt.Errorf("profile: fingerprint of %d and architecture of %d bytes, want 1 to %d and at most that", len(m.Fingerprint), len(m.Arch), mostName)
	}
	if len(m.Experts) == 0 || len(m.Experts) > mostLayers {
		return fmt.Errorf("profile: %d layers, want 1 to %d", len(m.Experts), mostLayers)
	}
	cells := 0
	for layer, n := range m.Experts {
		if n < 0 || n > mostCells || cells+n > mostCells {
			return fmt.Errorf("profile: layer %d has %d experts, want at most %d in all layers", layer, n, mostCells)
		}
		cells += n
	}
	return nil
}

// Equal reports whether m and other are the same model.
func (m *Model) Equal(other *Model) bool {
	return m.Fingerprint == other.Fingerprint && m.Arch == other.Arch && slices.Equal(m.Experts, other.Experts)
}

// A Profile is the use of a model's experts.
type Profile struct {
	// Sessions and Seen count runs, by whoever has them, and the tokens that
	// reached the first layer with experts. They do not decay.
	Sessions int64
	Seen     int64
	// Updated is the time to which the counts have decayed.
	Updated time.Time

	model  Model
	layers []layer
	first  int // layer with experts
}

// layer is the use of one layer's experts. What is observed counts by unit,
// which grows instead of everything else shrinking.
type layer struct {
	tokens float64
	uses   []float64 // [experts] tokens that chose the expert
	mass   []float64 // [experts] the router's probability, summed over tokens
	unit   float64
}

// mostUnit is when the counts of a layer are brought back to units of one.
const mostUnit = 1 << 40

// New makes a profile in which nothing has been used, of the time now.
func New(m Model, now time.Time) (*Profile, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	m.Experts = slices.Clone(m.Experts)
	p := &Profile{Updated: now, model: m, layers: make([]layer, len(m.Experts)), first: slices.IndexFunc(m.Experts, func(n int) bool { return n > 0 })}
	for i, n := range m.Experts {
		p.layers[i] = layer{uses: make([]float64, n), mass: make([]float64, n), unit: 1}
	}
	return p, nil
}

// Model is whose profile it is. Its slice must not be changed.
func (p *Profile) Model() *Model { return &p.model }

// Observe notes that a layer has served a batch of tokens: the experts that
// they chose, all different, how many of them chose each (nil: one each), and
// what the router thinks of every expert, [tokens][experts], 0 to 1, or nil. It
// keeps no slice and allocates nothing. Layers and experts that the model does
// not have are left out.
func (p *Profile) Observe(at, tokens int, experts, counts []int32, probs []float32) {
	if at < 0 || at >= len(p.layers) || tokens <= 0 {
		return
	}
	if at == p.first {
		p.Seen += int64(tokens)
	}
	l := &p.layers[at]
	if l.unit *= math.Exp2(float64(tokens) / HalfLife); l.unit > mostUnit {
		l.scale(1 / l.unit)
		l.unit = 1
	}
	l.tokens += float64(tokens) * l.unit
	for i, e := range experts {
		if e < 0 || int(e) >= len(l.uses) {
			continue
		}
		count := 1
		if i < len(counts) {
			count = min(max(int(counts[i]), 0), tokens)
		}
		l.uses[e] += float64(count) * l.unit
	}
	if n := len(l.mass); len(probs) == tokens*n {
		for ; len(probs) > 0; probs = probs[n:] {
			l.weigh(probs[:n])
		}
	}
}

// weigh adds the probabilities that one token's router gave.
func (l *layer) weigh(probs []float32) {
	for e, prob := range probs {
		if prob > 0 && prob <= 1 { // and not what a broken model may give
			l.mass[e] += float64(prob) * l.unit
		}
	}
}

// scale multiplies all counts.
func (l *layer) scale(by float64) {
	l.tokens *= by
	for e := range l.uses {
		l.uses[e] *= by
		l.mass[e] *= by
	}
}

func (p *Profile) scale(by float64) {
	for i := range p.layers {
		p.layers[i].scale(by)
	}
}

// Forget lets the counts decay by so many tokens that are counted elsewhere.
func (p *Profile) Forget(tokens float64) {
	if tokens > 0 {
		p.scale(math.Exp2(-tokens / HalfLife))
	}
}

// Age lets the counts decay until now. Where the clock has gone back nothing
// decays.
func (p *Profile) Age(now time.Time) {
	if now.After(p.Updated) {
		p.scale(decay(p.Updated, now))
		p.Updated = now
	}
}

// decay is what is left at a later time.
func decay(from, to time.Time) float64 { return math.Exp2(-float64(to.Sub(from)) / float64(HalfAge)) }

// Tokens is how many tokens the counts come to after their decay: the most of a
// layer.
func (p *Profile) Tokens() float64 {
	most := 0.0
	for i := range p.layers {
		most = max(most, p.layers[i].tokens/p.layers[i].unit)
	}
	return most
}

// Merge adds other's counts, both decayed to the later of their times. The
// other profile stays as it is. It fails with ErrOtherModel.
func (p *Profile) Merge(other *Profile) error {
	if !p.model.Equal(&other.model) {
		return ErrOtherModel
	}
	p.Age(other.Updated)
	by := decay(other.Updated, p.Updated)
	p.Sessions += other.Sessions
	p.Seen += other.Seen
	for i := range p.layers {
		p.layers[i].add(&other.layers[i], by)
	}
	return nil
}

func (l *layer) add(other *layer, by float64) {
	by *= l.unit / other.unit
	l.tokens += other.tokens * by
	for e := range l.uses {
		l.uses[e] += other.uses[e] * by
		l.mass[e] += other.mass[e] * by
	}
}
