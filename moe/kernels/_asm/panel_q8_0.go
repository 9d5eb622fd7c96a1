package main

import (
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Rows of Q8_0 whose length is a multiple of 256 have an order of accumulation
// of their own, the wide order: lane j sums blocks j, j+8 and so on, each as an
// exact integer that is converted once. One row takes it by folding eight
// blocks into one register. Many vectors take it from a panel: eight rows with
// their columns interleaved, where a block of 32 columns needs no fold at all
// and one conversion for eight rows.
//
// A panel has for each block of columns eight registers, register q with bytes
// 4q to 4q+3 of each of the rows, and a register with the rows' scales.
const panelBytes = 9 * 32

func panelQ8_0(g *asm) {
	g.q8_0Wide()
	g.q8_0Pack()
	g.q8_0Panel()
}

// q8_0WideXs is the product of a row with two and with four vectors in the wide
// order, which is that of formats with blocks of 32.
func q8_0WideXs(g *asm) {
	k := kernel32{asm: g, block32: block32{name: "Q8_0Wide", size: bytesQ8_0, q: 2, signed: true, whole: true}}
	k.c = g.tables32(k.block32)
	k.several()
}

// q8_0Wide is the product of a row with one vector in the wide order.
func (g *asm) q8_0Wide() {
	const acc, one, w, abs, tmp = 0, 15, 12, 13, 14
	x := func(disp int) Mem { return Mem{Base: regOff, Disp: disp} }
	g.rows1("dotQ8_0Wide", func() { g.ones(one) }, func() {
		g.zero(acc)
		g.MOVQ(regX, regOff)
		g.MOVQ(regCount, regLeft)
		g.Label("eight")
		g.prefetch(8 * bytesQ8_0)
		for i := range 8 {
			r := ymm(1 + i)
			g.VMOVDQU(Mem{Base: regCur, Disp: bytesQ8_0*i + 2}, ymm(w))
			g.VPABSB(ymm(w), ymm(abs))
			g.VMOVDQA(x(blockQ+32*i), r)
			g.VPSIGNB(ymm(w), r, r)
			g.VPMADDUBSW(r, ymm(abs), r)
			g.VPMADDWD(ymm(one), r, r)
		}
		g.fold(1, tmp)
		g.VCVTDQ2PS(Y1, Y1)
		g.halves(2, bytesQ8_0)
		g.VMULPS(x(blockD), Y2, Y2)
		g.VFMADD231PS(Y2, Y1, ymm(acc))
		g.ADDQ(I32(blockBytes), regOff)
		g.ADDQ(I32(8*bytesQ8_0), regCur)
		g.SUBQ(I32(256), regLeft)
		g.JG(LabelRef("eight"))
		g.reduce(acc, tmp)
	})
}

// fold adds up the lanes of each of eight registers of integers, from r on;
// lane j of register r becomes the sum of register r+j.
func (g *asm) fold(r, tmp int) {
	pairs := func(a, b int, low, high func(...Op)) {
		low(ymm(b), ymm(a), ymm(tmp))
		high(ymm(b), ymm(a), ymm(a))
		g.VPADDD(ymm(tmp), ymm(a), ymm(a))
	}
	for i := 0; i < 8; i += 2 {
		pairs(r+i, r+i+1, g.VPUNPCKLDQ, g.VPUNPCKHDQ)
	}
	for i := 0; i < 8; i += 4 {
		pairs(r+i, r+i+2, g.VPUNPCKLQDQ, g.VPUNPCKHQDQ)
	}
	g.VPERM2I128(Imm(0x20), ymm(r+4), ymm(r), ymm(tmp))
	g.VPERM2I128(Imm(0x31), ymm(r+4), ymm(r), ymm(r))
	g.VPADDD(ymm(tmp), ymm(r), ymm(r))
}

// q8_0Pack makes a panel of eight rows.
func (g *asm) q8_0Pack() {
	g.begin("packQ8_0", "func(panel, w *byte, stride, cols int)",
		"packQ8_0 makes a panel of the eight rows at w, cols columns each.")
	dst, row, stride, three, four, left := RDI, RSI, RDX, R8, R9, RAX
	g.Load(g.Param("panel"), dst)
	g.Load(g.Param("w"), row)
	g.Load(g.Param("stride"), stride)
	g.Load(g.Param("cols"), left)
	g.LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, three)
	g.LEAQ(Mem{Base: row, Index: stride, Scale: 4}, four)
	at := func(r, disp int) Mem {
		m := Mem{Base: row, Disp: disp}
		if r >= 4 {
			m.Base = four
		}
		switch r % 4 {
		case 1:
			m.Index, m.Scale = stride, 1
		case 2:
			m.Index, m.Scale = stride, 2
		case 3:
			m.Index, m.Scale = three, 1
		}
		return m
	}
	g.Label("block")
	g.VPBROADCASTW(at(0, 0), X8)
	for r := range 8 {
		g.PREFETCHT0(at(r, 1024))
		g.VMOVDQU(at(r, 2), ymm(r))
		if r > 0 {
			g.VPINSRW(Imm(uint64(r)), at(r, 0), X8, X8)
		}
	}
	g.VCVTPH2PS(X8, Y8)
	g.VMOVUPS(Y8, Mem{Base: dst, Disp: 8 * 32})
	g.transpose()
	g.ADDQ(I32(bytesQ8_0), row)
	g.ADDQ(I32(bytesQ8_0), four)
	g.ADDQ(I32(panelBytes), dst)
	g.SUBQ(I32(32), left)
	g.JG(LabelRef("block"))
	g.end()
}

