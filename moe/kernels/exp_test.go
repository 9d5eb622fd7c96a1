package kernels

import (
	"math"
	"testing"
)

func TestExp32(t *testing.T) {
	check := func(x float32) {
		t.Helper()
		got, want := float64(exp32(x)), math.Exp(float64(x))
		switch {
		case want > math.MaxFloat32:
			if want > math.MaxFloat32*(1+0x1p-24) && !math.IsInf(got, 1) {
				t.Fatalf("exp(%v) is %v, want +Inf", x, got)
			}
		case !(math.Abs(got-want) <= 0.6*0x1p-23*want+0.5*0x1p-149):
			t.Fatalf("exp(%v) is %v, want %v", x, got, want)
		}
	}
	for i := -1100; i <= 900; i++ {
		check(float32(i) / 10)
	}
	for b := uint32(0); b < 0xff800000; b += 9973 { // floats of every size and both signs
		if x := math.Float32frombits(b); x == x {
			check(x)
		}
	}
	for _, x := range []float32{0, 88.7228, 88.7229, -87.33655, -103.97, -103.98, 89, -104, float32(math.Inf(1)), float32(math.Inf(-1))} {
		check(x)
	}
	if got := exp32(float32(math.NaN())); got == got {
		t.Errorf("exp(NaN) is %v", got)
	}
	if got := exp32(0); got != 1 {
		t.Errorf("exp(0) is %v", got)
	}
}
