package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// quantize is the making of activation blocks, with the bits of the generic
// code.
func quantize(g *asm) {
	c := quantizeConstants{
		abs:   g.doubles("abs", 0x7fffffff),
		order: g.bytes("packOrder", []byte{0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0}),
		most:  g.floats("most", 127),
		least: g.floats("least", -127),
		one:   g.floats("one", 1),
		bytes: g.doubles("bytes", 0x01010101),
	}
	g.quantizeQ8_0(c)
	g.quantizeQ8_K(c)
}

type quantizeConstants struct {
	abs         Mem // all but the sign
	order       Mem // double words after packing within lanes
	most, least Mem
	one         Mem
	bytes       Mem // all 1
}

// Registers of the two kernels: RDI is the block, RSI the values, RCX how many
// groups or blocks are left, R8 how many groups of this block. R9, R10 and R11
// walk its Q, D and Sums.
const (
	qAbs     = 15
	qMost    = 14
	qLeast   = 13
	qOrder   = 12
	qBytes   = 11
	qWords   = 10
	qInverse = 9 // what values are multiplied with
)

func (g *asm) quantizeSetup(c quantizeConstants) {
	g.Load(g.Param("dst"), RDI)
	g.Load(g.Param("x"), RSI)
	g.Load(g.Param("n"), RCX)
	g.VMOVDQU(c.abs, ymm(qAbs))
	g.VMOVUPS(c.most, ymm(qMost))
	g.VMOVUPS(c.least, ymm(qLeast))
	g.VMOVDQU(c.order, ymm(qOrder))
	g.VMOVDQU(c.bytes, ymm(qBytes))
	g.ones(qWords)
}

func (g *asm) quantizeQ8_0(c quantizeConstants) {
	g.begin("quantizeQ8_0AVX2", "func(dst *byte, x *float32, n int)",
		"quantizeQ8_0AVX2 fills n groups of 32 of the blocks at dst.")
	g.quantizeSetup(c)
	g.Label("block")
	g.MOVQ(U32(8), R8)
	g.LEAQ(Mem{Base: RDI, Disp: blockQ}, R9)
	g.MOVQ(RDI, R10)
	g.LEAQ(Mem{Base: RDI, Disp: blockSums}, R11)
	g.Label("group")
	for i := range 4 {
		g.VMOVUPS(Mem{Base: RSI, Disp: 32 * i}, ymm(i))
		g.VPAND(ymm(qAbs), ymm(i), ymm(4+i))
	}
	g.largest(4, 8)
	g.VDIVSS(xmm(4), xmm(qMost), xmm(qInverse))
	g.VBROADCASTSS(xmm(qInverse), ymm(qInverse))
	g.VDIVSS(xmm(qMost), xmm(4), xmm(4))
	g.VCVTPS2PH(Imm(0), xmm(4), xmm(4))
	g.VCVTPH2PS(xmm(4), xmm(4))
	g.VMOVSS(xmm(4), Mem{Base: R10})
	g.group()
	g.ADDQ(I32(4), R10)
	g.DECQ(RCX)
	g.JE(LabelRef("done"))
	g.DECQ(R8)
	g.JNE(LabelRef("group"))
	g.ADDQ(I32(blockBytes), RDI)
	g.JMP(LabelRef("block"))
	g.Label("done")
	g.end()
}

