package main

import (
	"bytes"

	. "github.com/mmcloughlin/avo/operand"
)

const bytesQ6_K = 210

// q6_k is the product with Q6_K: super-blocks of 210 bytes, 128 with the low
// four bits, 64 with the high two, 16 signed scales and a float16. Weights are
// multiplied as 0 to 63; the 32 that they are too large is taken off with the
// sums of the activations.
func q6_k(g *asm) {
	c := constantsQ6_K{
		order:  g.bytes("scaleOrder", []byte{0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15}),
		mask30: g.bytes("mask30", bytes.Repeat([]byte{0x30}, 32)),
	}
	g.superX1("dotQ6_Kx1", bytesQ6_K, func(s *super) { g.q6_kBlock(s, c) })
	g.superXs("dotQ6_K", bytesQ6_K, func(s *super) { g.q6_kBlock(s, c) })
}

type constantsQ6_K struct {
	order  Mem // even scales to the lower half, odd ones to the upper
	mask30 Mem
}

func (g *asm) q6_kBlock(s *super, c constantsQ6_K) {
	scales, high, t := s.extra, s.free, s.tmp[0]
	for h := range 2 {
		g.q6_kScales(scales, h, c)
		g.VMOVDQU(Mem{Base: regCur, Disp: 128 + 32*h}, ymm(high))
		for odd := range 2 {
			g.VMOVDQU(Mem{Base: regCur, Disp: 64*h + 32*odd}, ymm(s.w))
			g.VPSRLW(Imm(4), ymm(s.w), ymm(s.w2))
			g.VPAND(ymm(s.mask), ymm(s.w), ymm(s.w))
			g.VPAND(ymm(s.mask), ymm(s.w2), ymm(s.w2))
			g.VPSLLW(Imm(uint64(4-2*odd)), ymm(high), ymm(t))
			g.VPAND(c.mask30, ymm(t), ymm(t))
			g.VPOR(ymm(t), ymm(s.w), ymm(s.w))
			if odd == 0 {
				g.VPAND(c.mask30, ymm(high), ymm(t))
			} else {
				g.VPSRLW(Imm(2), ymm(high), ymm(t))
				g.VPAND(c.mask30, ymm(t), ymm(t))
			}
			g.VPOR(ymm(t), ymm(s.w2), ymm(s.w2))
			g.VPSHUFD(Imm(uint64(0x55*odd)), ymm(scales), ymm(s.scale))
			g.superAdd(s, 4*h+odd, s.w)
			g.VPSHUFD(Imm(uint64(0x55*(odd+2))), ymm(scales), ymm(s.scale))
			g.superAdd(s, 4*h+odd+2, s.w2)
		}
	}
	g.VPMOVSXBW(Mem{Base: regCur, Disp: 192}, ymm(scales))
	g.VPBROADCASTW(Mem{Base: regCur, Disp: 208}, xmm(s.w))
	g.VCVTPH2PS(xmm(s.w), ymm(s.w))
	for v := range s.vectors {
		t := s.tmp[v%2]
		g.VPMADDWD(s.x(v, blockSums), ymm(scales), ymm(t))
		g.VPSLLD(Imm(5), ymm(t), ymm(t))
		g.VPSUBD(ymm(t), ymm(s.sum+v), ymm(s.sum+v))
		g.superScale(s, v, s.w)
	}
}

// q6_kScales makes pairs of words of the eight scales of half h of a
// super-block: in double word i of the lower lane that of the first 16 of the
// ith 32 weights, in the upper lane that of the second 16.
func (g *asm) q6_kScales(r, h int, c constantsQ6_K) {
	g.VMOVDQU(Mem{Base: regCur, Disp: 192}, xmm(r))
	g.VPSHUFB(c.order, xmm(r), xmm(r))
	g.VPMOVSXBW(xmm(r), ymm(r))
	if h == 0 {
		g.VPUNPCKLWD(ymm(r), ymm(r), ymm(r))
	} else {
		g.VPUNPCKHWD(ymm(r), ymm(r), ymm(r))
	}
}
