package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rope is the rotation of pairs, with the bits of the generic code: products
// are rounded before they are added. Angles are cosine, sine, cosine, ...
func rope(g *asm) {
	g.begin("rotatePairsAVX2", "func(x, angles *float32, n int)",
		"rotatePairsAVX2 is assembly of rotatePairsGeneric for n values, a multiple of 8.")
	g.Load(g.Param("x"), RDI)
	g.Load(g.Param("angles"), RSI)
	g.Load(g.Param("n"), RCX)
	g.Label("loop")
	g.VMOVUPS(Mem{Base: RDI}, Y0)
	g.VMOVSLDUP(Mem{Base: RSI}, Y1)
	g.VMOVSHDUP(Mem{Base: RSI}, Y2)
	g.VPERMILPS(Imm(0xb1), Y0, Y3)
	g.VMULPS(Y1, Y0, Y0)
	g.VMULPS(Y2, Y3, Y3)
	g.VADDSUBPS(Y3, Y0, Y0)
	g.VMOVUPS(Y0, Mem{Base: RDI})
	g.ADDQ(I32(32), RDI)
	g.ADDQ(I32(32), RSI)
	g.SUBQ(I32(8), RCX)
	g.JG(LabelRef("loop"))
	g.end()

	g.begin("rotateHalvesAVX2", "func(x, angles *float32, n int)",
		"rotateHalvesAVX2 is assembly of rotateHalvesGeneric for n values, a multiple of 16.")
	g.Load(g.Param("x"), RDI)
	g.Load(g.Param("angles"), RSI)
	g.Load(g.Param("n"), RCX)
	g.LEAQ(Mem{Base: RDI, Index: RCX, Scale: 2}, RDX)
	g.Label("loop")
	g.VMOVUPS(Mem{Base: RSI}, Y0)
	g.VMOVUPS(Mem{Base: RSI, Disp: 32}, Y1)
	g.VSHUFPS(Imm(0x88), Y1, Y0, Y2) // cosines, in pairs of lanes out of order
	g.VSHUFPS(Imm(0xdd), Y1, Y0, Y3)
	g.VPERMPD(Imm(0xd8), Y2, Y2)
	g.VPERMPD(Imm(0xd8), Y3, Y3)
	g.VMOVUPS(Mem{Base: RDI}, Y0)
	g.VMOVUPS(Mem{Base: RDX}, Y1)
	g.VMULPS(Y2, Y0, Y4)
	g.VMULPS(Y3, Y1, Y5)
	g.VSUBPS(Y5, Y4, Y4)
	g.VMULPS(Y3, Y0, Y0)
	g.VMULPS(Y2, Y1, Y1)
	g.VADDPS(Y1, Y0, Y0)
	g.VMOVUPS(Y4, Mem{Base: RDI})
	g.VMOVUPS(Y0, Mem{Base: RDX})
	g.ADDQ(I32(32), RDI)
	g.ADDQ(I32(32), RDX)
	g.ADDQ(I32(64), RSI)
	g.SUBQ(I32(16), RCX)
	g.JG(LabelRef("loop"))
	g.end()
}
