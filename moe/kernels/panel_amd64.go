//go:build !purego

package kernels

import "unsafe"

// wideQ8_0 are the kernels for rows of Q8_0 whose length is a multiple of 256.
// They have an order of accumulation of their own: see _asm/panel_q8_0.go.
var wideQ8_0 = kernel{one: dotQ8_0Wide, two: twoWideQ8_0, four: fourWideQ8_0, panel: &panel{
	bytes: func(cols int) int { return cols / 32 * 9 * 32 },
	pack:  packQ8_0,
	dot:   dotPanelQ8_0,
}}

// twoWideQ8_0 is for two vectors, which are too few for panels to pay.
func twoWideQ8_0(dst *[4]unsafe.Pointer, w unsafe.Pointer, stride, rows, cols int, x *[4]unsafe.Pointer) {
	dotQ8_0Wide(dst[0], w, stride, rows, cols, x[0])
	dotQ8_0Wide(dst[1], w, stride, rows, cols, x[1])
}

// fourWideQ8_0 is for the few rows that do not fill a panel.
func fourWideQ8_0(dst *[4]unsafe.Pointer, w unsafe.Pointer, stride, rows, cols int, x *[4]unsafe.Pointer) {
	for v := range x {
		dotQ8_0Wide(dst[v], w, stride, rows, cols, x[v])
	}
}
