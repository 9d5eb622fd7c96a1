//go:build amd64 && !purego

package kernels

import (
	"math"
	"unsafe"
)

func rmsNorm(dst, x, weight []float32, eps float32) {
	if !hasAVX2 {
		rmsNormGeneric(dst, x, weight, eps)
		return
	}
	n := len(x)
	from := unsafe.SliceData(x)
	s := rmsScale(sumSquaresAVX2(from, n), n, eps)
	if weight == nil {
		scaleAVX2(unsafe.SliceData(dst), from, n, s)
		return
	}
	scaleMulAVX2(unsafe.SliceData(dst), from, unsafe.SliceData(weight), n, s)
}

func softmax(x []float32, sink float64) {
	if !hasAVX2 {
		softmaxGeneric(x, sink)
		return
	}
	at, n := unsafe.SliceData(x), len(x)
	top := maxAVX2(at, n, float32(sink))
	sum := math.Exp(sink-float64(top)) + expSumAVX2(at, n, top)
	scaleAVX2(at, at, n, float32(1/sum))
}

func sigmoid(x []float32) {
	if !hasAVX2 {
		sigmoidGeneric(x)
		return
	}
	sigmoidAVX2(unsafe.SliceData(x), len(x))
}

func siluMul(dst, gate, up []float32) {
	if !hasAVX2 {
		siluMulGeneric(dst, gate, up)
		return
	}
	siluMulAVX2(unsafe.SliceData(dst), unsafe.SliceData(gate), unsafe.SliceData(up), len(dst))
}

func swigluOAI(dst, gate, up []float32, alpha, limit float32) {
	if !hasAVX2 {
		swigluOAIGeneric(dst, gate, up, alpha, limit)
		return
	}
	swigluOAIAVX2(unsafe.SliceData(dst), unsafe.SliceData(gate), unsafe.SliceData(up), len(dst), alpha, limit)
}

func add(dst, x []float32) {
	if !hasAVX2 {
		addGeneric(dst, x)
		return
	}
	addAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), len(dst))
}

func addScaled(dst, x []float32, s float32) {
	if !hasAVX2 {
		addScaledGeneric(dst, x, s)
		return
	}
	addScaledAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), len(dst), s)
}

func scale(x []float32, s float32) {
	if !hasAVX2 {
		scaleGeneric(x, s)
		return
	}
	scaleAVX2(unsafe.SliceData(x), unsafe.SliceData(x), len(x), s)
}

// The accumulations take whole eights in assembly and the rest in Go; which
// way a column goes depends on its place in the row alone.

func accumulateF32(dst []float32, v []byte, stride int, p []float32) {
	if !hasAVX2 {
		accumulateF32Generic(dst, v, stride, p)
		return
	}
	n := len(dst) &^ 7
	accumulateF32AVX2(unsafe.SliceData(dst), unsafe.Pointer(unsafe.SliceData(v)), stride, unsafe.SliceData(p), len(p), n)
	if n < len(dst) {
		accumulateF32Generic(dst[n:], v[bytesF32*n:], stride, p)
	}
}

func accumulateF16(dst []float32, v []byte, stride int, p []float32) {
	if !hasAVX2 {
		accumulateF16Generic(dst, v, stride, p)
		return
	}
	n := len(dst) &^ 7
	accumulateF16AVX2(unsafe.SliceData(dst), unsafe.Pointer(unsafe.SliceData(v)), stride, unsafe.SliceData(p), len(p), n)
	if n < len(dst) {
		accumulateF16Generic(dst[n:], v[bytesF16*n:], stride, p)
	}
}

func accumulateQ8_0(dst []float32, v []byte, stride int, p []float32) {
	if !hasAVX2 {
		accumulateQ8_0Generic(dst, v, stride, p)
		return
	}
	accumulateQ8_0AVX2(unsafe.SliceData(dst), unsafe.Pointer(unsafe.SliceData(v)), stride, unsafe.SliceData(p), len(p), len(dst))
}

func storeF16(dst []byte, x []float32) {
	if !hasAVX2 {
		storeF16Generic(dst, x)
		return
	}
	n := len(x) &^ 7
	storeF16AVX2(unsafe.Pointer(unsafe.SliceData(dst)), unsafe.SliceData(x), n)
	storeF16Generic(dst[bytesF16*n:], x[n:])
}

func quantizeQ8_0(dst []Block, x []float32) {
	n := len(x) / 32
	if !hasAVX2 || len(x)%32 != 0 || n == 0 {
		quantizeQ8_0Generic(dst, x)
		return
	}
	if last := (n - 1) / 8; n%8 != 0 {
		dst[last] = Block{}
	}
	quantizeQ8_0AVX2(unsafe.Pointer(&dst[:(n+7)/8][0]), unsafe.SliceData(x), n)
}

func quantizeQ8_K(dst []Block, x []float32) {
	n := len(x) / 256
	if !hasAVX2 || n == 0 {
		quantizeQ8_KGeneric(dst, x)
		return
	}
	quantizeQ8_KAVX2(unsafe.Pointer(&dst[:n][0]), unsafe.SliceData(x), n)
	quantizeQ8_KGeneric(dst[n:], x[256*n:])
}

func rotatePairs(x, angles []float32) {
	if !hasAVX2 || len(x) == 0 || len(x)%8 != 0 {
		rotatePairsGeneric(x, angles)
		return
	}
	rotatePairsAVX2(unsafe.SliceData(x), unsafe.SliceData(angles), len(x))
}

func rotateHalves(x, angles []float32) {
	if !hasAVX2 || len(x) == 0 || len(x)%16 != 0 {
		rotateHalvesGeneric(x, angles)
		return
	}
	rotateHalvesAVX2(unsafe.SliceData(x), unsafe.SliceData(angles), len(x))
}
