package main

import (
	. "github.com/mmcloughlin/avo/operand"
)

// super is how a kernel for super-blocks of 256 uses its registers. The
// accumulators and sums of the vectors are next to each other.
type super struct {
	vectors int
	acc     int    // float sums of the row
	sum     int    // integer sums of the super-block
	w, w2   int    // weights
	scale   int    // of the weights in hand, as words
	extra   int    // free for the format
	tmp     [2]int // free for superAdd
	free    int    // likewise
	mask    int    // bytes of 15
}

// x is the memory of vector v at disp from the current activation block.
func (s *super) x(v, disp int) Mem {
	if s.vectors == 1 {
		return Mem{Base: regOff, Disp: disp}
	}
	return Mem{Base: regXs[v], Index: regOff, Scale: 1, Disp: disp}
}

// superX1 writes a kernel for one vector. block does the super-block at regCur,
// with 128 bytes of aligned stack at regTmp.
func (g *asm) superX1(name string, size int, block func(*super)) {
	s := &super{vectors: 1, acc: 0, sum: 4, w: 8, w2: 9, scale: 10, extra: 11, tmp: [2]int{12, 13}, free: 14, mask: 15}
	g.rows1(name, func() {
		g.fifteens(s.mask)
		g.aligned(128, regTmp)
	}, func() {
		g.zero(s.acc)
		g.MOVQ(regX, regOff)
		g.superRow(s, size, block)
		g.reduce(s.acc, s.tmp[0])
	})
}

// superXs is superX1 for two vectors, and for four.
func (g *asm) superXs(name string, size int, block func(*super)) {
	g.superXn(name+"x2", 2, size, block)
	g.superXn(name+"x4", 4, size, block)
}

func (g *asm) superXn(name string, vectors, size int, block func(*super)) {
	s := &super{vectors: vectors, acc: 0, sum: 4, w: 8, w2: 9, scale: 10, extra: 11, tmp: [2]int{12, 13}, free: 14, mask: 15}
	g.rows4(name, vectors, func() { g.fifteens(s.mask) }, func() {
		g.aligned(128, regTmp)
		for v := range vectors {
			g.zero(s.acc + v)
		}
		g.XORL(regOff.As32(), regOff.As32())
		g.superRow(s, size, block)
		for v := range vectors {
			g.reduce(s.acc+v, s.tmp[v%2])
		}
	})
}

// superRow walks the super-blocks of a row.
func (g *asm) superRow(s *super, size int, block func(*super)) {
	g.MOVQ(regCount, regLeft)
	g.Label("block")
	g.prefetch(size)
	block(s)
	g.ADDQ(I32(size), regCur)
	g.ADDQ(I32(blockBytes), regOff)
	g.SUBQ(I32(256), regLeft)
	g.JG(LabelRef("block"))
}

// superAdd adds the scaled products of 32 unsigned weights in w, the ith of the
// super-block, to the integer sums.
func (g *asm) superAdd(s *super, i, w int) {
	for v := range s.vectors {
		t := s.tmp[v%2]
		g.VPMADDUBSW(s.x(v, blockQ+32*i), ymm(w), ymm(t))
		if i == 0 {
			g.VPMADDWD(ymm(s.scale), ymm(t), ymm(s.sum+v))
			continue
		}
		g.VPMADDWD(ymm(s.scale), ymm(t), ymm(t))
		g.VPADDD(ymm(t), ymm(s.sum+v), ymm(s.sum+v))
	}
}

// superScale ends a super-block without offsets for vector v:
// acc += D·(d·sum), with d in all lanes.
func (g *asm) superScale(s *super, v, d int) {
	t := s.tmp[v%2]
	g.VCVTDQ2PS(ymm(s.sum+v), ymm(s.sum+v))
	g.VMULPS(ymm(d), ymm(s.sum+v), ymm(s.sum+v))
	g.VBROADCASTSS(s.x(v, blockD), ymm(t))
	g.VFMADD231PS(ymm(t), ymm(s.sum+v), ymm(s.acc+v))
}

// fifteens sets the bytes of register r to 15.
func (g *asm) fifteens(r int) {
	g.MOVL(U32(0x0f0f0f0f), regTmp.As32())
	g.VMOVD(regTmp.As32(), xmm(r))
	g.VPBROADCASTD(xmm(r), ymm(r))
}
