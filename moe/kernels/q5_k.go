package kernels

import "unsafe"

// A Q5_K block is 176 bytes for 256 values d*s*q - dmin*m:
//
//	0   d       half
//	2   dmin    half
//	4   scales  12 bytes, as in Q4_K
//	16  high    32 bytes, bit i of byte l is bit 4 of value 32i + l
//	48  q       128 bytes, placed as in Q4_K
const bytesQ5_K = 176

func (s *super) unpackQ5_K(w unsafe.Pointer) {
	b := (*[bytesQ5_K]byte)(w)
	s.d, s.dmin = halfAt(b[0:]), halfAt(b[2:])
	s.scalesK4((*[12]byte)(b[4:]))
	for i := 0; i < 128; i += 8 {
		v := eight(b[48+i : 56+i])
		h := eight(b[16+i%32:24+i%32]) >> (i / 32 * 2)
		at := i/32*64 + i%32
		put(&s.q, at, v&(0x0f*each)|h&each<<4)
		put(&s.q, at+32, v>>4&(0x0f*each)|h>>1&each<<4)
	}
}
