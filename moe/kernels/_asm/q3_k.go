package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

const bytesQ3_K = 110

// q3_k is the product with Q3_K: super-blocks of 110 bytes, 256 high bits, 256
// pairs of low bits, 16 scales of 6 bits, d as float16. 32 is to be taken off
// the scales and 4 off the values; the latter with the sums of activations, as
// integers.
func q3_k(g *asm) {
	c := g.tablesQ3_K()
	g.superX1("dotQ3_Kx1", bytesQ3_K, func(s *super) { g.q3_kBlock(s, c) })
	g.superXs("dotQ3_K", bytesQ3_K, func(s *super) { g.q3_kBlock(s, c) })
}

type tablesQ3_K struct {
	fields              Mem // 2-bit values 0 and 2 of a byte, with room above
	even, odd           Mem // four high bits to above fields 0 and 2, 1 and 3
	low, lowShift       Mem // of the scales
	top, topShift, mask Mem
	offset, order       Mem
	spread              [8]Mem
}

// tablesQ3_K arranges the scales with those of even groups first, so that when
// widened to words the two groups of 32 values are in different lanes.
func (g *asm) tablesQ3_K() tablesQ3_K {
	group := func(place int) int { return place%8*2 + place%16/8 }
	return tablesQ3_K{
		fields:   g.table8("fields", same(0x33)),
		even:     g.table8("even", func(i int) int { return i&1<<2 | i&4<<4 }),
		odd:      g.table8("odd", func(i int) int { return i&2<<1 | i&8<<3 }),
		low:      g.table8("low", func(i int) int { return 2 + group(i)%8 }),
		lowShift: g.table16("lowShift", func(i int) int { return [8]int{2: 4, 6: 4}[i%8] }),
		top:      g.table8("top", func(i int) int { return 10 + group(i)%4 }),
		topShift: g.table16("topShift", func(i int) int { return 1 << (6 - group(2*i)/4*2) }),
		mask:     g.table8("mask", same(0x30)),
		offset:   g.table8("offset", same(32)),
		order:    g.table8("order", func(i int) int { return i%2*8 + i%16/2 }),
		spread:   g.spreads(false),
	}
}

func (g *asm) q3_kBlock(s *super, c tablesQ3_K) {
	even, odd, scales, t, w, fields := s.w, s.w2, s.extra, s.tmp[0], s.tmp[1], 14
	g.q3_kScales(s, c, w)
	for v := range s.vectors {
		g.VPMADDWD(s.x(v, blockSums), ymm(w), ymm(s.sum+v))
	}
	g.VMOVDQU(c.fields, ymm(fields))
	for i := range 8 {
		if i%4 == 0 {
			g.VMOVDQU(Mem{Base: regCur}, ymm(w))
			if i != 0 {
				g.VPSRLW(Imm(4), ymm(w), ymm(w))
			}
			g.VPAND(ymm(s.mask), ymm(w), ymm(w))
			g.VMOVDQU(c.even, ymm(even))
			g.VMOVDQU(c.odd, ymm(odd))
			g.VPSHUFB(ymm(w), ymm(even), ymm(even))
			g.VPSHUFB(ymm(w), ymm(odd), ymm(odd))
			g.VMOVDQU(Mem{Base: regCur, Disp: 32 + i/4*32}, ymm(t))
			g.VPAND(ymm(fields), ymm(t), ymm(w))
			g.VPOR(ymm(w), ymm(even), ymm(even))
			g.VPSRLW(Imm(2), ymm(t), ymm(t))
			g.VPAND(ymm(fields), ymm(t), ymm(t))
			g.VPOR(ymm(t), ymm(odd), ymm(odd))
		}
		from := [2]int{even, odd}[i%2]
		if i%4 >= 2 {
			g.VPSRLW(Imm(4), ymm(from), ymm(from))
		}
		g.VPAND(ymm(s.mask), ymm(from), ymm(w))
		g.VPSHUFB(c.spread[i], ymm(scales), ymm(s.scale))
		for v := range s.vectors {
			g.VPMADDUBSW(s.x(v, blockQ+32*i), ymm(w), ymm(t))
			g.VPMADDWD(ymm(s.scale), ymm(t), ymm(t))
			g.VPADDD(ymm(t), ymm(s.sum+v), ymm(s.sum+v))
		}
	}
	g.VPBROADCASTW(Mem{Base: regCur, Disp: 108}, xmm(s.w))
	g.addSuper(s, s.w, none)
}

// q3_kScales unpacks the scales to words: in s.extra in the order of the
// tables, and times -4, in their own order, in r.
func (g *asm) q3_kScales(s *super, c tablesQ3_K, r int) {
	low, top := s.w, s.w2
	g.VMOVDQU(Mem{Base: regCur, Disp: 94}, xmm(low)) // not past the end of the block
	g.VPSHUFB(c.top, xmm(low), xmm(top))
	g.VPSHUFB(c.low, xmm(low), xmm(low))
	g.VPSRLVD(c.lowShift, xmm(low), xmm(low))
	g.VPAND(xmm(s.mask), xmm(low), xmm(low))
	g.VPMULLW(c.topShift, xmm(top), xmm(top)) // now bits 6 and 7
	g.VPSRLW(Imm(2), xmm(top), xmm(top))
	g.VPAND(c.mask, xmm(top), xmm(top))
	g.VPOR(xmm(top), xmm(low), xmm(low))
	g.VPSUBB(c.offset, xmm(low), xmm(low))
	g.VPMOVSXBW(xmm(low), ymm(s.extra))
	g.VPSHUFB(c.order, xmm(low), xmm(low))
	g.VPMOVSXBW(xmm(low), ymm(low))
	g.VPXOR(ymm(r), ymm(r), ymm(r))
	g.VPSUBW(ymm(low), ymm(r), ymm(r))
	g.VPSLLW(Imm(2), ymm(r), ymm(r))
}
