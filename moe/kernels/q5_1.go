package kernels

import "unsafe"

// A Q5_1 block is 24 bytes for 32 values d*q + m:
//
//	0   d   half
//	2   m   half
//	4   qh  4 bytes, bit j (from the lowest of the first byte) is bit 4 of value j
//	8   q   16 bytes, value j in the low half of byte j, value j+16 in the high
const bytesQ5_1 = 24

func (g *group) unpackQ5_1(w unsafe.Pointer, n int) {
	for i := range n {
		b := (*[bytesQ5_1]byte)(unsafe.Add(w, i*bytesQ5_1))
		g.d[i], g.m[i] = halfAt(b[0:]), halfAt(b[2:])
		lo, hi := eight(b[8:16]), eight(b[16:24])
		put(&g.q, 32*i, lo&(0x0f*each)|spread(b[4])<<4)
		put(&g.q, 32*i+8, hi&(0x0f*each)|spread(b[5])<<4)
		put(&g.q, 32*i+16, lo>>4&(0x0f*each)|spread(b[6])<<4)
		put(&g.q, 32*i+24, hi>>4&(0x0f*each)|spread(b[7])<<4)
	}
}
