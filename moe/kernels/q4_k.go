package kernels

import "unsafe"

// A Q4_K block is 144 bytes for 256 values d*s*q - dmin*m:
//
//	0   d       half
//	2   dmin    half
//	4   scales  12 bytes, s and m of 6 bits for each of 8 sub-blocks of 32 values
//	16  q       128 bytes: of bytes 32i to 32i+31, the low halves are sub-block
//	            2i, the high halves sub-block 2i+1
const bytesQ4_K = 144

func (s *super) unpackQ4_K(w unsafe.Pointer) {
	b := (*[bytesQ4_K]byte)(w)
	s.d, s.dmin = halfAt(b[0:]), halfAt(b[2:])
	s.scalesK4((*[12]byte)(b[4:]))
	for i := 0; i < 128; i += 8 {
		v := eight(b[16+i : 24+i])
		at := i/32*64 + i%32
		put(&s.q, at, v&(0x0f*each))
		put(&s.q, at+32, v>>4&(0x0f*each))
	}
}

// scalesK4 unpacks the scales and offsets that Q4_K and Q5_K share. For the
// first four sub-blocks s is the low six bits of c[i] and m of c[i+4]; the
// others have their low four bits in the halves of c[i+4] and their high two
// in what the first four left over.
func (s *super) scalesK4(c *[12]byte) {
	for i := range 4 {
		s.setScale32(i, c[i]&63, c[i+4]&63)
		s.setScale32(i+4, c[i+8]&15|c[i]>>6<<4, c[i+8]>>4|c[i+4]>>6<<4)
	}
}

// setScale32 sets scale and offset of the ith 32 values.
func (s *super) setScale32(i int, scale, min uint8) {
	s.scale[2*i], s.scale[2*i+1] = int32(scale), int32(scale)
	s.min[2*i], s.min[2*i+1] = int32(min), int32(min)
}
