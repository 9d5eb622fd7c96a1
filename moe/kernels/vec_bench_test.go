package kernels

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkVector runs the operations between products on 2048 values.
func BenchmarkVector(b *testing.B) {
	const n = 2048
	r := rand.New(rand.NewPCG(1, 1))
	x, y, weight, blocks := normal(r, n, 1), normal(r, n, 1), normal(r, n, 1), alignedBlocks(n/256)
	dst, cache := make([]float32, n), make([]byte, 4*n)
	p := normal(r, 16, 1)
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"RMSNorm/generic", func() { rmsNormGeneric(dst, x, weight, 1e-5) }},
		{"RMSNorm/chosen", func() { RMSNorm(dst, x, weight, 1e-5) }},
		{"Softmax/generic", func() { copy(dst, x); softmaxGeneric(dst, 0) }},
		{"Softmax/chosen", func() { copy(dst, x); SoftmaxSink(dst, 0) }},
		{"SiLUMul/generic", func() { siluMulGeneric(dst, x, y) }},
		{"SiLUMul/chosen", func() { SiLUMul(dst, x, y) }},
		{"SwiGLUOAI/generic", func() { swigluOAIGeneric(dst, x, y, 1.7, 7) }},
		{"SwiGLUOAI/chosen", func() { SwiGLUOAI(dst, x, y, 1.7, 7) }},
		{"AddScaled/generic", func() { addScaledGeneric(dst, x, 0.5) }},
		{"AddScaled/chosen", func() { AddScaled(dst, x, 0.5) }},
		{"QuantizeQ8_0/generic", func() { quantizeQ8_0Generic(blocks, x) }},
		{"QuantizeQ8_0/chosen", func() { quantizeQ8_0(blocks, x) }},
		{"QuantizeQ8_K/generic", func() { quantizeQ8_KGeneric(blocks, x) }},
		{"QuantizeQ8_K/chosen", func() { quantizeQ8_K(blocks, x) }},
		{"StoreF16/generic", func() { storeF16Generic(cache, x) }},
		{"StoreF16/chosen", func() { StoreF16(cache, x) }},
		// 16 rows of 128 values.
		{"AccumulateF32/generic", func() { accumulateF32Generic(dst[:128], cache, 512, p) }},
		{"AccumulateF32/chosen", func() { AccumulateF32(dst[:128], cache, 512, p) }},
		{"AccumulateF16/generic", func() { accumulateF16Generic(dst[:128], cache, 256, p) }},
		{"AccumulateF16/chosen", func() { AccumulateF16(dst[:128], cache, 256, p) }},
		{"AccumulateQ8_0/generic", func() { accumulateQ8_0Generic(dst[:128], cache, 136, p) }},
		{"AccumulateQ8_0/chosen", func() { AccumulateQ8_0(dst[:128], cache, 136, p) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				c.f()
			}
		})
	}
}
