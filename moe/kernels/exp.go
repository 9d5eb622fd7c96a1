package kernels

import "math"

// exp32 is e^x, right to about half a unit in the last place of float32. It is
// a series for 2^f, |f| ≤ 1/2, in float64, whose first dropped term is 1e-8,
// and it takes about half the time of math.Exp.
func exp32(x float32) float32 {
	switch {
	case x > 89:
		return float32(math.Inf(1))
	case x < -104:
		return 0
	}
	const shift = 3 << 51 // a float64 this large has no bits below one
	t := float64(x) * math.Log2E
	n := t + shift
	f := t - (n - shift)
	f2 := f * f
	low := 1 + math.Ln2*f + f2*(0.24022650695910071+0.055504108664821580*f)
	high := 0.0096181291076284772 + 0.0013333558146428443*f + f2*(0.00015403530393381609+0.000015252733804059841*f)
	power := math.Float64frombits((math.Float64bits(n) + 1023) << 52) // 2 to the integer in n
	return float32((low + f2*f2*high) * power)
}
