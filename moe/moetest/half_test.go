package moetest

import (
	"math"
	"testing"
)

func TestHalf(t *testing.T) {
	for _, c := range []struct {
		x    float64
		want uint16
	}{
		{0, 0}, {math.Copysign(0, -1), 0x8000}, {1, 0x3c00}, {-2, 0xc000}, {0.1, 0x2e66}, {1.0 / 3, 0x3555},
		{65504, 0x7bff}, {65519.99, 0x7bff}, {65520, 0x7c00}, {math.Inf(-1), 0xfc00},
		{6e-8, 1}, {0x1p-25, 0}, {0x1.8p-24, 2}, {0x1p-14, 0x400}, {6.1e-5, 0x3ff}, {0x1.ffffp-15, 0x400},
		{1.00048828125, 0x3c00}, {1.0004882812500002, 0x3c01}, {1.00146484375, 0x3c02}, // ties to even
		{1.99999, 0x4000}, // carry into the exponent
	} {
		if got := half(c.x); got != c.want {
			t.Errorf("half(%v): got %#x, want %#x", c.x, got, c.want)
		}
	}
}

func TestHalfRoundTrip(t *testing.T) {
	for h := range 1 << 16 {
		x := unhalf(uint16(h))
		if math.IsNaN(x) {
			if got := half(x); got&0x7c00 != 0x7c00 || got&0x3ff == 0 {
				t.Fatalf("%#x: not a number became %#x", h, got)
			}
			continue
		}
		if got := half(x); got != uint16(h) {
			t.Fatalf("%#x: %v became %#x", h, x, got)
		}
	}
}
