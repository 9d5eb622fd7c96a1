package kernels

import "unsafe"

// A Q3_K block is 110 bytes for 256 values d*(s-32)*(q-4):
//
//	0    high    32 bytes, bit 4h+f of byte l is bit 2 of value 128h + 32f + l
//	32   q       64 bytes of 2-bit fields, placed as in Q2_K
//	96   scales  12 bytes, 6 bits for each of 16 sub-blocks of 16 values
//	108  d       half
//
// The low four bits of s[i] are in the low half of scales[i] for i < 8 and in
// the high half of scales[i-8] above; its high two bits are field i/4 of
// scales[8+i%4].
const bytesQ3_K = 110

func (s *super) unpackQ3_K(w unsafe.Pointer) {
	b := (*[bytesQ3_K]byte)(w)
	s.d = halfAt(b[108:])
	scales := (*[12]byte)(b[96:])
	for i := range 16 {
		low := scales[i%8] >> (i / 8 * 4) & 15
		high := scales[8+i%4] >> (i / 4 * 2) & 3
		s.scale[i] = int32(low|high<<4) - 32
	}
	for i := 0; i < 64; i += 8 {
		v := eight(b[32+i : 40+i])
		h := eight(b[i%32:i%32+8]) >> (i / 32 * 4)
		at := i/32*128 + i%32
		put(&s.q, at, lower(v&(3*each)|h&each<<2, 4))
		put(&s.q, at+32, lower(v>>2&(3*each)|h>>1&each<<2, 4))
		put(&s.q, at+64, lower(v>>4&(3*each)|h>>2&each<<2, 4))
		put(&s.q, at+96, lower(v>>6&(3*each)|h>>3&each<<2, 4))
	}
}
