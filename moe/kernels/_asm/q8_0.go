package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const bytesQ8_0 = 34

// q8_0 is the product with Q8_0: blocks of 34 bytes, a float16 scale and 32
// signed bytes. Blocks alternate between two accumulators, so that additions
// do not wait for each other. Eight blocks, as many as an activation block
// has, are done in one turn; what is left is done one by one.
//
// Bytes are multiplied as unsigned by signed, |w| by x·sign(w). |-128| is right
// as an unsigned byte, and 2·128·127 fits the 16-bit pair sums.
func q8_0(g *asm) {
	g.q8_0x1()
	g.q8_0x4()
}

func (g *asm) q8_0x1() {
	const even, odd, w, abs, x, scale, one = 0, 1, 2, 3, 4, 5, 15
	g.rows1("dotQ8_0x1", func() {
		g.aligned(32, regTmp)
		g.ones(one)
	}, func() {
		g.zero(even, odd)
		g.MOVQ(regX, regOff)
		g.q8_0Turns(func() {
			g.halves(scale, bytesQ8_0)
			g.VMULPS(Mem{Base: regOff, Disp: blockD}, ymm(scale), ymm(scale))
			g.VMOVAPS(ymm(scale), Mem{Base: regTmp})
			for i := range 8 {
				g.VMOVDQU(Mem{Base: regCur, Disp: bytesQ8_0*i + 2}, ymm(w))
				g.VPABSB(ymm(w), ymm(abs))
				g.VMOVDQA(Mem{Base: regOff, Disp: blockQ + 32*i}, ymm(x))
				g.VBROADCASTSS(Mem{Base: regTmp, Disp: 4 * i}, ymm(scale))
				g.q8_0Add(w, abs, x, scale, one, i%2)
			}
			g.ADDQ(I32(blockBytes), regOff)
		}, func() {
			g.LEAQ(Mem{Base: regOff, Disp: blockQ}, R10)
		}, func() {
			g.VPBROADCASTW(Mem{Base: regCur}, xmm(scale))
			g.VCVTPH2PS(xmm(scale), ymm(scale))
			g.VMOVDQU(Mem{Base: regCur, Disp: 2}, ymm(w))
			g.VPABSB(ymm(w), ymm(abs))
			g.VBROADCASTSS(Mem{Base: regOff, Disp: blockD}, ymm(x))
			g.VMULPS(ymm(x), ymm(scale), ymm(scale))
			g.VMOVDQA(Mem{Base: R10}, ymm(x))
			g.q8_0Add(w, abs, x, scale, one, even)
			g.swap(even, odd, x)
			g.ADDQ(I32(4), regOff)
			g.ADDQ(I32(32), R10)
		})
		g.VADDPS(ymm(odd), ymm(even), ymm(even))
		g.reduce(even, x)
	})
}

func (g *asm) q8_0x4() {
	const odd, w, abs, one = 4, 8, 9, 15 // the even accumulators are 0-3
	g.rows4("dotQ8_0x4", func() { g.ones(one) }, func() {
		g.zero(0, 1, 2, 3, 4, 5, 6, 7)
		g.XORL(regOff.As32(), regOff.As32())
		g.aligned(4*32, regTmp)
		g.q8_0Turns(func() {
			g.halves(w, bytesQ8_0)
			for v, x := range regXs {
				g.VMULPS(Mem{Base: x, Index: regOff, Scale: 1, Disp: blockD}, ymm(w), ymm(10+v))
				g.VMOVAPS(ymm(10+v), Mem{Base: regTmp, Disp: 32 * v})
			}
			for i := range 8 {
				g.VMOVDQU(Mem{Base: regCur, Disp: bytesQ8_0*i + 2}, ymm(w))
				g.VPABSB(ymm(w), ymm(abs))
				for v, x := range regXs {
					t := 10 + v%2*2
					g.VMOVDQA(Mem{Base: x, Index: regOff, Scale: 1, Disp: blockQ + 32*i}, ymm(t))
					g.VBROADCASTSS(Mem{Base: regTmp, Disp: 32*v + 4*i}, ymm(t+1))
					g.q8_0Add(w, abs, t, t+1, one, v+i%2*odd)
				}
			}
			g.ADDQ(I32(blockBytes), regOff)
		}, func() {
			g.MOVQ(regOff, regTmp)
		}, func() {
			g.VPBROADCASTW(Mem{Base: regCur}, xmm(14))
			g.VCVTPH2PS(xmm(14), ymm(14))
			g.VMOVDQU(Mem{Base: regCur, Disp: 2}, ymm(w))
			g.VPABSB(ymm(w), ymm(abs))
			for v, x := range regXs {
				t := 10 + v%2*2
				g.VBROADCASTSS(Mem{Base: x, Index: regOff, Scale: 1, Disp: blockD}, ymm(t+1))
				g.VMULPS(ymm(t+1), ymm(14), ymm(t+1))
				g.VMOVDQA(Mem{Base: x, Index: regTmp, Scale: 1, Disp: blockQ}, ymm(t))
				g.q8_0Add(w, abs, t, t+1, one, v)
				g.swap(v, v+odd, t)
			}
			g.ADDQ(I32(4), regOff)
			g.ADDQ(I32(32), regTmp)
		})
		for v := range 4 {
			g.VADDPS(ymm(v+odd), ymm(v), ymm(v))
			g.reduce(v, w)
		}
	})
}

// q8_0Turns walks a row: eight does eight blocks, then, after between, one
// does a single block and exchanges the accumulators.
func (g *asm) q8_0Turns(eight, between, one func()) {
	g.MOVQ(regCount, regLeft)
	g.SUBQ(I32(256), regLeft)
	g.JL(LabelRef("tail"))
	g.Label("eight")
	g.prefetch(8 * bytesQ8_0)
	eight()
	g.ADDQ(I32(8*bytesQ8_0), regCur)
	g.SUBQ(I32(256), regLeft)
	g.JGE(LabelRef("eight"))
	g.Label("tail")
	g.ADDQ(I32(256), regLeft)
	g.JE(LabelRef("sum"))
	between()
	g.Label("one")
	one()
	g.ADDQ(I32(bytesQ8_0), regCur)
	g.SUBQ(I32(32), regLeft)
	g.JNE(LabelRef("one"))
	g.Label("sum")
}

// q8_0Add adds scale times the product of a block of w with x to acc. x is
// lost.
func (g *asm) q8_0Add(w, abs, x, scale, one, acc int) {
	g.VPSIGNB(ymm(w), ymm(x), ymm(x))
	g.VPMADDUBSW(ymm(x), ymm(abs), ymm(x))
	g.VPMADDWD(ymm(one), ymm(x), ymm(x))
	g.VCVTDQ2PS(ymm(x), ymm(x))
	g.VFMADD231PS(ymm(scale), ymm(x), ymm(acc))
}

// halves widens eight float16, the first at regCur and stride bytes apart.
func (g *asm) halves(r, stride int) {
	g.VPBROADCASTW(Mem{Base: regCur}, xmm(r))
	for i := 1; i < 8; i++ {
		g.VPINSRW(Imm(uint64(i)), Mem{Base: regCur, Disp: stride * i}, xmm(r), xmm(r))
	}
	g.VCVTPH2PS(xmm(r), ymm(r))
}

// swap exchanges registers a and b. tmp is lost.
func (g *asm) swap(a, b, tmp int) {
	g.VMOVAPS(ymm(a), ymm(tmp))
	g.VMOVAPS(ymm(b), ymm(a))
	g.VMOVAPS(ymm(tmp), ymm(b))
}
