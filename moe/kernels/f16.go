package kernels

import (
	"encoding/binary"
	"math"
)

// halfToFloat widens an IEEE half exactly. Signalling NaNs become quiet with
// their payload kept, as VCVTPH2PS does it.
func halfToFloat(h uint16) float32 {
	m := spaced(h)
	if ordinary(m) {
		return rebias(m)
	}
	return oddHalf(m)
}

// widenHalves is halfToFloat for a row; the compiler does not inline that one.
func widenHalves(dst []float32, b []byte) {
	for i := range dst {
		m := spaced(binary.LittleEndian.Uint16(b[bytesF16*i:]))
		if ordinary(m) {
			dst[i] = rebias(m)
		} else {
			dst[i] = oddHalf(m)
		}
	}
}

// spaced moves the fields of h to where a float32 has them. The sign is also
// copied below its place, and falls out of the shift or the mask.
func spaced(h uint16) uint32 { return uint32(int32(int16(h))) << 13 & 0x8fffffff }

// ordinary reports that spaced fields are neither subnormal nor infinite or NaN.
func ordinary(m uint32) bool { return m>>23&31-1 < 30 }

// rebias makes the float32 of ordinary fields.
func rebias(m uint32) float32 { return math.Float32frombits(m + (127-15)<<23) }

// oddHalf is halfToFloat for spaced fields that are not ordinary.
func oddHalf(m uint32) float32 {
	sign := m & 0x80000000
	switch m &^= sign; {
	case m < 1<<23: // zero or subnormal: a mantissa above 2^-14, less 2^-14
		f := math.Float32frombits(m|113<<23) - math.Float32frombits(113<<23)
		return math.Float32frombits(math.Float32bits(f) | sign)
	case m&0x7fffff != 0:
		return math.Float32frombits(sign | 0x7fc00000 | m)
	}
	return math.Float32frombits(sign | 0x7f800000)
}

// floatToHalf rounds to the nearest half, ties to even. What is too large
// becomes an infinity, NaNs stay NaNs.
func floatToHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00 | uint16(b>>13)&0x1ff
	case b >= 0x47800000: // 2^16 and up
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: adding 0.5 rounds to multiples of 2^-24
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	b += 0xfff + b>>13&1
	return sign | uint16((b-(127-15)<<23)>>13)
}

// bfloatToFloat widens a bfloat16, which is the upper half of a float32.
func bfloatToFloat(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// halfE8M0 is half of the power of two that an exponent byte stands for,
// 2^(e-128). The half goes with MXFP4's table, which is doubled to be integer.
func halfE8M0(e uint8) float32 {
	if e < 2 {
		return math.Float32frombits(0x00200000 << e) // subnormal
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

// halfAt reads a half at the start of b.
func halfAt(b []byte) float32 { return halfToFloat(binary.LittleEndian.Uint16(b)) }
