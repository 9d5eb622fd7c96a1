package kernels

import "unsafe"

// A Q4_1 block is 20 bytes for 32 values d*q + m:
//
//	0   d   half
//	2   m   half
//	4   q   16 bytes, value j in the low half of byte j, value j+16 in the high
const bytesQ4_1 = 20

func (g *group) unpackQ4_1(w unsafe.Pointer, n int) {
	for i := range n {
		b := (*[bytesQ4_1]byte)(unsafe.Add(w, i*bytesQ4_1))
		g.d[i], g.m[i] = halfAt(b[0:]), halfAt(b[2:])
		nibbles(&g.q, 32*i, (*[16]byte)(b[4:]))
	}
}
