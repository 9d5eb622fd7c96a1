package kernels

import (
	"unsafe"

	"moed/moe/ggml"
)

// group is up to eight blocks of 32 values of one weight row, unpacked: the
// value of element i is d[i/32]·q[i] + m[i/32]. Types without an offset, those of
// FormQ8_0, leave m at zero.
type group struct {
	q    [256]int8
	d, m [8]float32
}

// unpack reads n blocks of type t at w.
func (g *group) unpack(t ggml.Type, w unsafe.Pointer, n int) {
	switch t {
	case ggml.Q8_0:
		g.unpackQ8_0(w, n)
	case ggml.Q4_0:
		g.unpackQ4_0(w, n)
	case ggml.Q5_0:
		g.unpackQ5_0(w, n)
	case ggml.Q4_1:
		g.unpackQ4_1(w, n)
	case ggml.Q5_1:
		g.unpackQ5_1(w, n)
	case ggml.IQ4_NL:
		g.unpackIQ4_NL(w, n)
	case ggml.MXFP4:
		g.unpackMXFP4(w, n)
	default:
		panic("kernels: no blocks of 32 in " + t.String())
	}
}

// dot is the product of the first n blocks with those of x.
func (g *group) dot(n int, x *Block) float32 {
	var sum float32
	for i := range n {
		p := dot16((*[16]int8)(g.q[32*i:]), (*[16]int8)(x.Q[32*i:])) +
			dot16((*[16]int8)(g.q[32*i+16:]), (*[16]int8)(x.Q[32*i+16:]))
		sum += float32(float32(g.d[i]*x.D[i]) * float32(p))
		if g.m[i] != 0 {
			sum += float32(g.m[i] * x.scaled()[i])
		}
	}
	return sum
}

// values writes the values of the group to dst, 32 per block.
func (g *group) values(dst []float32) {
	for i := range dst {
		dst[i] = float32(g.d[i/32]*float32(g.q[i])) + g.m[i/32]
	}
}

func groupRows1(t ggml.Type, dst, w unsafe.Pointer, stride, rows, cols int, x unsafe.Pointer) {
	var g group
	size := t.BlockBytes()
	for r := range rows {
		row := unsafe.Add(w, r*stride)
		var sum float32
		for c := 0; c < cols; c += 256 {
			n := min(cols-c, 256) / 32
			g.unpack(t, unsafe.Add(row, c/32*size), n)
			sum += g.dot(n, block(x, c))
		}
		set(dst, r, sum)
	}
}

func groupRows4(t ggml.Type, dst *[4]unsafe.Pointer, w unsafe.Pointer, stride, rows, cols int, x *[4]unsafe.Pointer) {
	var g group
	size := t.BlockBytes()
	for r := range rows {
		row := unsafe.Add(w, r*stride)
		var sum [4]float32
		for c := 0; c < cols; c += 256 {
			n := min(cols-c, 256) / 32
			g.unpack(t, unsafe.Add(row, c/32*size), n)
			for v := range sum {
				sum[v] += g.dot(n, block(x[v], c))
			}
		}
		for v := range sum {
			set(dst[v], r, sum[v])
		}
	}
}

// block is the one that has element c, a multiple of 256, of the vector at x.
func block(x unsafe.Pointer, c int) *Block { return (*Block)(unsafe.Add(x, c/256*blockBytes)) }

// dot16 is the exact product of 16 small integers with 16 others.
func dot16(a, b *[16]int8) int32 {
	s0 := int32(a[0])*int32(b[0]) + int32(a[1])*int32(b[1]) + int32(a[2])*int32(b[2]) + int32(a[3])*int32(b[3])
	s1 := int32(a[4])*int32(b[4]) + int32(a[5])*int32(b[5]) + int32(a[6])*int32(b[6]) + int32(a[7])*int32(b[7])
	s2 := int32(a[8])*int32(b[8]) + int32(a[9])*int32(b[9]) + int32(a[10])*int32(b[10]) + int32(a[11])*int32(b[11])
	s3 := int32(a[12])*int32(b[12]) + int32(a[13])*int32(b[13]) + int32(a[14])*int32(b[14]) + int32(a[15])*int32(b[15])
	return (s0 + s1) + (s2 + s3)
}
