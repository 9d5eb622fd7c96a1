package kernels

import "unsafe"

// rows1 sets dst[r] to the product of row r of w with the vector x, for r in
// [0, rows). w points at the first row, rows are stride bytes apart and hold
// cols values; x is float32 or Block, as the type's Form says.
type rows1 func(dst, w unsafe.Pointer, stride, rows, cols int, x unsafe.Pointer)

// rows4 does the same for four vectors, reading the weights once: dst[v] is
// where the products with x[v] go. Each result has the bits rows1 gives.
type rows4 func(dst *[4]unsafe.Pointer, w unsafe.Pointer, stride, rows, cols int, x *[4]unsafe.Pointer)

// kernel is the pair for one type. Either both are assembly or both generic.
type kernel struct {
	one  rows1
	four rows4
}
