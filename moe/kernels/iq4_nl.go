package kernels

import "unsafe"

// An IQ4_NL block is 18 bytes for 32 values d*valuesIQ4[q]:
//
//	0   d  half
//	2   q  16 bytes, value j in the low half of byte j, value j+16 in the high
const bytesIQ4_NL = 18

// valuesIQ4 are the sixteen levels of IQ4_NL and IQ4_XS, spaced for weights
// that crowd around zero.
var valuesIQ4 = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

func (g *group) unpackIQ4_NL(w unsafe.Pointer, n int) {
	for i := range n {
		b := (*[bytesIQ4_NL]byte)(unsafe.Add(w, i*bytesIQ4_NL))
		g.d[i] = halfAt(b[0:])
		lookup(&g.q, 32*i, (*[16]byte)(b[2:]), &valuesIQ4)
	}
}