func (g *asm) quantizeQ8_K(c quantizeConstants) {
	g.begin("quantizeQ8_KAVX2", "func(dst *byte, x *float32, n int)",
		"quantizeQ8_KAVX2 fills the n blocks at dst, each from 256 values.")
	g.quantizeSetup(c)
	g.Label("block")
	g.MOVQ(U32(8), R8)
	g.LEAQ(Mem{Base: RDI, Disp: blockQ}, R9)
	g.LEAQ(Mem{Base: RDI, Disp: blockSums}, R11)
	g.zero(4, 5, 6, 7)
	for i := range 32 {
		g.VPAND(Mem{Base: RSI, Disp: 32 * i}, ymm(qAbs), ymm(0))
		g.VPMAXUD(ymm(0), ymm(4+i%4), ymm(4+i%4))
	}
	g.largest(4, 8)
	g.VPTEST(xmm(4), xmm(4))
	g.JE(LabelRef("empty"))

	g.Comment("The first value of that size gives the sign.")
	g.VPBROADCASTD(xmm(4), ymm(4))
	g.MOVQ(RSI, RAX)
	g.Label("find")
	g.VPAND(Mem{Base: RAX}, ymm(qAbs), ymm(0))
	g.VPCMPEQD(ymm(0), ymm(4), ymm(0))
	g.VMOVMSKPS(ymm(0), EDX)
	g.ADDQ(I32(32), RAX)
	g.TESTL(EDX, EDX)
	g.JE(LabelRef("find"))
	g.BSFL(EDX, EDX)
	g.VMOVSS(Mem{Base: RAX, Index: RDX, Scale: 4, Disp: -32}, xmm(0))
	g.VDIVSS(xmm(0), xmm(qLeast), xmm(qInverse))
	g.VMOVSS(c.one, xmm(0))
	g.VDIVSS(xmm(qInverse), xmm(0), xmm(0))
	g.VMOVAPS(ymm(0), Mem{Base: RDI})
	g.VBROADCASTSS(xmm(qInverse), ymm(qInverse))
	g.Label("group")
	for i := range 4 {
		g.VMOVUPS(Mem{Base: RSI, Disp: 32 * i}, ymm(i))
	}
	g.group()
	g.DECQ(R8)
	g.JNE(LabelRef("group"))
	g.Label("next")
	g.ADDQ(I32(blockBytes), RDI)
	g.DECQ(RCX)
	g.JNE(LabelRef("block"))
	g.JMP(LabelRef("done"))

	g.Label("empty")
	g.zero(0)
	for i := range blockBytes / 32 {
		g.VMOVAPS(ymm(0), Mem{Base: RDI, Disp: 32 * i})
	}
	g.ADDQ(I32(1024), RSI)
	g.JMP(LabelRef("next"))
	g.Label("done")
	g.end()
}

// largest puts the largest of the unsigned double words in r to r+3 in the
// first four of r.
func (g *asm) largest(r, tmp int) {
	g.VPMAXUD(ymm(r+1), ymm(r), ymm(r))
	g.VPMAXUD(ymm(r+3), ymm(r+2), ymm(r+2))
	g.VPMAXUD(ymm(r+2), ymm(r), ymm(r))
	g.VEXTRACTI128(Imm(1), ymm(r), xmm(tmp))
	g.VPMAXUD(xmm(tmp), xmm(r), xmm(r))
	g.VPSHUFD(Imm(0x4e), xmm(r), xmm(tmp))
	g.VPMAXUD(xmm(tmp), xmm(r), xmm(r))
	g.VPSHUFD(Imm(0xb1), xmm(r), xmm(tmp))
	g.VPMAXUD(xmm(tmp), xmm(r), xmm(r))
}

// group rounds the 32 values in registers 0 to 3, times qInverse, to bytes at
// R9, with the sums of the halves at R11, and moves on.
func (g *asm) group() {
	for i := range 4 {
		g.VMULPS(ymm(qInverse), ymm(i), ymm(i))
		g.VCMPPS(Imm(7), ymm(i), ymm(i), ymm(4)) // all ones but for NaN
		g.VMINPS(ymm(qMost), ymm(i), ymm(i))
		g.VMAXPS(ymm(qLeast), ymm(i), ymm(i))
		g.VANDPS(ymm(4), ymm(i), ymm(i))
		g.VCVTPS2DQ(ymm(i), ymm(i))
	}
	g.VPACKSSDW(ymm(1), ymm(0), ymm(0))
	g.VPACKSSDW(ymm(3), ymm(2), ymm(2))
	g.VPACKSSWB(ymm(2), ymm(0), ymm(0))
	g.VPERMD(ymm(0), ymm(qOrder), ymm(0))
	g.VMOVDQA(ymm(0), Mem{Base: R9})
	g.VPMADDUBSW(ymm(0), ymm(qBytes), ymm(1))
	g.VPMADDWD(ymm(qWords), ymm(1), ymm(1))
	g.VPHADDD(ymm(1), ymm(1), ymm(1))
	g.VPHADDD(ymm(1), ymm(1), ymm(1))
	g.VEXTRACTI128(Imm(1), ymm(1), xmm(2))
	g.VPUNPCKLWD(xmm(2), xmm(1), xmm(1))
	g.VMOVD(xmm(1), Mem{Base: R11})
	g.ADDQ(I32(128), RSI)
	g.ADDQ(I32(32), R9)
	g.ADDQ(I32(4), R11)
}
