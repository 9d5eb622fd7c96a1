package kernels

import "unsafe"

// A Q5_0 block is 22 bytes for 32 values d*(q-16):
//
//	0   d   half
//	2   qh  4 bytes, bit j (from the lowest of the first byte) is bit 4 of value j
//	6   q   16 bytes, value j in the low half of byte j, value j+16 in the high
const bytesQ5_0 = 22

func (g *group) unpackQ5_0(w unsafe.Pointer, n int) {
	for i := range n {
		b := (*[bytesQ5_0]byte)(unsafe.Add(w, i*bytesQ5_0))
		g.d[i] = halfAt(b[0:])
		lo, hi := eight(b[6:14]), eight(b[14:22])
		put(&g.q, 32*i, lower(lo&(0x0f*each)|spread(b[2])<<4, 16))
		put(&g.q, 32*i+8, lower(hi&(0x0f*each)|spread(b[3])<<4, 16))
		put(&g.q, 32*i+16, lower(lo>>4&(0x0f*each)|spread(b[4])<<4, 16))
		put(&g.q, 32*i+24, lower(hi>>4&(0x0f*each)|spread(b[5])<<4, 16))
	}
}
