package kernels

import "unsafe"

// A Q4_0 block is 18 bytes for 32 values d*(q-8):
//
//	0   d  half
//	2   q  16 bytes, value j in the low half of byte j, value j+16 in the high
const bytesQ4_0 = 18

func (g *group) unpackQ4_0(w unsafe.Pointer, n int) {
	for i := range n {
		b := (*[bytesQ4_0]byte)(unsafe.Add(w, i*bytesQ4_0))
		g.d[i] = halfAt(b[0:])
		lo, hi := eight(b[2:10]), eight(b[10:18])
		put(&g.q, 32*i, lower(lo&(0x0f*each), 8))
		put(&g.q, 32*i+8, lower(hi&(0x0f*each), 8))
		put(&g.q, 32*i+16, lower(lo>>4&(0x0f*each), 8))
		put(&g.q, 32*i+24, lower(hi>>4&(0x0f*each), 8))
	}
}
