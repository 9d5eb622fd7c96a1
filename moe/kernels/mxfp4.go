package kernels

import "unsafe"

// An MXFP4 block is 17 bytes for 32 values (OCP Microscaling Formats v1.0),
// each a 4-bit float (1 sign, 2 exponent, 1 mantissa) under a shared exponent:
//
//	0   e  the scale is 2^(e-127)
//	1   q  16 bytes, value j in the low half of byte j, value j+16 in the high
const bytesMXFP4 = 17

// valuesMXFP4 is twice the value of each E2M1 code, so that all are integers.
var valuesMXFP4 = [16]int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

func (g *group) unpackMXFP4(w unsafe.Pointer, n int) {
	for i := range n {
		b := (*[bytesMXFP4]byte)(unsafe.Add(w, i*bytesMXFP4))
		g.d[i] = halfE8M0(b[0])
		lookup(&g.q, 32*i, (*[16]byte)(b[1:]), &valuesMXFP4)
	}
}
