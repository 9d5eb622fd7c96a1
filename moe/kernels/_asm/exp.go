package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

// expConstants are what exp and its users need, in all lanes.
type expConstants struct {
	one, sign, lowest Mem
	most, least       Mem // arguments beyond which exp is +Inf or 0
	log2e             Mem
	ln2High, ln2Low   Mem // the first with few bits, so that products are exact
	terms             []Mem
	bias              Mem
}

func (g *asm) expConstants() expConstants {
	return expConstants{
		one:     g.floats("one", 1),
		sign:    g.doubles("sign", 0x80000000),
		lowest:  g.doubles("lowest", 0xff7fffff),
		most:    g.floats("expMost", 95),
		least:   g.floats("expLeast", -110),
		log2e:   g.floats("log2e", 1.44269504088896341),
		ln2High: g.floats("ln2High", 0.693359375),
		ln2Low:  g.floats("ln2Low", -2.12194440e-4),
		// (exp(r)-1-r)/r² for |r| <= ln 2/2, as in Moshier's Cephes library.
		terms: []Mem{
			g.floats("term5", 1.9875691500e-4),
			g.floats("term4", 1.3981999507e-3),
			g.floats("term3", 8.3334519073e-3),
			g.floats("term2", 4.1665795894e-2),
			g.floats("term1", 1.6666665459e-1),
			g.floats("term0", 5.0000001201e-1),
		},
		bias: g.doubles("bias", 127),
	}
}

// exp replaces x by its exponential, 2^k·exp(r) with k whole. The power is
// multiplied in two halves, so that results may be subnormal or +Inf. A NaN
// stays one: the minimum and the maximum take their second argument then.
// Registers p and k are lost.
func (g *asm) exp(x, p, k int, c expConstants) {
	g.VMOVAPS(c.most, ymm(p))
	g.VMOVAPS(c.least, ymm(k))
	g.VMINPS(ymm(x), ymm(p), ymm(x))
	g.VMAXPS(ymm(x), ymm(k), ymm(x))
	g.VMULPS(c.log2e, ymm(x), ymm(k))
	g.VROUNDPS(Imm(8), ymm(k), ymm(k))
	g.VFNMADD231PS(c.ln2High, ymm(k), ymm(x))
	g.VFNMADD231PS(c.ln2Low, ymm(k), ymm(x))
	g.VCVTPS2DQ(ymm(k), ymm(k))
	g.VMOVAPS(c.terms[0], ymm(p))
	for _, t := range c.terms[1:] {
		g.VFMADD213PS(t, ymm(x), ymm(p))
	}
	g.VMULPS(ymm(x), ymm(p), ymm(p))
	g.VFMADD213PS(ymm(x), ymm(x), ymm(p)) // (p·r)·r + r
	g.VADDPS(c.one, ymm(p), ymm(p))
	g.VPSRAD(Imm(1), ymm(k), ymm(x))
	g.VPSUBD(ymm(x), ymm(k), ymm(k))
	g.VPADDD(c.bias, ymm(x), ymm(x))
	g.VPADDD(c.bias, ymm(k), ymm(k))
	g.VPSLLD(Imm(23), ymm(x), ymm(x))
	g.VPSLLD(Imm(23), ymm(k), ymm(k))
	g.VMULPS(ymm(x), ymm(p), ymm(p))
	g.VMULPS(ymm(k), ymm(p), ymm(x))
}
