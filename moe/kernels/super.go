package kernels

import (
	"unsafe"

	"moed/moe/ggml"
)

// super is one block of 256 values of a weight row, unpacked: the value of
// element i is d·scale[i/16]·q[i] - dmin·min[i/16]. Formats with scales per 32
// repeat them; formats without an offset leave dmin and min zero.
type super struct {
	q       [256]int8
	scale   [16]int32
	min     [16]int32
	d, dmin float32
}

// unpack reads one block of type t at w.
func (s *super) unpack(t ggml.Type, w unsafe.Pointer) {
	switch t {
	case ggml.Q2_K:
		s.unpackQ2_K(w)
	case ggml.Q3_K:
		s.unpackQ3_K(w)
	case ggml.Q4_K:
		s.unpackQ4_K(w)
	case ggml.Q5_K:
		s.unpackQ5_K(w)
	case ggml.Q6_K:
		s.unpackQ6_K(w)
	case ggml.IQ4_XS:
		s.unpackIQ4_XS(w)
	default:
		panic("kernels: no blocks of 256 in " + t.String())
	}
}

// dot is the product with the block x. Within the block it is exact in
// integers: no format reaches 2^28.
func (s *super) dot(x *Block) float32 {
	var sum, offset int32
	for i := range s.scale {
		sum += s.scale[i] * dot16((*[16]int8)(s.q[16*i:]), (*[16]int8)(x.Q[16*i:]))
		offset += s.min[i] * int32(x.Sums[i])
	}
	return float32(float32(s.d*x.D[0])*float32(sum)) - float32(float32(s.dmin*x.D[0])*float32(offset))
}

// values writes the values of the block to dst.
func (s *super) values(dst *[256]float32) {
	for i := range s.scale {
		d, m := s.d*float32(s.scale[i]), float32(s.dmin*float32(s.min[i]))
		for j := 16 * i; j < 16*i+16; j++ {
			dst[j] = float32(d*float32(s.q[j])) - m
		}
	}
}

func superRows1(t ggml.Type, dst, w unsafe.Pointer, stride, rows, cols int, x unsafe.Pointer) {
	var s super
	size := t.BlockBytes()
	for r := range rows {
		row := unsafe.Add(w, r*stride)
		var sum float32
		for c := 0; c < cols; c += 256 {
			s.unpack(t, unsafe.Add(row, c/256*size))
			sum += s.dot(block(x, c))
		}
		set(dst, r, sum)
	}
}

func superRows4(t ggml.Type, dst *[4]unsafe.Pointer, w unsafe.Pointer, stride, rows, cols int, x *[4]unsafe.Pointer) {
	var s super
	size := t.BlockBytes()
	for r := range rows {
		row := unsafe.Add(w, r*stride)
		var sum [4]float32
		for c := 0; c < cols; c += 256 {
			s.unpack(t, unsafe.Add(row, c/256*size))
			for v := range sum {
				sum[v] += s.dot(block(x[v], c))
			}
		}
		for v := range sum {
			set(dst[v], r, sum[v])
		}
	}
}
