//go:build !purego

package kernels

// wideQ8_0 are the kernels for rows of Q8_0 whose length is a multiple of 256.
// They have an order of accumulation of their own: see _asm/panel_q8_0.go.
var wideQ8_0 = kernel{one: dotQ8_0Wide, two: dotQ8_0Widex2, four: dotQ8_0Widex4, panel: &panel{
	bytes: func(cols int) int { return cols / 32 * 9 * 32 },
	pack:  packQ8_0,
	dot:   dotPanelQ8_0,
}}
