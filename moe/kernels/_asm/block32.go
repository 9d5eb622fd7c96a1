package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// block32 is a format with blocks of 32 values in nibbles, each with a scale
// at its start.
type block32 struct {
	name   string
	size   int       // bytes of a block
	min    int       // where the float16 is that is added to all values; 0 for none
	q      int       // where the nibbles are
	high   int       // where bit 4 of the values is; 0 where they have four
	power  bool      // the scale is an exponent byte, not a float16
	levels *[16]int8 // what the nibbles stand for, if not for themselves
	offset int       // what was added to the values to have them positive
	signed bool      // values are negative too, and up to 128 in size
	whole  bool      // values are bytes, not nibbles
}

// dot32 is the product with f. As many blocks as an activation block has,
// eight, are done in one turn; what is left is done one by one. The sum of a
// block is exact, its offset taken off, before it becomes a float. For formats
// with min activations have their sums scaled, as float32 (FormQ8_1).
func dot32(f block32) func(g *asm) {
	return func(g *asm) {
		k := kernel32{asm: g, block32: f, c: g.tables32(f), vectors: 1}
		g.rows1("dot"+f.name+"x1", k.setup, k.row)
		k.several()
	}
}

// several writes the kernels for two and four vectors.
func (k *kernel32) several() {
	for _, k.vectors = range []int{2, 4} {
		k.rows4(fmt.Sprintf("dot%sx%d", k.name, k.vectors), k.vectors, k.setup, k.row)
	}
}

// kernel32 is a product with a block32 for one, two or four vectors.
type kernel32 struct {
	*asm
	block32
	c       tables32
	vectors int

	mask, shifts, ones Op // constants, in registers where there are free ones
}

// Registers of a kernel32. Those of vector v come v later.
const (
	b32First = 0  // sums of blocks 0 to 3
	b32Sums  = 4  // sums of up to four blocks
	b32W     = 8  // 32 weights, and 32 more
	b32T     = 10 // temporary
	b32U     = 11
	b32Abs   = 12 // sizes of the weights, where signed
	b32S     = 14 // temporary
	b32Table = 15 // levels, or the bits of a byte
)

// tables32 are the constants of a block32.
type tables32 struct {
	mask         Mem // bytes of 15
	shifts       Mem // what brings high nibbles to the upper lane
	ones         Mem // words of 1
	offset       Mem // words to be multiplied with sums of activations
	table        Mem // for register b32Table
	spread, bit4 Mem // make bytes of 16 from bits
	one          Mem // double words of 1
}

func (g *asm) tables32(f block32) (c tables32) {
	c.ones = g.table16("ones", same(1))
	c.mask = g.table8("mask", same(15))
	c.shifts = g.table16("shifts", func(i int) int { return [16]int{8: 4, 12: 4}[i] })
	if f.offset != 0 {
		c.offset = g.table16("offset", same(-f.offset))
	}
	if f.levels != nil {
		c.table = g.table8("levels", func(i int) int { return int(f.levels[i%16]) + f.offset })
	}
	if f.high != 0 {
		c.table = g.table8("bits", func(i int) int { return 1 << (i % 8) })
		c.spread = g.table8("spread", func(i int) int { return i / 8 })
		c.bit4 = g.table8("bit4", same(16))
	}
	if f.power {
		c.one = g.table16("one", func(i int) int { return 1 - i%2 })
	}
	return c
}

// setup loads constants. For one vector many registers are free. For four,
// ones stay in memory, and so do mask and shifts where their registers hold
// sizes.
func (k *kernel32) setup() {
	k.mask, k.shifts, k.ones = k.c.mask, k.c.shifts, k.c.ones
	if k.vectors == 1 {
		k.keep(&k.mask, 1)
		k.keep(&k.shifts, 2)
		k.keep(&k.ones, 3)
	} else if !k.signed {
		k.keep(&k.mask, 12)
		k.keep(&k.shifts, 13)
	}
	if k.levels != nil || k.high != 0 {
		k.VMOVDQU(k.c.table, ymm(b32Table))
	}
}

// keep loads a constant into a register, to be used from there.
func (k *kernel32) keep(constant *Op, r int) {
	k.VMOVDQU(*constant, ymm(r))
	*constant = ymm(r)
}

// x is the memory of vector v at disp from offset off.
func (k *kernel32) x(v int, off GPPhysical, disp int) Mem {
	if k.vectors == 1 {
		return Mem{Base: off, Disp: disp}
	}
	return Mem{Base: regXs[v], Index: off, Scale: 1, Disp: disp}
}

// acc is the accumulator of vector v. It is in memory: the registers go to
// what is needed more often.
func (k *kernel32) acc(v int) Mem { return Mem{Base: regTmp, Disp: 32 * v} }

// row leaves the products of a row in lane 0 of the first registers.
func (k *kernel32) row() {
	k.aligned(32*k.vectors, regTmp)
	k.zero(b32T)
	for v := range k.vectors {
		k.VMOVAPS(ymm(b32T), k.acc(v))
	}
	if k.vectors == 1 {
		k.MOVQ(regX, regOff)
	} else {
		k.XORL(regOff.As32(), regOff.As32())
	}
	k.MOVQ(regCount, regLeft)
	k.SUBQ(I32(256), regLeft)
	k.JL(LabelRef("tail"))
	k.Label("eight")
	k.eight()
	k.SUBQ(I32(256), regLeft)
	k.JGE(LabelRef("eight"))
	k.Label("tail")
	for v := range k.vectors {
		k.VMOVAPS(k.acc(v), ymm(v))
		k.reduce(v, b32T)
	}
	k.ADDQ(I32(256), regLeft)
	k.JE(LabelRef("end"))
	k.MOVQ(regOff, regTmp)
	k.Label("one")
	k.one()
	k.SUBQ(I32(32), regLeft)
	k.JNE(LabelRef("one"))
	k.Label("end")
}
