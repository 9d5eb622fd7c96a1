package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

const bytesIQ4_XS = 136

// iq4_xs is the product with IQ4_XS: super-blocks of 136 bytes, d as float16,
// two high bits of eight scales, four low bits of them, 256 nibbles that stand
// for levels. 32 is to be taken off the scales. Levels are multiplied by size,
// with their signs moved to the activations, which are never -128.
func iq4_xs(g *asm) {
	c := g.tablesIQ4_XS()
	g.superX1("dotIQ4_XSx1", bytesIQ4_XS, func(s *super) { g.iq4_xsBlock(s, c) })
	g.superXs("dotIQ4_XS", bytesIQ4_XS, func(s *super) { g.iq4_xsBlock(s, c) })
}

type tablesIQ4_XS struct {
	levels, shifts         Mem // for the values
	low, lowShift, lowMask Mem // for the scales
	top, topShift, offset  Mem
	spread                 [8]Mem
}

// tablesIQ4_XS has shifts of the scales as powers of two: AVX2 cannot shift
// words by different counts, but it can multiply them.
func (g *asm) tablesIQ4_XS() tablesIQ4_XS {
	return tablesIQ4_XS{
		levels:   g.table8("levels", func(i int) int { return int(levelsIQ4[i%16]) }),
		shifts:   g.table16("shifts", func(i int) int { return [16]int{8: 4, 12: 4}[i] }),
		low:      g.table8("low", func(i int) int { return 4 + i%16/4 | i%2*0x80 }),
		lowShift: g.table16("lowShift", func(i int) int { return [2]int{16, 1}[i%2] }),
		lowMask:  g.table16("lowMask", same(15)),
		top:      g.table8("top", func(i int) int { return 2 + i%2 }),
		topShift: g.table16("topShift", func(i int) int { return 1 << (14 - i%8*2) }),
		offset:   g.table16("offset", same(32)),
		spread:   g.spreads(false),
	}
}

func (g *asm) iq4_xsBlock(s *super, c tablesIQ4_XS) {
	w, abs, scales, x, table, shifts := s.w, s.w2, s.extra, s.tmp[0], s.tmp[1], 14
	g.VMOVDQU(c.levels, ymm(table))
	g.VMOVDQU(c.shifts, ymm(shifts))
	g.iq4_xsScales(s, c)
	for i := range 8 {
		g.VBROADCASTI128(Mem{Base: regCur, Disp: 8 + 16*i}, ymm(w))
		g.VPSRLVQ(ymm(shifts), ymm(w), ymm(w))
		g.VPAND(ymm(s.mask), ymm(w), ymm(w))
		g.VPSHUFB(ymm(w), ymm(table), ymm(w))
		g.VPABSB(ymm(w), ymm(abs))
		g.VPSHUFB(c.spread[i], ymm(scales), ymm(s.scale))
		for v := range s.vectors {
			g.VMOVDQA(s.x(v, blockQ+32*i), ymm(x))
			g.VPSIGNB(ymm(w), ymm(x), ymm(x))
			g.VPMADDUBSW(ymm(x), ymm(abs), ymm(x))
			if i == 0 {
				g.VPMADDWD(ymm(s.scale), ymm(x), ymm(s.sum+v))
				continue
			}
			g.VPMADDWD(ymm(s.scale), ymm(x), ymm(x))
			g.VPADDD(ymm(x), ymm(s.sum+v), ymm(s.sum+v))
		}
	}
	g.VPBROADCASTW(Mem{Base: regCur}, xmm(s.w))
	g.addSuper(s, s.w, none)
}

// iq4_xsScales unpacks the eight scales to words in both lanes of s.extra.
func (g *asm) iq4_xsScales(s *super, c tablesIQ4_XS) {
	low, top := ymm(s.extra), ymm(s.w)
	g.VPBROADCASTQ(Mem{Base: regCur}, low)
	g.VPSHUFB(c.top, low, top)
	g.VPSHUFB(c.low, low, low)
	g.VPMULLW(c.lowShift, low, low) // now bits 4 to 7
	g.VPSRLW(Imm(4), low, low)
	g.VPAND(c.lowMask, low, low)
	g.VPMULLW(c.topShift, top, top) // now bits 14 and 15
	g.VPSRLW(Imm(14), top, top)
	g.VPSLLW(Imm(4), top, top)
	g.VPOR(top, low, low)
	g.VPSUBW(c.offset, low, low)
}
