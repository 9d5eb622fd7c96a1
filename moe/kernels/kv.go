package kernels

import (
	"encoding/binary"
	"math"

	"moed/moe/ggml"
)

// Rows of a key or value cache are bytes in the packing of the type, so that
// scores of queries against keys can be a product with a Matrix over the cache.

// AccumulateF32 adds Σ p[i]·V[i] to dst, where row i of V is len(dst) float32
// at v[i·stride:]. Each element takes its terms in ascending i, one by one.
func AccumulateF32(dst []float32, v []byte, stride int, p []float32) {
	if rowsFit(len(dst)*bytesF32, v, stride, len(p)) {
		accumulateF32(dst, v, stride, p)
	}
}

// AccumulateF16 is AccumulateF32 for rows of halves.
func AccumulateF16(dst []float32, v []byte, stride int, p []float32) {
	if rowsFit(len(dst)*bytesF16, v, stride, len(p)) {
		accumulateF16(dst, v, stride, p)
	}
}

// AccumulateQ8_0 is AccumulateF32 for rows of Q8_0 blocks; len(dst) must be a
// multiple of 32.
func AccumulateQ8_0(dst []float32, v []byte, stride int, p []float32) {
	if len(dst)%32 != 0 {
		panic("kernels: a row that is not whole Q8_0 blocks")
	}
	if rowsFit(len(dst)/32*bytesQ8_0, v, stride, len(p)) {
		accumulateQ8_0(dst, v, stride, p)
	}
}

// rowsFit panics unless v has n rows of size bytes, stride apart; it is false
// where there is nothing to do.
func rowsFit(size int, v []byte, stride, n int) bool {
	if size == 0 || n == 0 {
		return false
	}
	_ = v[:(n-1)*stride+size]
	return true
}

// StoreF32 writes x to dst as little-endian float32.
func StoreF32(dst []byte, x []float32) {
	dst = dst[:bytesF32*len(x)]
	for i, v := range x {
		binary.LittleEndian.PutUint32(dst[bytesF32*i:], math.Float32bits(v))
	}
}

// StoreF16 writes x to dst as halves, rounded to nearest even.
func StoreF16(dst []byte, x []float32) { storeF16(dst[:bytesF16*len(x)], x) }

// RoundF16 rounds x to what an f16 can hold; beyond its range is its end.
func RoundF16(x []float32) {
	const largest = 65504
	var half [512]byte
	for len(x) > 0 {
		n := min(len(x), len(half)/bytesF16)
		for i, v := range x[:n] {
			x[i] = min(max(v, -largest), largest)
		}
		StoreF16(half[:], x[:n])
		Dequantize(x[:n], ggml.F16, half[:bytesF16*n])
		x = x[n:]
	}
}

// StoreQ8_0 writes x, a multiple of 32 values, to dst as Q8_0 blocks, with the
// scales and integers that FormQ8_0 has.
func StoreQ8_0(dst []byte, x []float32) {
	if len(x)%32 != 0 {
		panic("kernels: a row that is not whole Q8_0 blocks")
	}
	dst = dst[:len(x)/32*bytesQ8_0]
	var q [32]int8
	for len(x) > 0 {
		d := quantize32(&q, x[:32])
		binary.LittleEndian.PutUint16(dst, floatToHalf(d))
		for i, v := range q {
			dst[2+i] = byte(v)
		}
		dst, x = dst[bytesQ8_0:], x[32:]
	}
}

func storeF16Generic(dst []byte, x []float32) {
	for i, v := range x {
		binary.LittleEndian.PutUint16(dst[bytesF16*i:], floatToHalf(v))
	}
}

func accumulateF32Generic(dst []float32, v []byte, stride int, p []float32) {
	for i, s := range p {
		row := v[i*stride:][:bytesF32*len(dst)]
		for j := range dst {
			dst[j] += float32(s * math.Float32frombits(binary.LittleEndian.Uint32(row[bytesF32*j:])))
		}
	}
}

func accumulateF16Generic(dst []float32, v []byte, stride int, p []float32) {
	for i, s := range p {
		row := v[i*stride:][:bytesF16*len(dst)]
		for j := range dst {
			dst[j] += float32(s * halfToFloat(binary.LittleEndian.Uint16(row[bytesF16*j:])))
		}
	}
}

// accumulateQ8_0Generic folds the block's scale into p[i] before the values.
func accumulateQ8_0Generic(dst []float32, v []byte, stride int, p []float32) {
	for i, s := range p {
		row := v[i*stride:]
		for j := 0; j < len(dst); j += 32 {
			b := (*[bytesQ8_0]byte)(row[j/32*bytesQ8_0:])
			d, part := s*halfAt(b[:]), (*[32]float32)(dst[j:])
			for k := range part {
				part[k] += float32(d * float32(int8(b[2+k])))
			}
		}
	}
}
