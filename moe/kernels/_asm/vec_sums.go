package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func (g *asm) expSum(m Mem, c expConstants) {
	const top, low, high = 10, 11, 12
	g.begin("expSumAVX2", "func(x *float32, n int, top float32) float64",
		"expSumAVX2 replaces x by exp(x-top) and returns the sum.")
	g.vectors("x")
	g.all("top", top)
	g.zero(low, high)
	g.eachEight(m, func(e eight) {
		e.load(RDI, 0)
		g.VSUBPS(ymm(top), ymm(0), ymm(0))
		g.exp(0, 2, 3, c)
		e.store(0, RDI)
		e.clear(0)
		g.addDoubles(0, 1, low, high)
	})
	g.returnDoubles(low, high)
}

// addDoubles adds the lanes of r to four float64 each in low and high.
func (g *asm) addDoubles(r, tmp, low, high int) {
	g.VEXTRACTF128(Imm(1), ymm(r), xmm(tmp))
	g.VCVTPS2PD(xmm(r), ymm(r))
	g.VCVTPS2PD(xmm(tmp), ymm(tmp))
	g.VADDPD(ymm(r), ymm(low), ymm(low))
	g.VADDPD(ymm(tmp), ymm(high), ymm(high))
}

// returnDoubles ends the function with the sum of low and high.
func (g *asm) returnDoubles(low, high int) {
	g.VADDPD(ymm(high), ymm(low), ymm(low))
	g.VEXTRACTF128(Imm(1), ymm(low), xmm(high))
	g.VADDPD(xmm(high), xmm(low), xmm(low))
	g.VUNPCKHPD(xmm(low), xmm(low), xmm(high))
	g.VADDSD(xmm(high), xmm(low), xmm(low))
	a, err := g.ReturnIndex(0).Resolve()
	must(err == nil, "result: %v", err)
	g.VMOVSD(xmm(low), a.Addr)
	g.end()
}

func (g *asm) maximum(m Mem) {
	const top, least = 10, 11
	g.begin("maxAVX2", "func(x *float32, n int, least float32) float32",
		"maxAVX2 is the largest of least and the elements of x that are numbers.")
	g.vectors("x")
	g.all("least", least)
	g.VMOVAPS(ymm(least), ymm(top))
	g.eachEight(m, func(e eight) {
		e.load(RDI, 0)
		if e.partial {
			g.VBLENDVPS(ymm(mask), ymm(0), ymm(least), ymm(0))
		}
		g.VMAXPS(ymm(top), ymm(0), ymm(top))
	})
	g.VEXTRACTF128(Imm(1), ymm(top), X0)
	g.VMAXPS(X0, xmm(top), X0)
	g.VMOVHLPS(X0, X0, X1)
	g.VMAXPS(X1, X0, X0)
	g.VMOVSHDUP(X0, X1)
	g.VMAXSS(X1, X0, X0)
	a, err := g.ReturnIndex(0).Resolve()
	must(err == nil, "result: %v", err)
	g.VMOVSS(X0, a.Addr)
	g.end()
}

func (g *asm) sumSquares(m Mem) {
	const low, high = 11, 12
	g.begin("sumSquaresAVX2", "func(x *float32, n int) float64",
		"sumSquaresAVX2 is the sum of the squares of x, each rounded to float32.")
	g.vectors("x")
	g.zero(low, high)
	g.eachEight(m, func(e eight) {
		e.load(RDI, 0)
		g.VMULPS(ymm(0), ymm(0), ymm(0))
		g.addDoubles(0, 1, low, high)
	})
	g.returnDoubles(low, high)
}
