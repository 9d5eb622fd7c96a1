package kernels

import (
	"encoding/binary"
	"unsafe"
)

// An IQ4_XS block is 136 bytes for 256 values d*(s-32)*valuesIQ4[q]:
//
//	0   d     half
//	2   high  2 bytes, the high two bits of s for 8 sub-blocks of 32 values
//	4   low   4 bytes, the low four bits of s, even sub-blocks in the low halves
//	8   q     128 bytes, 16 per sub-block, placed as in IQ4_NL
const bytesIQ4_XS = 136

func (s *super) unpackIQ4_XS(w unsafe.Pointer) {
	b := (*[bytesIQ4_XS]byte)(w)
	s.d = halfAt(b[0:])
	high := binary.LittleEndian.Uint16(b[2:])
	for i := range 8 {
		scale := int32(b[4+i/2]>>(i%2*4)&15) | int32(high>>(2*i)&3)<<4
		s.scale[2*i], s.scale[2*i+1] = scale-32, scale-32
		lookup(&s.q, 32*i, (*[16]byte)(b[8+16*i:]), &valuesIQ4)
	}
}
