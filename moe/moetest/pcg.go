package moetest

import (
	"encoding/binary"
	"math/bits"
)

// PCG is the generator that numpy's default_rng makes: PCG64 (M. O'Neill, PCG: A
// Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random
// Number Generation, 2014; the XSL-RR output of a 128-bit state), seeded through
// numpy's SeedSequence. It gives the same bytes as numpy for the same calls, so
// that files made here and there are equal. It is not safe for concurrent use.
type PCG struct {
	hi, lo       uint64 // state
	incHi, incLo uint64
	half         uint32 // the upper half of an output of which the lower is used
	halved       bool
}

// NewPCG returns the generator of default_rng(seed).
func NewPCG(seed uint64) *PCG {
	s := seedState(seed)
	p := &PCG{incHi: s[2]<<1 | s[3]>>63, incLo: s[3]<<1 | 1}
	p.step()
	var carry uint64
	p.lo, carry = bits.Add64(p.lo, s[1], 0)
	p.hi, _ = bits.Add64(p.hi, s[0], carry)
	p.step()
	return p
}

// step advances the 128-bit linear congruential generator.
func (p *PCG) step() {
	const mulHi, mulLo = 0x2360ed051fc65da4, 0x4385df649fccf645
	hi, lo := bits.Mul64(p.lo, mulLo)
	hi += p.hi*mulLo + p.lo*mulHi
	var carry uint64
	p.lo, carry = bits.Add64(lo, p.incLo, 0)
	p.hi, _ = bits.Add64(hi, p.incHi, carry)
}

// Uint64 is the next output.
func (p *PCG) Uint64() uint64 {
	p.step()
	return bits.RotateLeft64(p.hi^p.lo, -int(p.hi>>58))
}

// Uint32 is half an output, the lower one first. The upper half waits for the
// next Uint32, whatever is drawn in between.
func (p *PCG) Uint32() uint32 {
	if p.halved {
		p.halved = false
		return p.half
	}
	u := p.Uint64()
	p.half, p.halved = uint32(u>>32), true
	return uint32(u)
}

// Float64 is uniform in [0, 1) with 53 bits.
func (p *PCG) Float64() float64 { return float64(p.Uint64()>>11) * (1.0 / (1 << 53)) }

// Bytes fills b with what integers(0, 256, len(b), dtype=uint8) returns: four
// bytes of each Uint32, the lowest first, the rest of the last one dropped.
func (p *PCG) Bytes(b []byte) {
	if p.halved && len(b) >= 4 {
		binary.LittleEndian.PutUint32(b, p.Uint32())
		b = b[4:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, p.Uint64())
		b = b[8:]
	}
	for len(b) > 0 {
		var last [4]byte
		binary.LittleEndian.PutUint32(last[:], p.Uint32())
		b = b[copy(b, last[:]):]
	}
}

// seedState is SeedSequence(seed).generate_state(4, uint64): it spreads the seed
// over a pool of four words, mixes each word with every other, and hashes the
// pool into as many words as are wanted (an idea of M. O'Neill, Developing a
// seed_seq Alternative, 2015).
func seedState(seed uint64) [4]uint64 {
	h := uint32(0x43b0d7e5)
	hash := func(v uint32) uint32 {
		v ^= h
		h *= 0x931e8875
		v *= h
		return v ^ v>>16
	}
	pool := [4]uint32{uint32(seed), uint32(seed >> 32)}
	for i := range pool {
		pool[i] = hash(pool[i])
	}
	for from := range pool {
		for to := range pool {
			if from != to {
				v := 0xca01f9dd*pool[to] - 0x4973f715*hash(pool[from])
				pool[to] = v ^ v>>16
			}
		}
	}
	var words [8]uint32
	h = 0x8b51f9dd
	for i := range words {
		v := pool[i%len(pool)] ^ h
		h *= 0x58f38ded
		v *= h
		words[i] = v ^ v>>16
	}
	var out [4]uint64
	for i := range out {
		out[i] = uint64(words[2*i]) | uint64(words[2*i+1])<<32
	}
	return out
}
