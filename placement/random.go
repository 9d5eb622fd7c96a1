package placement

import "math/rand/v2"

// newRandom is a generator whose sequence is the same on every machine.
func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)) }
