package kernels

import "unsafe"

// A Q6_K block is 210 bytes for 256 values d*s*(q-32):
//
//	0    low     128 bytes of 4-bit fields
//	128  high    64 bytes of 2-bit fields
//	192  scales  [16]int8, one per 16 values
//	208  d       half
//
// Value 128h + 32f + l (l < 32) has its high bits in field f of high[32h+l].
// Its low bits are in low[64h + 32(f%2) + l], low half for f < 2, else high.
const bytesQ6_K = 210

func (s *super) unpackQ6_K(w unsafe.Pointer) {
	b := (*[bytesQ6_K]byte)(w)
	s.d = halfAt(b[208:])
	for i := range 16 {
		s.scale[i] = int32(int8(b[192+i]))
	}
	for i := 0; i < 64; i += 8 {
		from := i/32*64 + i%32
		even, odd := eight(b[from:from+8]), eight(b[from+32:from+40])
		h := eight(b[128+i : 136+i])
		at := i/32*128 + i%32
		put(&s.q, at, lower(even&(0x0f*each)|h&(3*each)<<4, 32))
		put(&s.q, at+32, lower(odd&(0x0f*each)|h>>2&(3*each)<<4, 32))
		put(&s.q, at+64, lower(even>>4&(0x0f*each)|h>>4&(3*each)<<4, 32))
		put(&s.q, at+96, lower(odd>>4&(0x0f*each)|h>>6&(3*each)<<4, 32))
	}
}
