package moetest

import "math"

// half rounds x to the nearest IEEE 754 half precision number, ties to even, in
// one step, and returns its bits.
func half(x float64) uint16 {
	a := math.Abs(x)
	sign := uint16(0)
	if math.Signbit(x) {
		sign = 1 << 15
	}
	switch {
	case math.IsNaN(x):
		return sign | 0x7e00
	case a < 0x1p-14: // subnormal: a multiple of 2^-24
		return sign | uint16(math.RoundToEven(a*0x1p24))
	case a >= 65520: // halfway from the largest number to the next power of two
		return sign | 0x7c00
	}
	_, exp := math.Frexp(a)
	m := math.RoundToEven(math.Ldexp(a, 11-exp)) // 1024 to 2048; a carry moves the exponent on
	return sign | uint16((exp+14)<<10+int(m)-1024)
}

// unhalf is the value of half precision bits.
func unhalf(h uint16) float64 {
	m, exp := float64(h&0x3ff), int(h>>10&0x1f)
	var a float64
	switch {
	case exp == 0:
		a = m * 0x1p-24
	case exp == 31 && m != 0:
		a = math.NaN()
	case exp == 31:
		a = math.Inf(1)
	default:
		a = math.Ldexp(1024+m, exp-25)
	}
	if h>>15 != 0 {
		return -a
	}
	return a
}
