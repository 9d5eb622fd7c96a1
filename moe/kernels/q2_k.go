package kernels

import "unsafe"

// A Q2_K block is 84 bytes for 256 values d*s*q - dmin*m:
//
//	0   scales  16 bytes, one per 16 values: s in the low half, m in the high
//	16  q       64 bytes of 2-bit fields
//	80  d       half
//	82  dmin    half
//
// Value 128h + 32f + l (l < 32) is field f, from the low bits, of byte 32h + l.
const bytesQ2_K = 84

func (s *super) unpackQ2_K(w unsafe.Pointer) {
	b := (*[bytesQ2_K]byte)(w)
	s.d, s.dmin = halfAt(b[80:]), halfAt(b[82:])
	for i := range 16 {
		s.scale[i], s.min[i] = int32(b[i]&15), int32(b[i]>>4)
	}
	for i := 0; i < 64; i += 8 {
		v := eight(b[16+i : 24+i])
		at := i/32*128 + i%32
		put(&s.q, at, v&(3*each))
		put(&s.q, at+32, v>>2&(3*each))
		put(&s.q, at+64, v>>4&(3*each))
		put(&s.q, at+96, v>>6&(3*each))
	}
}
