package placement

import (
	"fmt"
	"math"
)

// Usage is which experts recorded tokens chose. It is not changed after it was
// made.
type Usage struct {
	tokens, layers, top int
	chosen              []int32 // [tokens][layers][top]; -1: no choice
}

// NewUsage copies choices of experts, as tokens × layers × experts. Tokens may
// choose fewer experts in some layers, or none where they were not recorded.
func NewUsage(tokens [][][]uint16) (Usage, error) {
	u := Usage{tokens: len(tokens)}
	for t, layers := range tokens {
		if t > 0 && len(layers) != u.layers {
			return Usage{}, fmt.Errorf("token %d: found %d layers, the first has %d", t, len(layers), u.layers)
		}
		u.layers = len(layers)
		for _, c := range layers {
			u.top = max(u.top, len(c))
		}
	}
	if cells := float64(u.tokens) * float64(u.layers) * float64(u.top); cells > math.MaxInt32 {
		return Usage{}, fmt.Errorf("found %.0f choices, want at most %d", cells, math.MaxInt32)
	}
	u.chosen = make([]int32, u.tokens*u.layers*u.top)
	for i := range u.chosen {
		u.chosen[i] = -1
	}
	for t, layers := range tokens {
		for l, c := range layers {
			row := u.chosen[(t*u.layers+l)*u.top:]
			for k, e := range c {
				row[k] = int32(e)
			}
		}
	}
	return u, nil
}

// FromTrace is the problem of a recorded run: tokens × layers × experts chosen,
// and the bytes of every expert of every layer. Links, Home and what messages
// weigh are left for the caller to set.
func FromTrace(tokens [][][]uint16, layers [][]int64, devices []Device) (*Problem, error) {
	u, err := NewUsage(tokens)
	if err != nil {
		return nil, err
	}
	p := &Problem{Layers: layers, Devices: devices, Usage: u}
	return p, p.Check()
}

// Tokens is how many tokens were recorded.
func (u *Usage) Tokens() int { return u.tokens }

// Split divides the tokens in two, the first n and the rest, to plan on one part
// and judge on the other. The parts share memory with the whole.
func (u *Usage) Split(n int) (Usage, Usage) {
	n = max(0, min(n, u.tokens))
	head, tail := *u, *u
	head.tokens, tail.tokens = n, u.tokens-n
	head.chosen, tail.chosen = u.chosen[:n*u.layers*u.top], u.chosen[n*u.layers*u.top:]
	return head, tail
}

// Shuffled gives the choices of each layer to other tokens at random. How often
// an expert is used, and with which others of its layer, stays; what adjacent
// layers have to do with each other is lost. A plan that is as good on this has
// gained nothing from affinity.
func (u *Usage) Shuffled(seed uint64) Usage {
	out := *u
	out.chosen = make([]int32, len(u.chosen))
	rng := newRandom(seed)
	for l := range u.layers {
		for t, from := range rng.Perm(u.tokens) {
			copy(out.at(t, l), u.at(from, l))
		}
	}
	return out
}

// at is the choices of a token in a layer, padded with -1.
func (u *Usage) at(t, l int) []int32 {
	i := (t*u.layers + l) * u.top
	return u.chosen[i : i+u.top : i+u.top]
}

func (u *Usage) check(layers [][]int64) error {
	if u.tokens == 0 {
		return nil
	}
	if u.layers != len(layers) {
		return fmt.Errorf("found choices in %d layers, want %d", u.layers, len(layers))
	}
	for t := range u.tokens {
		for l := range u.layers {
			row := u.at(t, l)
			for k, e := range row {
				if int(e) >= len(layers[l]) {
					return fmt.Errorf("token %d, layer %d: found expert %d of %d", t, l, e, len(layers[l]))
				}
				for _, f := range row[:k] {
					if e >= 0 && e == f {
						return fmt.Errorf("token %d, layer %d: expert %d is chosen twice", t, l, e)
					}
				}
			}
		}
	}
	return nil
}
