package kernels

import "math"

// quantizeQ8_0Generic fills dst with x in FormQ8_0: for each 32 values a scale
// that maps the largest to ±127, rounded through a half as a Q8_0 block stores
// it, while the integers come from the unrounded scale. Values round to nearest
// even, as llama.cpp's x86 code does. The tail of the last block is zeroed.
//
// A group with a NaN or an infinity gets a scale that is not finite, so that
// its products are NaN and the fault shows.
func quantizeQ8_0Generic(dst []Block, x []float32) {
	for len(x) > 0 {
		b := &dst[0]
		n := min(len(x), len(b.Q))
		for i := range b.D {
			from := min(32*i, n)
			b.D[i] = quantize32((*[32]int8)(b.Q[32*i:]), x[from:min(from+32, n)])
		}
		b.sum()
		x, dst = x[n:], dst[1:]
	}
}

// quantize32 quantises up to 32 values, zeroes the rest of q and returns the
// scale as a half holds it.
func quantize32(q *[32]int8, x []float32) float32 {
	*q = [32]int8{}
	amax := largest(x)
	if amax == 0 {
		return 0
	}
	inverse := 127 / amax
	for i, v := range x {
		q[i] = nearest8(v * inverse)
	}
	return halfToFloat(floatToHalf(amax / 127))
}

// quantizeQ8_1 fills dst with x in FormQ8_1: as FormQ8_0, but beside each scale
// stands its product with the sum of the integers, as a half holds the product
// of the unrounded scale.
func quantizeQ8_1(dst []Block, x []float32) {
	quantizeQ8_0(dst, x)
	for i := range dst {
		b := &dst[i]
		var scaled [8]float32
		for j := range scaled {
			from := min(256*i+32*j, len(x))
			d := largest(x[from:min(from+32, len(x))]) / 127
			scaled[j] = halfToFloat(floatToHalf(d * float32(int32(b.Sums[2*j])+int32(b.Sums[2*j+1]))))
		}
		*b.scaled() = scaled
	}
}

// largest is the largest |x|, or a NaN if there is one.
func largest(x []float32) float32 {
	var top uint32 // bits of the largest; a NaN is above all
	for _, v := range x {
		top = max(top, math.Float32bits(v)&0x7fffffff)
	}
	return math.Float32frombits(top)
}

// quantizeQ8_KGeneric fills dst with x in FormQ8_K: for each 256 values one
// float32 scale, negative where the value of largest size is positive, so that
// this value becomes -127. The tail of the last block is zeroed. NaNs and
// infinities show as in FormQ8_0.
func quantizeQ8_KGeneric(dst []Block, x []float32) {
	for len(x) > 0 {
		b := &dst[0]
		n := min(len(x), len(b.Q))
		b.quantize256(x[:n])
		x, dst = x[n:], dst[1:]
	}
}

func (b *Block) quantize256(x []float32) {
	var top uint32
	var extreme float32 // the first value of largest size
	for _, v := range x {
		if a := math.Float32bits(v) & 0x7fffffff; a > top {
			top, extreme = a, v
		}
	}
	*b = Block{}
	if top == 0 {
		return
	}
	inverse := -127 / extreme
	for i, v := range x {
		b.Q[i] = nearest8(inverse * v)
	}
	b.D[0] = 1 / inverse
	b.sum()
}

// sum fills Sums from Q.
func (b *Block) sum() {
	for i := range b.Sums {
		var s int16
		for _, q := range (*[16]int8)(b.Q[16*i:]) {
			s += int16(q)
		}
		b.Sums[i] = s
	}
}

// nearest8 rounds to the nearest integer, ties to even, within ±127; NaN is 0.
func nearest8(v float32) int8 {
	if !(v > -127) {
		if v <= -127 {
			return -127
		}
		return 0
	}
	if v > 127 {
		return 127
	}
	const magic = 3 << 22 // a float32 this large has no bits below one
	return int8(math.Float32bits(v + magic))
}
