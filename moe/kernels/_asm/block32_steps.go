package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

// eight does the eight blocks at regCur and moves on.
func (k *kernel32) eight() {
	k.prefetch(8 * k.size)
	for i := 0; i < 8; i += 2 {
		k.weights(k.size*i, 0)
		k.weights(k.size*(i+1), 1)
		for v := range k.vectors {
			k.multiply(k.x(v, regOff, blockQ+32*i), 0, b32T)
			k.multiply(k.x(v, regOff, blockQ+32*(i+1)), 1, b32U)
			k.fold(v, i)
		}
	}
	k.scales(8, 0, b32W)
	if k.min != 0 {
		k.scales(8, k.min, b32W+1)
	}
	for v := range k.vectors {
		k.addEight(v)
	}
	k.ADDQ(I32(8*k.size), regCur)
	k.ADDQ(I32(blockBytes), regOff)
}

// multiply sets t to the product of the weights with the activations at x: 16
// words of two products or, where the weights are signed and more would not fit,
// 8 double words of four. Activations may change sign because -128 is not used.
func (k *kernel32) multiply(x Mem, w, t int) {
	if !k.signed {
		k.VPMADDUBSW(x, ymm(b32W+w), ymm(t))
		return
	}
	k.VMOVDQA(x, ymm(t))
	k.VPSIGNB(ymm(b32W+w), ymm(t), ymm(t))
	k.VPMADDUBSW(ymm(t), ymm(b32Abs+w), ymm(t))
	k.VPMADDWD(k.ones, ymm(t), ymm(t))
}

// fold adds up lanes of the products of blocks i and i+1. After four blocks
// there is a double word for each in either half of a register: of blocks 0 to
// 3 in b32First, of 4 to 7 in b32Sums. Up to then words stay words, of at most
// eight products, which fit for sizes up to 31.
func (k *kernel32) fold(v, i int) {
	add := k.VPADDW
	if k.signed {
		add = k.VPADDD
	}
	t, u, s, sums := ymm(b32T), ymm(b32U), ymm(b32S), ymm(b32Sums+v)
	if i%4 == 0 {
		k.VPUNPCKLDQ(u, t, sums)
		k.VPUNPCKHDQ(u, t, t)
		add(t, sums, sums)
		return
	}
	k.VPUNPCKLDQ(u, t, s)
	k.VPUNPCKHDQ(u, t, t)
	add(s, t, t)
	k.VPUNPCKLQDQ(t, sums, u)
	k.VPUNPCKHQDQ(t, sums, t)
	if i == 2 {
		sums = ymm(b32First + v)
	}
	add(u, t, sums)
	if !k.signed {
		k.VPMADDWD(k.ones, sums, sums)
	}
}

// addEight adds the products of eight blocks, scaled, to the accumulator of v.
func (k *kernel32) addEight(v int) {
	t, u, first, sums := ymm(b32T), ymm(b32U), ymm(b32First+v), ymm(b32Sums+v)
	k.VPBLENDD(Imm(0xf0), sums, first, t)
	k.VPERM2I128(Imm(0x21), sums, first, u)
	k.VPADDD(u, t, t)
	if k.offset != 0 {
		k.VMOVDQA(k.x(v, regOff, blockSums), u)
		k.VPMADDWD(k.c.offset, u, u)
		k.VPADDD(u, t, t)
	}
	k.VCVTDQ2PS(t, t)
	k.VMULPS(k.x(v, regOff, blockD), ymm(b32W), u)
	k.VFMADD213PS(k.acc(v), u, t)
	if k.min != 0 {
		k.VFMADD231PS(k.x(v, regOff, blockSums), ymm(b32W+1), t)
	}
	k.VMOVAPS(t, k.acc(v))
}

