package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

const bytesQ4_K = 144

// q4_k is the product with Q4_K: super-blocks of 144 bytes, d and dmin as
// float16, eight pairs of 6-bit scale and offset, 256 nibbles. Within a
// super-block the sums are exact in integers.
func q4_k(g *asm) {
	scales := g.scalesK4()
	g.superX1("dotQ4_Kx1", bytesQ4_K, func(s *super) { g.q4_kBlock(s, scales) })
	g.superXs("dotQ4_K", bytesQ4_K, func(s *super) { g.q4_kBlock(s, scales) })
}

func (g *asm) q4_kBlock(s *super, c scalesK4) {
	g.unpackScalesK4(s, c)
	for i := range 4 {
		g.VMOVDQU(Mem{Base: regCur, Disp: 16 + 32*i}, ymm(s.w))
		g.VPSRLW(Imm(4), ymm(s.w), ymm(s.w2))
		g.VPAND(ymm(s.mask), ymm(s.w), ymm(s.w))
		g.VPAND(ymm(s.mask), ymm(s.w2), ymm(s.w2))
		g.VPBROADCASTD(Mem{Base: regTmp, Disp: 8 * i}, ymm(s.scale))
		g.superAdd(s, 2*i, s.w)
		g.VPBROADCASTD(Mem{Base: regTmp, Disp: 8*i + 4}, ymm(s.scale))
		g.superAdd(s, 2*i+1, s.w2)
	}
	g.offsetK4(s)
}

// scalesK4 are the constants that take apart the 12 bytes of scales and
// offsets of Q4_K and Q5_K. In a lane with the first 16 bytes of a super-block,
// double word 1 has six bits of scales 0-3 and two of 4-7, 2 the same of the
// offsets, 3 the low halves of scales and offsets 4-7. The upper lane makes
// numbers 4-7.
type scalesK4 struct {
	highShift, highMask Mem // of double words 1 and 2
	lowShift, lowMask   Mem // of double word 3 in the places of 1 and 2
	scales, offsets     Mem // shuffles that make pairs of words
}

func (g *asm) scalesK4() scalesK4 {
	lanes := func(low, high [4]uint32) []byte {
		var b []byte
		for _, d := range append(low[:], high[:]...) {
			b = append(b, byte(d), byte(d>>8), byte(d>>16), byte(d>>24))
		}
		return b
	}
	pairs := func(from byte) []byte {
		var b []byte
		for i := range byte(8) {
			b = append(b, from+i%4, 0x80, from+i%4, 0x80)
		}
		return b
	}
	const all30, all3f, all0f = 0x30303030, 0x3f3f3f3f, 0x0f0f0f0f
	return scalesK4{
		highShift: g.bytes("highShift", lanes([4]uint32{}, [4]uint32{0, 2, 2, 0})),
		highMask:  g.bytes("highMask", lanes([4]uint32{0, all3f, all3f, 0}, [4]uint32{0, all30, all30, 0})),
		lowShift:  g.bytes("lowShift", lanes([4]uint32{}, [4]uint32{0, 0, 4, 0})),
		lowMask:   g.bytes("lowMask", lanes([4]uint32{}, [4]uint32{0, all0f, all0f, 0})),
		scales:    g.bytes("scalePairs", pairs(4)),
		offsets:   g.bytes("offsetPairs", pairs(8)),
	}
}

// unpackScalesK4 puts the eight scales, each as a pair of words, at regTmp and
// the offsets, likewise, in s.extra.
func (g *asm) unpackScalesK4(s *super, c scalesK4) {
	g.VBROADCASTI128(Mem{Base: regCur}, ymm(s.w))
	g.VPSHUFD(Imm(0xff), ymm(s.w), ymm(s.w2))
	g.VPSRLVD(c.highShift, ymm(s.w), ymm(s.w))
	g.VPSRLVD(c.lowShift, ymm(s.w2), ymm(s.w2))
	g.VPAND(c.highMask, ymm(s.w), ymm(s.w))
	g.VPAND(c.lowMask, ymm(s.w2), ymm(s.w2))
	g.VPOR(ymm(s.w2), ymm(s.w), ymm(s.w))
	g.VPSHUFB(c.offsets, ymm(s.w), ymm(s.extra))
	g.VPSHUFB(c.scales, ymm(s.w), ymm(s.w))
	g.VMOVDQA(ymm(s.w), Mem{Base: regTmp})
}

// offsetK4 ends a super-block: acc += D·(d·sum - dmin·offsets), rounded after
// each of the three steps.
func (g *asm) offsetK4(s *super) {
	d, dmin := s.w, s.w2
	g.VPBROADCASTW(Mem{Base: regCur}, xmm(d))
	g.VPBROADCASTW(Mem{Base: regCur, Disp: 2}, xmm(dmin))
	g.VCVTPH2PS(xmm(d), ymm(d))
	g.VCVTPH2PS(xmm(dmin), ymm(dmin))
	for v := range s.vectors {
		t := s.tmp[v%2]
		g.VPMADDWD(s.x(v, blockSums), ymm(s.extra), ymm(t))
		g.VCVTDQ2PS(ymm(s.sum+v), ymm(s.sum+v))
		g.VCVTDQ2PS(ymm(t), ymm(t))
		g.VMULPS(ymm(d), ymm(s.sum+v), ymm(s.sum+v))
		g.VFNMADD231PS(ymm(dmin), ymm(t), ymm(s.sum+v))
		g.VBROADCASTSS(s.x(v, blockD), ymm(t))
		g.VFMADD231PS(ymm(t), ymm(s.sum+v), ymm(s.acc+v))
	}
}
