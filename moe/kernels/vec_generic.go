package kernels

import "math"

// rmsNormGeneric sums in float64, as llama.cpp does, and rounds the mean and
// its root to float32.
func rmsNormGeneric(dst, x, weight []float32, eps float32) {
	var sum float64
	for _, v := range x {
		sum += float64(v * v)
	}
	s := rmsScale(sum, len(x), eps)
	if weight == nil {
		for i, v := range x {
			dst[i] = v * s
		}
		return
	}
	for i, v := range x {
		dst[i] = v * s * weight[i]
	}
}

// rmsScale is one over the root of the mean of n squares.
func rmsScale(sum float64, n int, eps float32) float32 {
	mean := float32(sum / float64(n))
	return 1 / float32(math.Sqrt(float64(mean+eps)))
}

// softmaxGeneric is the softmax of x and a logit without output, -Inf for none.
func softmaxGeneric(x []float32, sink float64) {
	top := float32(sink)
	for _, v := range x {
		if v > top { // max would take five times as long; a NaN shows in the sum
			top = v
		}
	}
	sum := math.Exp(sink - float64(top))
	for i, v := range x {
		e := exp32(v - top)
		x[i] = e
		sum += float64(e)
	}
	s := float32(1 / sum)
	for i := range x {
		x[i] *= s
	}
}

func sigmoidGeneric(x []float32) {
	for i, v := range x {
		x[i] = 1 / (1 + exp32(-v))
	}
}

func siluMulGeneric(dst, gate, up []float32) {
	for i, g := range gate {
		dst[i] = g / (1 + exp32(-g)) * up[i]
	}
}

func swigluOAIGeneric(dst, gate, up []float32, alpha, limit float32) {
	for i, g := range gate {
		if g > limit {
			g = limit
		}
		u := up[i]
		if u > limit {
			u = limit
		} else if u < -limit {
			u = -limit
		}
		dst[i] = g / (1 + exp32(-alpha*g)) * (u + 1)
	}
}

func addGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] += v
	}
}

func addScaledGeneric(dst, x []float32, s float32) {
	for i, v := range x {
		dst[i] += float32(s * v)
	}
}

func scaleGeneric(x []float32, s float32) {
	for i := range x {
		x[i] *= s
	}
}