// one does the block at regCur, with activations at regTmp and their scale and
// sums at regOff, adds it to lane 0 of the first registers and moves on.
func (k *kernel32) one() {
	k.scales(1, 0, b32S)
	k.weights(0, 0)
	if k.min != 0 {
		k.scales(1, k.min, b32W+1)
	}
	t, u := xmm(b32T), xmm(b32U)
	for v := range k.vectors {
		k.multiply(k.x(v, regTmp, blockQ), 0, b32T)
		if !k.signed {
			k.VPMADDWD(k.ones, ymm(b32T), ymm(b32T))
		}
		k.VEXTRACTI128(Imm(1), ymm(b32T), u)
		k.VPADDD(u, t, t)
		if k.offset != 0 {
			k.VMOVD(k.x(v, regOff, blockSums), u)
			k.VPMADDWD(k.c.offset, u, u)
			k.VPADDD(u, t, t)
		}
		k.VPSHUFD(Imm(0x4e), t, u)
		k.VPADDD(u, t, t)
		k.VPSHUFD(Imm(0xb1), t, u)
		k.VPADDD(u, t, t)
		k.VCVTDQ2PS(t, t)
		k.VMULSS(k.x(v, regOff, blockD), xmm(b32S), u)
		k.VFMADD231SS(u, t, xmm(v))
		if k.min != 0 {
			k.VFMADD231SS(k.x(v, regOff, blockSums), xmm(b32W+1), xmm(v))
		}
	}
	k.ADDQ(I32(k.size), regCur)
	k.ADDQ(I32(4), regOff)
	k.ADDQ(I32(32), regTmp)
}

// scales widens the scales, or what else is at byte at, of the n blocks at
// regCur to float32 in r.
func (k *kernel32) scales(n, at, r int) {
	x, d := xmm(r), ymm(r)
	k.VPXOR(x, x, x)
	for i := range n {
		if k.power {
			k.VPINSRB(Imm(uint64(i)), Mem{Base: regCur, Disp: k.size*i + at}, x, x)
		} else {
			k.VPINSRW(Imm(uint64(i)), Mem{Base: regCur, Disp: k.size*i + at}, x, x)
		}
	}
	if !k.power {
		k.VCVTPH2PS(x, d)
		return
	}
	// The bits of 2^(e-128) are (e-1)<<23, but 1<<21 and 1<<22, subnormal,
	// where e is 0 and 1. For all other e these are the lesser numbers.
	low := ymm(b32T)
	k.VPMOVZXBD(x, d)
	k.VPMINUD(k.c.one, d, low)
	k.VPADDD(k.c.one, low, low)
	k.VPSLLD(Imm(21), low, low)
	k.VPSUBD(k.c.one, d, d)
	k.VPSLLD(Imm(23), d, d)
	k.VPMAXSD(low, d, d)
}

// weights unpacks the block that is disp bytes from regCur to b32W+i.
func (k *kernel32) weights(disp, i int) {
	w := ymm(b32W + i)
	if k.whole {
		k.VMOVDQU(Mem{Base: regCur, Disp: disp + k.q}, w)
		k.VPABSB(w, ymm(b32Abs+i))
		return
	}
	k.VBROADCASTI128(Mem{Base: regCur, Disp: disp + k.q}, w)
	k.VPSRLVQ(k.shifts, w, w)
	k.VPAND(k.mask, w, w)
	if k.high != 0 {
		bit := ymm(b32T)
		k.VPBROADCASTD(Mem{Base: regCur, Disp: disp + k.high}, bit)
		k.VPSHUFB(k.c.spread, bit, bit)
		k.VPAND(ymm(b32Table), bit, bit)
		k.VPCMPEQB(ymm(b32Table), bit, bit)
		k.VPAND(k.c.bit4, bit, bit)
		k.VPOR(bit, w, w)
	}
	if k.levels != nil {
		k.VPSHUFB(w, ymm(b32Table), w)
	}
	if k.signed {
		k.VPABSB(w, ymm(b32Abs+i))
	}
}