// transpose stores the eight double words q of registers 0 to 7 at 32q from
// RDI. It uses all registers.
func (g *asm) transpose() {
	t := func(i int) VecPhysical { return ymm([8]int{9, 10, 11, 12, 13, 14, 15, 8}[i]) }
	// Pairs of rows: t(2i) has double words 0 1 4 5, t(2i+1) 2 3 6 7.
	for i := range 4 {
		g.VPUNPCKLDQ(ymm(2*i+1), ymm(2*i), t(2*i))
		g.VPUNPCKHDQ(ymm(2*i+1), ymm(2*i), t(2*i+1))
	}
	// Fours of rows: register k has double words k and k+4, of rows 0-3, and
	// register k+4 of rows 4-7.
	for half := range 2 {
		a, b := 4*half, 4*half+2
		for i := range 2 {
			g.VPUNPCKLQDQ(t(b+i), t(a+i), ymm(4*half+2*i))
			g.VPUNPCKHQDQ(t(b+i), t(a+i), ymm(4*half+2*i+1))
		}
	}
	for k := range 4 {
		g.VPERM2I128(Imm(0x20), ymm(k+4), ymm(k), Y9)
		g.VMOVDQU(Y9, Mem{Base: RDI, Disp: 32 * k})
		g.VPERM2I128(Imm(0x31), ymm(k+4), ymm(k), Y9)
		g.VMOVDQU(Y9, Mem{Base: RDI, Disp: 32 * (k + 4)})
	}
}

// q8_0Panel is the product of a panel with four vectors in the wide order. The
// sums of vector v over blocks j, j+8 and so on lie in memory, [v][j][row].
func (g *asm) q8_0Panel() {
	const w, abs, one = 8, 9, 15 // sums of a block are in 4-7, temporaries in 10-13
	g.beginSplit("dotPanelQ8_0", "func(dst *[4]*byte, panel *byte, cols int, x *[4]*byte)",
		"dotPanelQ8_0 sets eight results at each of dst to the products of the panel's",
		"rows with a vector.")
	sums := regTmp
	g.Load(g.Param("dst"), regDst)
	g.Load(g.Param("panel"), regCur)
	g.Load(g.Param("cols"), regLeft)
	g.Load(g.Param("x"), RCX)
	for v, x := range regXs {
		g.MOVQ(Mem{Base: RCX, Disp: 8 * v}, x)
	}
	g.aligned(4*8*32, sums)
	g.ones(one)
	g.zero(0)
	for i := range 32 {
		g.VMOVAPS(Y0, Mem{Base: sums, Disp: 32 * i})
	}
	g.Label("eight")
	for j := range 8 {
		for q := range 8 {
			g.VMOVDQU(Mem{Base: regCur, Disp: panelBytes*j + 32*q}, ymm(w))
			g.VPABSB(ymm(w), ymm(abs))
			for v, x := range regXs {
				t := ymm(10 + v)
				if q == 0 {
					t = ymm(4 + v)
				}
				g.VPBROADCASTD(Mem{Base: x, Disp: blockQ + 32*j + 4*q}, t)
				g.VPSIGNB(ymm(w), t, t)
				g.VPMADDUBSW(t, ymm(abs), t)
				g.VPMADDWD(ymm(one), t, t)
				if q > 0 {
					g.VPADDD(t, ymm(4+v), ymm(4+v))
				}
			}
		}
		g.VMOVUPS(Mem{Base: regCur, Disp: panelBytes*j + 8*32}, ymm(w))
		for v, x := range regXs {
			sum := Mem{Base: sums, Disp: 32 * (8*v + j)}
			g.VCVTDQ2PS(ymm(4+v), ymm(4+v))
			g.VBROADCASTSS(Mem{Base: x, Disp: blockD + 4*j}, ymm(10+v))
			g.VMULPS(ymm(w), ymm(10+v), ymm(10+v))
			g.VFMADD213PS(sum, ymm(10+v), ymm(4+v))
			g.VMOVAPS(ymm(4+v), sum)
		}
	}
	for _, x := range regXs {
		g.ADDQ(I32(blockBytes), x)
	}
	g.ADDQ(I32(8*panelBytes), regCur)
	g.SUBQ(I32(256), regLeft)
	g.JG(LabelRef("eight"))
	for v := range 4 {
		g.panelSum(v)
	}
	g.end()
}

// panelSum adds the eight sums of vector v, as reduce adds lanes, and stores
// the results.
func (g *asm) panelSum(v int) {
	sum := func(j int) Mem { return Mem{Base: regTmp, Disp: 32 * (8*v + j)} }
	for j := range 4 {
		g.VMOVAPS(sum(j), ymm(j))
		g.VADDPS(sum(j+4), ymm(j), ymm(j))
	}
	g.VADDPS(Y2, Y0, Y0)
	g.VADDPS(Y3, Y1, Y1)
	g.VADDPS(Y1, Y0, Y0)
	g.MOVQ(Mem{Base: regDst, Disp: 8 * v}, RCX)
	g.VMOVUPS(Y0, Mem{Base: RCX})
}
