package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

const bytesQ2_K = 84

// q2_k is the product with Q2_K: super-blocks of 84 bytes, 16 pairs of 4-bit
// scale (low) and offset (high), 256 2-bit values, d and dmin as float16.
//
// Values times scales are at most 45 and still bytes, so that the weights are
// scaled, once for all vectors, two bytes by one product of words. Sums of four
// products are at most 4·45·128 and fit 16 bits.
func q2_k(g *asm) {
	c := tablesQ2_K{
		fields: g.table8("fields", same(3)),
		ones:   g.table16("ones", same(1)),
		spread: g.spreads(true),
	}
	g.superX1("dotQ2_Kx1", bytesQ2_K, func(s *super) { g.q2_kBlock(s, c) })
	g.superXs("dotQ2_K", bytesQ2_K, func(s *super) { g.q2_kBlock(s, c) })
}

type tablesQ2_K struct {
	fields Mem
	ones   Mem
	spread [8]Mem
}

func (g *asm) q2_kBlock(s *super, c tablesQ2_K) {
	w, fields, ones, scales := [2]int{s.w, s.w2}, 14, s.scale, s.extra
	t, u := s.tmp[0], s.tmp[1]
	g.VMOVDQU(c.fields, ymm(fields))
	g.VMOVDQU(c.ones, ymm(ones))
	g.VBROADCASTI128(Mem{Base: regCur}, ymm(scales))
	g.VPAND(ymm(s.mask), ymm(scales), ymm(scales))
	for i := 0; i < 8; i += 2 {
		shift := i % 4 * 2
		g.VMOVDQU(Mem{Base: regCur, Disp: 16 + i/4*32}, ymm(w[0]))
		g.VPSRLW(Imm(uint64(shift+2)), ymm(w[0]), ymm(w[1]))
		if shift != 0 {
			g.VPSRLW(Imm(uint64(shift)), ymm(w[0]), ymm(w[0]))
		}
		for k, w := range w {
			g.VPAND(ymm(fields), ymm(w), ymm(w))
			g.VPSHUFB(c.spread[i+k], ymm(scales), ymm(t))
			g.VPMULLW(ymm(t), ymm(w), ymm(w))
		}
		for v := range s.vectors {
			g.VPMADDUBSW(s.x(v, blockQ+32*i), ymm(w[0]), ymm(t))
			g.VPMADDUBSW(s.x(v, blockQ+32*i+32), ymm(w[1]), ymm(u))
			g.VPADDW(ymm(u), ymm(t), ymm(t))
			if i == 0 {
				g.VPMADDWD(ymm(ones), ymm(t), ymm(s.sum+v))
				continue
			}
			g.VPMADDWD(ymm(ones), ymm(t), ymm(t))
			g.VPADDD(ymm(t), ymm(s.sum+v), ymm(s.sum+v))
		}
	}
	g.q2_kEnd(s)
}

// q2_kEnd adds the super-block: acc += D·(d·sum - dmin·offsets).
func (g *asm) q2_kEnd(s *super) {
	d, dmin := s.w, s.w2
	g.VMOVDQU(Mem{Base: regCur}, xmm(s.extra))
	g.VPSRLW(Imm(4), xmm(s.extra), xmm(s.extra))
	g.VPAND(xmm(s.mask), xmm(s.extra), xmm(s.extra))
	g.VPMOVZXBW(xmm(s.extra), ymm(s.extra))
	g.VPBROADCASTW(Mem{Base: regCur, Disp: 80}, xmm(d))
	g.VPBROADCASTW(Mem{Base: regCur, Disp: 82}, xmm(dmin))
	g.addSuper(s, d, dmin)
}
