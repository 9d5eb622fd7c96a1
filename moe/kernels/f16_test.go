package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestHalfToFloat(t *testing.T) {
	for h := range 1 << 16 {
		got, want := float64(halfToFloat(uint16(h))), exactHalf(uint16(h))
		if math.Float64bits(got) != math.Float64bits(want) && got == got {
			t.Fatalf("%04x is %v, want %v", h, got, want)
		}
		if (got == got) != (want == want) {
			t.Fatalf("%04x is %v, want %v", h, got, want)
		}
	}
}

func TestHalfRoundTrip(t *testing.T) {
	for h := range 1 << 16 {
		want := uint16(h)
		if want&0x7c00 == 0x7c00 && want&0x3ff != 0 {
			want |= 0x200 // NaNs become quiet
		}
		if got := floatToHalf(halfToFloat(uint16(h))); got != want {
			t.Fatalf("%04x comes back as %04x", h, got)
		}
	}
}

// Between any two neighbouring halves the middle goes to the even one, and
// the floats next to the middle go to the nearer one.
func TestFloatToHalfTies(t *testing.T) {
	for h := range 0x7c00 {
		low, high := exactHalf(uint16(h)), exactHalf(uint16(h+1))
		if h == 0x7bff {
			high = 0x1p16 // where the next half would be, were it not infinity
		}
		mid := float32((low + high) / 2)
		for _, c := range []struct {
			f    float32
			want int
		}{
			{mid, h + h&1},
			{math.Nextafter32(mid, 0), h},
			{math.Nextafter32(mid, math.MaxFloat32), h + 1},
		} {
			if got := floatToHalf(c.f); int(got) != c.want {
				t.Fatalf("%v is %04x, want %04x", c.f, got, c.want)
			}
			if got := floatToHalf(-c.f); int(got) != c.want|0x8000 {
				t.Fatalf("%v is %04x, want %04x", -c.f, got, c.want|0x8000)
			}
		}
	}
}

func TestFloatToHalfFarValues(t *testing.T) {
	for _, c := range []struct {
		f    float32
		want uint16
	}{
		{0, 0}, {float32(math.Copysign(0, -1)), 0x8000}, {1, 0x3c00}, {-2, 0xc000},
		{65504, 0x7bff}, {65519, 0x7bff}, {65520, 0x7c00}, {1e30, 0x7c00}, {-1e30, 0xfc00},
		{float32(math.Inf(1)), 0x7c00}, {float32(math.Inf(-1)), 0xfc00},
		{math.SmallestNonzeroFloat32, 0}, {1e-30, 0}, {0x1p-25, 0}, {0x1.000002p-25, 1}, {0x1p-24, 1},
		{math.Float32frombits(0x7f800001), 0x7e00}, {math.Float32frombits(0xffffffff), 0xffff},
	} {
		if got := floatToHalf(c.f); got != c.want {
			t.Errorf("%v (%08x) is %04x, want %04x", c.f, math.Float32bits(c.f), got, c.want)
		}
	}
}

func TestHalfE8M0(t *testing.T) {
	for e := range 256 {
		if got, want := float64(halfE8M0(uint8(e))), math.Ldexp(1, e-128); got != want {
			t.Errorf("exponent %d is %g, want %g", e, got, want)
		}
	}
}

func TestBfloatToFloat(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		f := math.Float32frombits(r.Uint32() &^ 0xffff)
		if got := bfloatToFloat(uint16(math.Float32bits(f) >> 16)); math.Float32bits(got) != math.Float32bits(f) {
			t.Fatalf("%v comes back as %v", f, got)
		}
	}
}
