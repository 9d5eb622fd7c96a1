package kernels

import "unsafe"

// rows1 sets dst[r] to the product of row r of w with the vector x, for r in
// [0, rows). w points at the first row, rows are stride bytes apart and hold
// cols values; x is float32 or Block, as the type's Form says.
type rows1 func(dst, w unsafe.Pointer, stride, rows, cols int, x unsafe.Pointer)

// rows4 does the same for four vectors, reading the weights once: dst[v] is
// where the products with x[v] go. Each result has the bits rows1 gives.
type rows4 func(dst *[4]unsafe.Pointer, w unsafe.Pointer, stride, rows, cols int, x *[4]unsafe.Pointer)

// kernel is what there is for one type. Either all are assembly or all generic.
type kernel struct {
	one  rows1
	four rows4
	// two does the first two of four vectors, for the time of hardly more than one
	// where unpacking the weights takes most; nil where four of them are as quick.
	two rows4
	// panel is a third way for many vectors, nil where there is none. It gives
	// the bits of the others.
	panel *panel
}

// panelRows is the number of rows in a panel.
const panelRows = 8

// panel multiplies eight rows at a time, rearranged so that a register holds
// the same columns of all of them. Making one costs about what multiplying it
// with one vector does.
type panel struct {
	// bytes is the size of a panel of cols columns.
	bytes func(cols int) int
	// pack makes a panel of eight rows that are stride bytes apart.
	pack func(dst, w unsafe.Pointer, stride, cols int)
	// dot sets eight results at dst[v] to the products with vector x[v].
	dot func(dst *[4]unsafe.Pointer, panel unsafe.Pointer, cols int, x *[4]unsafe.Pointer)
}
