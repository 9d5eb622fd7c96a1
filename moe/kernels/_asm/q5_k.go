package main

import (
	"bytes"

	. "github.com/mmcloughlin/avo/operand"
)

const bytesQ5_K = 176

// q5_k is the product with Q5_K: Q4_K with 32 bytes of fifth bits between the
// scales and the nibbles.
func q5_k(g *asm) {
	scales := g.scalesK4()
	mask10 := g.bytes("mask10", bytes.Repeat([]byte{0x10}, 32))
	g.superX1("dotQ5_Kx1", bytesQ5_K, func(s *super) { g.q5_kBlock(s, scales, mask10) })
	g.superXs("dotQ5_K", bytesQ5_K, func(s *super) { g.q5_kBlock(s, scales, mask10) })
}

func (g *asm) q5_kBlock(s *super, c scalesK4, mask10 Mem) {
	high := s.free
	g.unpackScalesK4(s, c)
	g.VMOVDQU(Mem{Base: regCur, Disp: 16}, ymm(high))
	for i := range 4 {
		g.VMOVDQU(Mem{Base: regCur, Disp: 48 + 32*i}, ymm(s.w))
		g.VPSRLW(Imm(4), ymm(s.w), ymm(s.w2))
		g.VPAND(ymm(s.mask), ymm(s.w), ymm(s.w))
		g.VPAND(ymm(s.mask), ymm(s.w2), ymm(s.w2))
		g.fifthBit(s, 2*i, s.w, high, mask10)
		g.fifthBit(s, 2*i+1, s.w2, high, mask10)
		g.VPBROADCASTD(Mem{Base: regTmp, Disp: 8 * i}, ymm(s.scale))
		g.superAdd(s, 2*i, s.w)
		g.VPBROADCASTD(Mem{Base: regTmp, Disp: 8*i + 4}, ymm(s.scale))
		g.superAdd(s, 2*i+1, s.w2)
	}
	g.offsetK4(s)
}

// fifthBit puts bit i of the bytes of high into bit 4 of those of w.
func (g *asm) fifthBit(s *super, i, w, high int, mask10 Mem) {
	t := s.tmp[0]
	switch {
	case i < 4:
		g.VPSLLW(Imm(uint64(4-i)), ymm(high), ymm(t))
		g.VPAND(mask10, ymm(t), ymm(t))
	case i == 4:
		g.VPAND(mask10, ymm(high), ymm(t))
	default:
		g.VPSRLW(Imm(uint64(i-4)), ymm(high), ymm(t))
		g.VPAND(mask10, ymm(t), ymm(t))
	}
	g.VPOR(ymm(t), ymm(w), ymm(w))
}
