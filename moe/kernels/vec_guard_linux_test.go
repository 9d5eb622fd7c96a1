package kernels

import (
	"runtime/debug"
	"testing"
	"unsafe"
)

// guardedFloats are n zeroes that end where unreadable memory begins.
func guardedFloats(t *testing.T, n int) []float32 {
	t.Helper()
	if n == 0 {
		return nil
	}
	b := guarded(t, make([]byte, 4*n))
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n)
}

func TestVectorsStayInside(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for n := range 35 {
		x, y, z, blocks := guardedFloats(t, n), guardedFloats(t, n), guardedFloats(t, n), alignedBlocks(1)
		for _, f := range []func(){
			func() { RMSNorm(x, y, z, 1) },
			func() { RMSNorm(x, y, nil, 1) },
			func() { Softmax(x) },
			func() { Sigmoid(x) },
			func() { SiLUMul(x, y, z) },
			func() { SwiGLUOAI(x, y, z, 1.7, 7) },
			func() { Add(x, y) },
			func() { AddScaled(x, y, 2) },
			func() { Scale(x, 2) },
			func() { StoreF16(guarded(t, make([]byte, 2*n+1))[1:], x) },
			func() { quantizeQ8_0(blocks, x) },
			func() { quantizeQ8_K(blocks, x) },
			func() { rotatePairs(x[:n&^1], y[:n&^1]) },
			func() { rotateHalves(x[:n&^1], y[:n&^1]) },
		} {
			f()
		}
	}
}
