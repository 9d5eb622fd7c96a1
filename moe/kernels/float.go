package kernels

import (
	"encoding/binary"
	"math"
	"unsafe"

	"moed/moe/ggml"
)

// F32, F16 and BF16 rows are plain little-endian values without blocks.
const (
	bytesF32  = 4
	bytesF16  = 2
	bytesBF16 = 2
)

// widen reads len(dst) values of the float type t at w.
func widen(t ggml.Type, dst []float32, w unsafe.Pointer) {
	switch t {
	case ggml.F32:
		b := unsafe.Slice((*byte)(w), len(dst)*bytesF32)
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[bytesF32*i:]))
		}
	case ggml.F16:
		widenHalves(dst, unsafe.Slice((*byte)(w), len(dst)*bytesF16))
	case ggml.BF16:
		b := unsafe.Slice((*byte)(w), len(dst)*bytesBF16)
		for i := range dst {
			dst[i] = bfloatToFloat(binary.LittleEndian.Uint16(b[bytesBF16*i:]))
		}
	default:
		panic("kernels: no float type " + t.String())
	}
}

// lanes are eight running sums, of the elements whose index is the lane's
// modulo eight. They lose less than one sum would.
type lanes [8]float32

// add adds w[i]·x[i] to the lanes. All calls for one row but the last must
// have a multiple of eight values.
func (l *lanes) add(w, x []float32) {
	x = x[:len(w)]
	l0, l1, l2, l3, l4, l5, l6, l7 := l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7]
	for len(w) >= 8 && len(x) >= 8 {
		// The conversions keep compilers from fusing: bits must not depend on it.
		l0 += float32(w[0] * x[0])
		l1 += float32(w[1] * x[1])
		l2 += float32(w[2] * x[2])
		l3 += float32(w[3] * x[3])
		l4 += float32(w[4] * x[4])
		l5 += float32(w[5] * x[5])
		l6 += float32(w[6] * x[6])
		l7 += float32(w[7] * x[7])
		w, x = w[8:], x[8:]
	}
	*l = lanes{l0, l1, l2, l3, l4, l5, l6, l7}
	for i := range w {
		l[i] += float32(w[i] * x[i])
	}
}

// sum is the total of all lanes.
func (l *lanes) sum() float32 {
	return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

func floatRows1(t ggml.Type, dst, w unsafe.Pointer, stride, rows, cols int, x unsafe.Pointer) {
	var wide [256]float32
	size := t.BlockBytes()
	xs := unsafe.Slice((*float32)(x), cols)
	for r := range rows {
		row := unsafe.Add(w, r*stride)
		var l lanes
		for c := 0; c < cols; c += len(wide) {
			part := wide[:min(cols-c, len(wide))]
			widen(t, part, unsafe.Add(row, c*size))
			l.add(part, xs[c:])
		}
		set(dst, r, l.sum())
	}
}

func floatRows4(t ggml.Type, dst *[4]unsafe.Pointer, w unsafe.Pointer, stride, rows, cols int, x *[4]unsafe.Pointer) {
	var wide [256]float32
	size := t.BlockBytes()
	for r := range rows {
		row := unsafe.Add(w, r*stride)
		var l [4]lanes
		for c := 0; c < cols; c += len(wide) {
			part := wide[:min(cols-c, len(wide))]
			widen(t, part, unsafe.Add(row, c*size))
			for v := range l {
				l[v].add(part, unsafe.Slice((*float32)(x[v]), cols)[c:])
			}
		}
		for v := range l {
			set(dst[v], r, l[v].sum())
		}
	}
}

// set stores the rth of the float32 at dst.
func set(dst unsafe.Pointer, r int, v float32) { *(*float32)(unsafe.Add(dst, 4*r)) = v }
