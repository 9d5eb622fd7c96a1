package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

// table8 declares 32 read-only bytes.
func (g *asm) table8(name string, at func(i int) int) Mem {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(at(i))
	}
	return g.bytes(name, b)
}

// table16 declares 16 read-only words.
func (g *asm) table16(name string, at func(i int) int) Mem {
	return g.table8(name, func(i int) int { return at(i/2) >> (i % 2 * 8) })
}

// same is for tables of one number.
func same(k int) func(int) int { return func(int) int { return k } }

// spreads declares, for each eighth j of a super-block, the shuffle that brings
// table16 2j and 2j+1 of 16 bytes to the two lanes. With wide words they are
// bytes to be zero-extended, one per lane; else a pair of bytes makes the word
// of both lanes.
func (g *asm) spreads(wide bool) (s [8]Mem) {
	for j := range s {
		name := "spread" + string(rune('0'+j))
		if wide {
			s[j] = g.table8(name, func(i int) int { return 2*j + i/16 | i%2*0x80 })
		} else {
			s[j] = g.table8(name, func(i int) int { return 2*j + i%2 })
		}
	}
	return s
}
