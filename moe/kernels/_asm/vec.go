package main

import (
	"math"

	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// vec is the operations on vectors of float32, element by element.
func vec(g *asm) {
	m := g.maskTable()
	e := g.expConstants()
	g.siluMul(m, e)
	g.swigluOAI(m, e)
	g.sigmoid(m, e)
	g.expSum(m, e)
	g.maximum(m)
	g.sumSquares(m)
	g.scaleMul(m)
	g.scale(m)
	g.add(m)
	g.addScaled(m)
}

// regN is the length of the vectors, regAt the offset of the current eight
// elements. The first vectors are at RDI, RSI and RDX.
var (
	regN  = RCX
	regAt = RAX
)

// mask is the register that in the last, partial eight selects elements.
const mask = 15

// eight is up to eight elements: all, or those that mask selects.
type eight struct {
	g       *asm
	partial bool
}

func (e eight) load(base GPPhysical, dst int) {
	m := Mem{Base: base, Index: regAt, Scale: 1}
	if e.partial {
		e.g.VMASKMOVPS(m, ymm(mask), ymm(dst))
	} else {
		e.g.VMOVUPS(m, ymm(dst))
	}
}

func (e eight) store(src int, base GPPhysical) {
	m := Mem{Base: base, Index: regAt, Scale: 1}
	if e.partial {
		e.g.VMASKMOVPS(ymm(src), ymm(mask), m)
	} else {
		e.g.VMOVUPS(ymm(src), m)
	}
}

// clear makes the elements that are not there zero.
func (e eight) clear(r int) {
	if e.partial {
		e.g.VANDPS(ymm(mask), ymm(r), ymm(r))
	}
}

// maskTable is eight set and eight clear double words.
func (g *asm) maskTable() Mem {
	b := make([]byte, 64)
	for i := range 32 {
		b[i] = 0xff
	}
	return g.bytes("maskTable", b)
}

// eachEight runs body for all eights of regN elements, full ones in a loop.
func (g *asm) eachEight(masks Mem, body func(e eight)) {
	g.XORL(EAX, EAX)
	g.SUBQ(I32(8), regN)
	g.JL(LabelRef("tail"))
	g.Label("loop")
	body(eight{g, false})
	g.ADDQ(I32(32), regAt)
	g.SUBQ(I32(8), regN)
	g.JGE(LabelRef("loop"))
	g.Label("tail")
	g.ADDQ(I32(8), regN)
	g.JE(LabelRef("done"))
	g.LEAQ(masks.Offset(32), R8)
	g.SHLQ(Imm(2), regN)
	g.SUBQ(regN, R8)
	g.VMOVDQU(Mem{Base: R8}, ymm(mask))
	body(eight{g, true})
	g.Label("done")
}

// vectors loads the pointers named, in the order of RDI, RSI, RDX, and n.
func (g *asm) vectors(names ...string) {
	for i, name := range names {
		g.Load(g.Param(name), [3]GPPhysical{RDI, RSI, RDX}[i])
	}
	g.Load(g.Param("n"), regN)
}

// all fills register r with the float parameter name.
func (g *asm) all(name string, r int) {
	a, err := g.Param(name).Resolve()
	must(err == nil, "%s: %v", name, err)
	g.VBROADCASTSS(a.Addr, ymm(r))
}

// floats declares a constant in eight lanes.
func (g *asm) floats(name string, v float32) Mem { return g.doubles(name, math.Float32bits(v)) }

// doubles declares a 32-bit constant in eight lanes.
func (g *asm) doubles(name string, v uint32) Mem {
	var b []byte
	for range 8 {
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return g.bytes(name, b)
}

func (g *asm) siluMul(m Mem, c expConstants) {
	g.begin("siluMulAVX2", "func(dst, gate, up *float32, n int)",
		"siluMulAVX2 is assembly of siluMulGeneric.")
	g.vectors("dst", "gate", "up")
	g.eachEight(m, func(e eight) {
		e.load(RSI, 0)
		g.gated(0, 1, c, func() { g.VXORPS(c.sign, ymm(0), ymm(1)) })
		e.load(RDX, 2)
		g.VMULPS(ymm(2), ymm(0), ymm(0))
		e.store(0, RDI)
	})
	g.end()
}

func (g *asm) swigluOAI(m Mem, c expConstants) {
	const alpha, limit, low = 10, 11, 12
	g.begin("swigluOAIAVX2", "func(dst, gate, up *float32, n int, alpha, limit float32)",
		"swigluOAIAVX2 is assembly of swigluOAIGeneric.")
	g.vectors("dst", "gate", "up")
	g.all("alpha", alpha)
	g.all("limit", limit)
	g.VXORPS(c.sign, ymm(limit), ymm(low))
	g.VXORPS(c.sign, ymm(alpha), ymm(alpha))
	g.eachEight(m, func(e eight) {
		e.load(RSI, 0)
		g.VMINPS(ymm(0), ymm(limit), ymm(0))
		g.gated(0, 1, c, func() { g.VMULPS(ymm(alpha), ymm(0), ymm(1)) })
		e.load(RDX, 2)
		g.VMINPS(ymm(2), ymm(limit), ymm(2))
		g.VMAXPS(ymm(2), ymm(low), ymm(2))
		g.VADDPS(c.one, ymm(2), ymm(2))
		g.VMULPS(ymm(2), ymm(0), ymm(0))
		e.store(0, RDI)
	})
	g.end()
}

// gated sets x to x/(1+exp(t)), where argument computes t from x. An x of -Inf
// is taken for the lowest number, so that the quotient is no NaN.
func (g *asm) gated(x, t int, c expConstants, argument func()) {
	g.VMOVAPS(c.lowest, ymm(t))
	g.VMAXPS(ymm(x), ymm(t), ymm(x))
	argument()
	g.exp(t, 2, 3, c)
	g.VADDPS(c.one, ymm(t), ymm(t))
	g.VDIVPS(ymm(t), ymm(x), ymm(x))
}

func (g *asm) sigmoid(m Mem, c expConstants) {
	g.begin("sigmoidAVX2", "func(x *float32, n int)", "sigmoidAVX2 is assembly of sigmoidGeneric.")
	g.vectors("x")
	g.eachEight(m, func(e eight) {
		e.load(RDI, 0)
		g.VXORPS(c.sign, ymm(0), ymm(0))
		g.exp(0, 2, 3, c)
		g.VMOVAPS(c.one, ymm(1))
		g.VADDPS(ymm(1), ymm(0), ymm(0))
		g.VDIVPS(ymm(0), ymm(1), ymm(0))
		e.store(0, RDI)
	})
	g.end()
}

func (g *asm) scaleMul(m Mem) {
	g.begin("scaleMulAVX2", "func(dst, x, weight *float32, n int, s float32)",
		"scaleMulAVX2 sets dst to x·s·weight.")
	g.vectors("dst", "x", "weight")
	g.all("s", 14)
	g.eachEight(m, func(e eight) {
		e.load(RSI, 0)
		e.load(RDX, 1)
		g.VMULPS(ymm(14), ymm(0), ymm(0))
		g.VMULPS(ymm(1), ymm(0), ymm(0))
		e.store(0, RDI)
	})
	g.end()
}

func (g *asm) scale(m Mem) {
	g.begin("scaleAVX2", "func(dst, x *float32, n int, s float32)", "scaleAVX2 sets dst to x·s.")
	g.vectors("dst", "x")
	g.all("s", 14)
	g.eachEight(m, func(e eight) {
		e.load(RSI, 0)
		g.VMULPS(ymm(14), ymm(0), ymm(0))
		e.store(0, RDI)
	})
	g.end()
}

func (g *asm) add(m Mem) {
	g.begin("addAVX2", "func(dst, x *float32, n int)", "addAVX2 is assembly of addGeneric.")
	g.vectors("dst", "x")
	g.eachEight(m, func(e eight) {
		e.load(RSI, 0)
		e.load(RDI, 1)
		g.VADDPS(ymm(0), ymm(1), ymm(0))
		e.store(0, RDI)
	})
	g.end()
}

func (g *asm) addScaled(m Mem) {
	g.begin("addScaledAVX2", "func(dst, x *float32, n int, s float32)",
		"addScaledAVX2 is assembly of addScaledGeneric, rounding once.")
	g.vectors("dst", "x")
	g.all("s", 14)
	g.eachEight(m, func(e eight) {
		e.load(RSI, 0)
		e.load(RDI, 1)
		g.VFMADD231PS(ymm(14), ymm(0), ymm(1))
		e.store(1, RDI)
	})
	g.end()
}
