package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// asm is a file under construction. Kernels name physical registers: with
// virtual ones avo would reach for Y16 and up, which need AVX-512.
type asm struct {
	*build.Context
}

// blockBytes and the offsets of the fields of kernels.Block.
const (
	blockBytes = 320
	blockD     = 0
	blockQ     = 32
	blockSums  = 288
)

// ahead is how far before its use a weight is prefetched, in bytes.
const ahead = 2048

// begin opens a function that the garbage collector and the stack check need
// not look into.
func (g *asm) begin(name, signature string, doc ...string) {
	g.beginSplit(name, signature, doc...)
	g.Attributes(attr.NOSPLIT)
}

// beginSplit is begin for a function with a frame of a kilobyte, which the
// stack check has to look at.
func (g *asm) beginSplit(name, signature string, doc ...string) {
	g.Function(name)
	g.SignatureExpr(signature)
	g.Doc(doc...)
	g.Pragma("noescape")
}

// end returns to Go, whose own float code must not meet dirty upper halves.
func (g *asm) end() {
	g.VZEROUPPER()
	g.RET()
}

// Registers of the dot kernels, the same for every format.
var (
	regDst    = RDI // rows1: next result. rows4: the destinations
	regW      = RSI // first byte of the row
	regStride = RDX
	regRows   = RCX // rows left
	regCount  = R8  // columns, or blocks, of a row
	regCur    = RBX // next weight
	regLeft   = RAX // columns or blocks left
	regX      = R9  // rows1: first block of the vector
	regXs     = [4]GPPhysical{R9, R10, R11, R12}
	regOff    = R13 // offset of the current block in every vector
	regOut    = R15 // rows4: offset of the result
	regTmp    = R14
)

// rows1 writes the frame of a kernel for one vector: for each row, body runs
// with regCur at the row and must leave the result in lane 0 of X0. It may use
// regLeft, regOff, regTmp and R10-R12. setup runs once before the first row.
func (g *asm) rows1(name string, setup, body func()) {
	g.begin(name, "func(dst, w *byte, stride, rows, cols int, x *byte)",
		fmt.Sprintf("%s is assembly of type rows1.", name))
	g.Load(g.Param("dst"), regDst)
	g.Load(g.Param("w"), regW)
	g.Load(g.Param("stride"), regStride)
	g.Load(g.Param("rows"), regRows)
	g.Load(g.Param("cols"), regCount)
	g.Load(g.Param("x"), regX)
	g.TESTQ(regRows, regRows)
	g.JLE(LabelRef("done"))
	setup()
	g.Label("row")
	g.MOVQ(regW, regCur)
	body()
	g.VMOVSS(X0, Mem{Base: regDst})
	g.ADDQ(I32(4), regDst)
	g.ADDQ(regStride, regW)
	g.DECQ(regRows)
	g.JNE(LabelRef("row"))
	g.Label("done")
	g.end()
}

// rows4 writes the frame of a kernel for two or four vectors: body must leave the
// results in lane 0 of X0 and up. It may use regLeft, regOff and regTmp.
func (g *asm) rows4(name string, vectors int, setup, body func()) {
	g.begin(name, "func(dst *[4]*byte, w *byte, stride, rows, cols int, x *[4]*byte)",
		fmt.Sprintf("%s is assembly of type rows4.", name))
	g.Load(g.Param("dst"), regDst)
	g.Load(g.Param("w"), regW)
	g.Load(g.Param("stride"), regStride)
	g.Load(g.Param("rows"), regRows)
	g.Load(g.Param("cols"), regCount)
	g.Load(g.Param("x"), regTmp)
	for v, x := range regXs[:vectors] {
		g.MOVQ(Mem{Base: regTmp, Disp: 8 * v}, x)
	}
	g.TESTQ(regRows, regRows)
	g.JLE(LabelRef("done"))
	setup()
	g.XORL(R15L, R15L)
	g.Label("row")
	g.MOVQ(regW, regCur)
	body()
	for v := range vectors {
		g.MOVQ(Mem{Base: regDst, Disp: 8 * v}, regTmp)
		g.VMOVSS(VecPhysical(xmm(v)), Mem{Base: regTmp, Index: regOut, Scale: 1})
	}
	g.ADDQ(I32(4), regOut)
	g.ADDQ(regStride, regW)
	g.DECQ(regRows)
	g.JNE(LabelRef("row"))
	g.Label("done")
	g.end()
}

// ymm and xmm are the vector register number i.
func ymm(i int) VecPhysical {
	must(i >= 0 && i < 16, "no AVX2 register %d", i)
	return [16]VecPhysical{Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}[i]
}

func xmm(i int) VecPhysical { return ymm(i).AsX().(VecPhysical) }

// reduce adds the eight lanes of register acc into lane 0: the halves, then
// lanes two apart, then neighbours. tmp is lost.
func (g *asm) reduce(acc, tmp int) {
	g.VEXTRACTF128(Imm(1), ymm(acc), xmm(tmp))
	g.VADDPS(xmm(tmp), xmm(acc), xmm(acc))
	g.VMOVHLPS(xmm(acc), xmm(acc), xmm(tmp))
	g.VADDPS(xmm(tmp), xmm(acc), xmm(acc))
	g.VMOVSHDUP(xmm(acc), xmm(tmp))
	g.VADDSS(xmm(tmp), xmm(acc), xmm(acc))
}

// zero clears registers.
func (g *asm) zero(regs ...int) {
	for _, r := range regs {
		g.VXORPS(ymm(r), ymm(r), ymm(r))
	}
}

// ones sets the sixteen words of register r to 1.
func (g *asm) ones(r int) {
	g.VPCMPEQW(ymm(r), ymm(r), ymm(r))
	g.VPABSW(ymm(r), ymm(r))
}

// bytes declares read-only data.
func (g *asm) bytes(name string, data []byte) Mem {
	must(len(data)%8 == 0, "%s: %d bytes", name, len(data))
	m := g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := 0; i < len(data); i += 8 {
		var v uint64
		for k := range 8 {
			v |= uint64(data[i+k]) << (8 * k)
		}
		g.AddDatum(i, U64(v))
	}
	return m
}

// prefetch asks for the n bytes that come ahead of those at regCur. Weights
// are one stream: past the end of a row comes the next.
func (g *asm) prefetch(n int) {
	for i := 0; i < n; i += 64 {
		g.PREFETCHT0(Mem{Base: regCur, Disp: ahead + i})
	}
}

// aligned points r at size bytes on the stack, at a multiple of 32.
func (g *asm) aligned(size int, r GPPhysical) {
	m := g.AllocLocal(size + 32)
	g.LEAQ(m.Offset(31), r)
	g.ANDQ(I8(-32), r)
}
