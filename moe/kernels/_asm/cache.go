package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// cache is the operations on rows of a key or value cache.
func cache(g *asm) {
	g.accumulate("F32", 32, 8, func(at int, acc int) {
		g.VFMADD231PS(Mem{Base: R10, Disp: 32 * at}, ymm(15), ymm(acc))
	}, nil)
	g.accumulate("F16", 16, 8, func(at int, acc int) {
		t := 8 + at%4
		g.VCVTPH2PS(Mem{Base: R10, Disp: 16 * at}, ymm(t))
		g.VFMADD231PS(ymm(15), ymm(t), ymm(acc))
	}, nil)
	g.accumulate("Q8_0", 0, 32, func(at int, acc int) {
		t := 8 + at%4
		g.VPMOVSXBD(Mem{Base: R10, Disp: at/4*bytesQ8_0 + 2 + at%4*8}, ymm(t))
		g.VCVTDQ2PS(ymm(t), ymm(t))
		g.VFMADD231PS(ymm(13), ymm(t), ymm(acc))
	}, func(block int) {
		g.VPBROADCASTW(Mem{Base: R10, Disp: block * bytesQ8_0}, xmm(13))
		g.VCVTPH2PS(xmm(13), ymm(13))
		g.VMULPS(ymm(15), ymm(13), ymm(13))
	})
	g.storeF16()
}

// accumulate adds p[i] times row i of v to dst. Columns are taken through all
// rows 64 at a time, held in registers, then in smaller groups. eight adds the
// eight columns at times register 15, or what scale made of it for a block of
// 32, to register acc; size is their bytes, 0 for Q8_0. cols is a multiple of
// unit.
func (g *asm) accumulate(name string, size, unit int, eight func(at, acc int), scale func(block int)) {
	full := fmt.Sprintf("accumulate%sAVX2", name)
	g.begin(full, "func(dst *float32, v *byte, stride int, p *float32, rows, cols int)",
		fmt.Sprintf("%s is assembly of accumulate%sGeneric for cols that are a multiple of %d.", full, name, unit))
	g.Load(g.Param("dst"), RDI)
	g.Load(g.Param("v"), RSI)
	g.Load(g.Param("stride"), RDX)
	g.Load(g.Param("p"), R8)
	g.Load(g.Param("rows"), RCX)
	g.Load(g.Param("cols"), RBX)
	g.MOVQ(RDX, R13)
	g.SHLQ(Imm(3), R13)
	for _, cols := range []int{64, 32, 8} {
		if cols >= unit {
			g.accumulateColumns(cols, size, eight, scale)
		}
	}
	g.end()
}

// accumulateColumns takes groups of cols columns while there are as many.
func (g *asm) accumulateColumns(cols, size int, eight func(at, acc int), scale func(block int)) {
	label := func(s string) string { return fmt.Sprintf("%s%d", s, cols) }
	bytes := cols / 8 * size
	if size == 0 {
		bytes = cols / 32 * bytesQ8_0
	}
	g.Label(label("columns"))
	g.CMPQ(RBX, I8(cols))
	g.JLT(LabelRef(label("fewer")))
	for i := range cols / 8 {
		g.VMOVUPS(Mem{Base: RDI, Disp: 32 * i}, ymm(i))
	}
	g.MOVQ(RSI, R10)
	g.MOVQ(R8, R11)
	g.MOVQ(RCX, R12)
	g.Label(label("row"))
	for i := 0; i < bytes; i += 64 {
		g.PREFETCHT0(Mem{Base: R10, Index: R13, Scale: 1, Disp: i})
	}
	g.VBROADCASTSS(Mem{Base: R11}, ymm(15))
	for i := range cols / 8 {
		if scale != nil && i%4 == 0 {
			scale(i / 4)
		}
		eight(i, i)
	}
	g.ADDQ(RDX, R10)
	g.ADDQ(I32(4), R11)
	g.DECQ(R12)
	g.JNE(LabelRef(label("row")))
	for i := range cols / 8 {
		g.VMOVUPS(ymm(i), Mem{Base: RDI, Disp: 32 * i})
	}
	g.ADDQ(I32(4*cols), RDI)
	g.ADDQ(I32(bytes), RSI)
	g.SUBQ(I32(cols), RBX)
	g.JMP(LabelRef(label("columns")))
	g.Label(label("fewer"))
}

func (g *asm) storeF16() {
	g.begin("storeF16AVX2", "func(dst *byte, x *float32, n int)",
		"storeF16AVX2 is assembly of storeF16Generic for n that are a multiple of 8.")
	g.Load(g.Param("dst"), RDI)
	g.Load(g.Param("x"), RSI)
	g.Load(g.Param("n"), RCX)
	g.TESTQ(RCX, RCX)
	g.JLE(LabelRef("done"))
	g.Label("loop")
	g.VMOVUPS(Mem{Base: RSI}, Y0)
	g.VCVTPS2PH(Imm(0), Y0, Mem{Base: RDI})
	g.ADDQ(I32(32), RSI)
	g.ADDQ(I32(16), RDI)
	g.SUBQ(I32(8), RCX)
	g.JG(LabelRef("loop"))
	g.Label("done")
	g.end()
}
