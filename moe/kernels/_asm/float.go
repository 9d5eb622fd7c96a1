package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// widening is how eight weights of a float type become float32.
type widening struct {
	name string
	size int                  // bytes of a weight
	load func(m Mem, dst int) // eight weights at m into Y dst
	one  func(m Mem, dst int) // one weight at m into lane 0 of X dst
}

// float is the products with float weights. Eights of columns alternate
// between two accumulators; columns past the last eight are added one by one
// to the sum of the lanes.
func float(g *asm) {
	for _, w := range []widening{
		{"F32", 4, func(m Mem, dst int) {
			g.VMOVUPS(m, ymm(dst))
		}, func(m Mem, dst int) {
			g.VMOVSS(m, xmm(dst))
		}},
		{"F16", 2, func(m Mem, dst int) {
			g.VCVTPH2PS(m, ymm(dst))
		}, func(m Mem, dst int) {
			g.VPBROADCASTW(m, xmm(dst))
			g.VCVTPH2PS(xmm(dst), xmm(dst))
		}},
		{"BF16", 2, func(m Mem, dst int) {
			g.VPMOVZXWD(m, ymm(dst))
			g.VPSLLD(Imm(16), ymm(dst), ymm(dst))
		}, func(m Mem, dst int) {
			g.VPBROADCASTW(m, xmm(dst))
			g.VPSLLD(Imm(16), xmm(dst), xmm(dst))
		}},
	} {
		g.floatX1(w)
		g.floatX4(w)
	}
}

func (g *asm) floatX1(w widening) {
	const wide = 8
	x := func(disp int) Mem { return Mem{Base: regOff, Disp: disp} }
	g.rows1("dot"+w.name+"x1", func() { g.floatAhead(w) }, func() {
		g.zero(0, 1)
		g.MOVQ(regX, regOff)
		g.floatRow(w, func() {
			g.PREFETCHT0(Mem{Base: regCur, Index: regTmp, Scale: 1})
			if w.size == 4 {
				g.PREFETCHT0(Mem{Base: regCur, Index: regTmp, Scale: 1, Disp: 64})
			}
		}, func(i int) {
			w.load(Mem{Base: regCur, Disp: 8 * w.size * i}, wide)
			g.VFMADD231PS(x(32*i), ymm(wide), ymm(i%2))
		}, func() {
			g.VADDPS(ymm(1), ymm(0), ymm(0))
			g.reduce(0, wide)
		}, func() {
			w.one(Mem{Base: regCur}, wide)
			g.VFMADD231SS(x(0), xmm(wide), xmm(0))
		})
	})
}

func (g *asm) floatX4(w widening) {
	const wide = 8
	x := func(v, disp int) Mem { return Mem{Base: regXs[v], Index: regOff, Scale: 1, Disp: disp} }
	g.rows4("dot"+w.name+"x4", 4, func() {}, func() {
		g.zero(0, 1, 2, 3, 4, 5, 6, 7)
		g.XORL(regOff.As32(), regOff.As32())
		g.floatRow(w, func() {}, func(i int) {
			w.load(Mem{Base: regCur, Disp: 8 * w.size * i}, wide+i%2)
			for v := range 4 {
				g.VFMADD231PS(x(v, 32*i), ymm(wide+i%2), ymm(v+4*(i%2)))
			}
		}, func() {
			for v := range 4 {
				g.VADDPS(ymm(v+4), ymm(v), ymm(v))
				g.reduce(v, wide)
			}
		}, func() {
			w.one(Mem{Base: regCur}, wide)
			for v := range 4 {
				g.VFMADD231SS(x(v, 0), xmm(wide), xmm(v))
			}
		})
	})
}

// floatRow walks a row: fours of eights, with prefetch, then single eights,
// which go to the first accumulator; then sum, then single columns.
func (g *asm) floatRow(w widening, prefetch func(), eight func(i int), sum, one func()) {
	step := func(n int, label string) {
		g.ADDQ(I32(n*w.size), regCur)
		g.ADDQ(I32(n*4), regOff)
		g.SUBQ(I32(n), regLeft)
		g.JGE(LabelRef(label))
	}
	g.MOVQ(regCount, regLeft)
	g.SUBQ(I32(32), regLeft)
	g.JL(LabelRef("eights"))
	g.Label("fours")
	prefetch()
	for i := range 4 {
		eight(i)
	}
	step(32, "fours")
	g.Label("eights")
	g.ADDQ(I32(32-8), regLeft)
	g.JL(LabelRef("sum"))
	g.Label("eight")
	eight(0)
	step(8, "eight")
	g.Label("sum")
	sum()
	g.ADDQ(I32(8-1), regLeft)
	g.JL(LabelRef("end"))
	g.Label("one")
	one()
	step(1, "one")
	g.Label("end")
}

// floatAhead sets regTmp to how far ahead to prefetch. Rows of a cache of keys
// need not be next to each other: then it is the same place of a later row.
func (g *asm) floatAhead(w widening) {
	g.MOVQ(U32(ahead), regTmp)
	g.MOVQ(regCount, R10)
	g.IMUL3Q(Imm(uint64(w.size)), R10, R10)
	g.CMPQ(R10, regStride)
	g.JEQ(LabelRef("row"))
	g.XORL(regTmp.As32(), regTmp.As32())
	g.TESTQ(regStride, regStride)
	g.JLE(LabelRef("row"))
	g.Label("further")
	g.ADDQ(regStride, regTmp)
	g.CMPQ(regTmp, U32(ahead/2))
	g.JLT(LabelRef("further"))
}
