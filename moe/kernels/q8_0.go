package kernels

import "unsafe"

// A Q8_0 block is 34 bytes for 32 values d*q:
//
//	0   d  half
//	2   q  [32]int8
const bytesQ8_0 = 34

func (g *group) unpackQ8_0(w unsafe.Pointer, n int) {
	for i := range n {
		b := (*[bytesQ8_0]byte)(unsafe.Add(w, i*bytesQ8_0))
		g.d[i] = halfAt(b[0:])
		*(*[32]byte)(unsafe.Pointer((*[32]int8)(g.q[32*i:]))) = [32]byte(b[2:])
	}
}
