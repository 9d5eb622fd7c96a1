package kernels

import (
	"unsafe"

	"moed/moe/ggml"
)

// genericKernel is the portable pair for t, which must be among Supported.
func genericKernel(t ggml.Type) kernel { return generics[t] }

// generics is made once because the closures would be allocated at each call.
var generics = func() (ks [ggml.MXFP4 + 1]kernel) {
	for _, t := range Supported() {
		switch f, _ := FormOf(t); f {
		case FormF32:
			ks[t] = bind(t, floatRows1, floatRows4)
		case FormQ8_0, FormQ8_1:
			ks[t] = bind(t, groupRows1, groupRows4)
		case FormQ8_K:
			ks[t] = bind(t, superRows1, superRows4)
		}
	}
	return ks
}()

// bind fixes the type that the generic loops work on.
func bind(
	t ggml.Type,
	one func(t ggml.Type, dst, w unsafe.Pointer, stride, rows, cols int, x unsafe.Pointer),
	four func(t ggml.Type, dst *[4]unsafe.Pointer, w unsafe.Pointer, stride, rows, cols int, x *[4]unsafe.Pointer),
) kernel {
	return kernel{
		one: func(dst, w unsafe.Pointer, stride, rows, cols int, x unsafe.Pointer) {
			one(t, dst, w, stride, rows, cols, x)
		},
		four: func(dst *[4]unsafe.Pointer, w unsafe.Pointer, stride, rows, cols int, x *[4]unsafe.Pointer) {
			four(t, dst, w, stride, rows, cols, x)
		},
	}
}

// Dequantize sets dst to the values of row, len(dst) of them packed as t,
// which must be among Supported. row may be longer; it panics where row is
// shorter or len(dst) is not a whole number of blocks.
func Dequantize(dst []float32, t ggml.Type, row []byte) {
	size, err := t.RowBytes(len(dst))
	if err != nil {
		panic("kernels: " + err.Error())
	}
	form, ok := FormOf(t)
	if !ok {
		panic("kernels: no kernel for " + t.String())
	}
	if len(dst) == 0 {
		return
	}
	w := unsafe.Pointer(unsafe.SliceData(row[:size]))
	switch form {
	case FormF32:
		widen(t, dst, w)
	case FormQ8_0, FormQ8_1:
		var g group
		for c := 0; c < len(dst); c += 256 {
			n := min(len(dst)-c, 256)
			g.unpack(t, unsafe.Add(w, c/32*t.BlockBytes()), n/32)
			g.values(dst[c : c+n])
		}
	case FormQ8_K:
		var s super
		for c := 0; c < len(dst); c += 256 {
			s.unpack(t, unsafe.Add(w, c/256*t.BlockBytes()))
			s.values((*[256]float32)(dst[c:]))
		}
	}
}
