package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const bytesQ8_0 = 34

// q8_0 is the product with Q8_0: blocks of 34 bytes, a float16 scale and 32
// signed bytes. Eight blocks, as many as an activation block has, are done in
// one turn, in pairs, which share a conversion and an addition: even lanes are
// the first block's, odd ones the second's. What is left is done one by one.
//
// Bytes are multiplied as unsigned by signed, |w| by x·sign(w). |-128| is right
// as an unsigned byte, and 2·128·127 fits the 16-bit pair sums.
func q8_0(g *asm) {
	g.q8_0x1()
	g.q8_0x4()
}

// pairQ8_0 is the registers of a pair of blocks: weights, their sizes, and the
// products with one vector.
type pairQ8_0 struct {
	w, abs, x [2]int
	scale     int
	one       int // words of 1
}

func (g *asm) q8_0x1() {
	const acc = 0
	p := pairQ8_0{w: [2]int{2, 3}, abs: [2]int{4, 5}, x: [2]int{6, 7}, scale: 8, one: 15}
	x := func(disp int) Mem { return Mem{Base: regOff, Disp: disp} }
	g.rows1("dotQ8_0x1", func() {
		g.aligned(32, regTmp)
		g.ones(p.one)
	}, func() {
		g.zero(acc)
		g.MOVQ(regX, regOff)
		g.q8_0Turns(func() {
			g.halves(p.scale, bytesQ8_0)
			g.VMULPS(x(blockD), ymm(p.scale), ymm(p.scale))
			g.VMOVAPS(ymm(p.scale), Mem{Base: regTmp})
			for k := range 4 {
				g.q8_0Load(p, 0, 2*k)
				g.q8_0Load(p, 1, 2*k+1)
				g.q8_0Pair(p, acc, x(blockQ+64*k), x(blockQ+64*k+32), Mem{Base: regTmp, Disp: 8 * k})
			}
			g.ADDQ(I32(blockBytes), regOff)
		}, func() {
			g.LEAQ(x(blockQ), R10)
		}, func() {
			g.q8_0Single(p, 9)
			g.q8_0Add(p, 9, acc, Mem{Base: R10}, x(blockD))
			g.ADDQ(I32(4), regOff)
			g.ADDQ(I32(32), R10)
		})
		g.reduce(acc, p.scale)
	})
}

func (g *asm) q8_0x4() {
	p := pairQ8_0{w: [2]int{4, 5}, abs: [2]int{6, 7}, x: [2]int{8, 9}, scale: 10, one: 15}
	x := func(v, disp int) Mem { return Mem{Base: regXs[v], Index: regOff, Scale: 1, Disp: disp} }
	g.rows4("dotQ8_0x4", 4, func() { g.ones(p.one) }, func() {
		g.zero(0, 1, 2, 3)
		g.XORL(regOff.As32(), regOff.As32())
		g.aligned(4*32, regTmp)
		g.q8_0Turns(func() {
			g.halves(p.scale, bytesQ8_0)
			for v := range 4 {
				g.VMULPS(x(v, blockD), ymm(p.scale), ymm(11+v))
				g.VMOVAPS(ymm(11+v), Mem{Base: regTmp, Disp: 32 * v})
			}
			for k := range 4 {
				g.q8_0Load(p, 0, 2*k)
				g.q8_0Load(p, 1, 2*k+1)
				for v := range 4 {
					q := p
					if v%2 == 1 {
						q.x, q.scale = [2]int{11, 12}, 13
					}
					g.q8_0Pair(q, v, x(v, blockQ+64*k), x(v, blockQ+64*k+32), Mem{Base: regTmp, Disp: 32*v + 8*k})
				}
			}
			g.ADDQ(I32(blockBytes), regOff)
		}, func() {
			g.MOVQ(regOff, regTmp)
		}, func() {
			g.q8_0Single(p, 14)
			for v := range 4 {
				g.q8_0Add(p, 14, v, Mem{Base: regXs[v], Index: regTmp, Scale: 1, Disp: blockQ}, x(v, blockD))
			}
			g.ADDQ(I32(4), regOff)
			g.ADDQ(I32(32), regTmp)
		})
		for v := range 4 {
			g.reduce(v, p.scale)
		}
	})
}

// q8_0Turns walks a row: eight does eight blocks, then, after between, one
// does a single block.
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

// q8_0Load loads the weights of block n from regCur as block i of a pair.
func (g *asm) q8_0Load(p pairQ8_0, i, n int) {
	g.VMOVDQU(Mem{Base: regCur, Disp: bytesQ8_0*n + 2}, ymm(p.w[i]))
	g.VPABSB(ymm(p.w[i]), ymm(p.abs[i]))
}

// q8_0Pair adds to acc the products of a pair with the bytes at x0 and x1,
// times the two floats at scales.
func (g *asm) q8_0Pair(p pairQ8_0, acc int, x0, x1, scales Mem) {
	a, b := p.x[0], p.x[1]
	g.q8_0Product(p, 0, x0)
	g.q8_0Product(p, 1, x1)
	g.VPUNPCKLDQ(ymm(b), ymm(a), ymm(p.scale))
	g.VPUNPCKHDQ(ymm(b), ymm(a), ymm(a))
	g.VPADDD(ymm(p.scale), ymm(a), ymm(a))
	g.VCVTDQ2PS(ymm(a), ymm(a))
	g.VBROADCASTSD(scales, ymm(p.scale))
	g.VFMADD231PS(ymm(p.scale), ymm(a), ymm(acc))
}

// q8_0Product puts the integer product of block i of a pair in p.x[i].
func (g *asm) q8_0Product(p pairQ8_0, i int, x Mem) {
	r := ymm(p.x[i])
	g.VMOVDQA(x, r)
	g.VPSIGNB(ymm(p.w[i]), r, r)
	g.VPMADDUBSW(r, ymm(p.abs[i]), r)
	g.VPMADDWD(ymm(p.one), r, r)
}

// q8_0Single loads the block at regCur and its scale.
func (g *asm) q8_0Single(p pairQ8_0, scale int) {
	g.VPBROADCASTW(Mem{Base: regCur}, xmm(scale))
	g.VCVTPH2PS(xmm(scale), ymm(scale))
	g.q8_0Load(p, 0, 0)
}

// q8_0Add adds to acc the product of a single block with the bytes at x, times
// scale and the float at d.
func (g *asm) q8_0Add(p pairQ8_0, scale, acc int, x, d Mem) {
	g.q8_0Product(p, 0, x)
	g.VCVTDQ2PS(ymm(p.x[0]), ymm(p.x[0]))
	g.VBROADCASTSS(d, ymm(p.scale))
	g.VMULPS(ymm(scale), ymm(p.scale), ymm(p.scale))
	g.VFMADD231PS(ymm(p.scale), ymm(p.x[0]), ymm(acc))
}

// halves widens eight float16, the first at regCur and stride bytes apart.
func (g *asm) halves(r, stride int) {
	g.VPBROADCASTW(Mem{Base: regCur}, xmm(r))
	for i := 1; i < 8; i++ {
		g.VPINSRW(Imm(uint64(i)), Mem{Base: regCur, Disp: stride * i}, xmm(r), xmm(r))
	}
	g.VCVTPH2PS(xmm(r), ymm(r))
}
