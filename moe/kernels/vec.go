package kernels

import "math"

// RMSNorm sets dst to x·weight/√(mean(x²)+eps), element by element. A nil
// weight is all ones. dst may be x; lengths are len(x).
func RMSNorm(dst, x, weight []float32, eps float32) {
	if weight != nil {
		weight = weight[:len(x)]
	}
	rmsNorm(dst[:len(x)], x, weight, eps)
}

// Softmax replaces x by exp(x)/Σexp(x).
func Softmax(x []float32) {
	if len(x) > 0 {
		softmax(x, math.Inf(-1))
	}
}

// SoftmaxSink replaces x by its softmax with one more logit, sink, that takes
// its share and gives no output (the attention sinks of gpt-oss).
func SoftmaxSink(x []float32, sink float32) {
	if len(x) > 0 {
		softmax(x, float64(sink))
	}
}

// Sigmoid replaces x by 1/(1+exp(-x)).
func Sigmoid(x []float32) { sigmoid(x) }

// SiLUMul sets dst to gate·σ(gate)·up. dst may be gate or up.
func SiLUMul(dst, gate, up []float32) { siluMul(dst, gate[:len(dst)], up[:len(dst)]) }

// SwiGLUOAI sets dst to g·σ(alpha·g)·(u+1), where g is gate, at most limit,
// and u is up within ±limit: the activation of gpt-oss. dst may be gate or up.
func SwiGLUOAI(dst, gate, up []float32, alpha, limit float32) {
	swigluOAI(dst, gate[:len(dst)], up[:len(dst)], alpha, limit)
}

// Add adds x to dst.
func Add(dst, x []float32) { add(dst, x[:len(dst)]) }

// AddScaled adds s·x to dst.
func AddScaled(dst, x []float32, s float32) { addScaled(dst, x[:len(dst)], s) }

// Scale multiplies x by s.
func Scale(x []float32, s float32) { scale(x, s) }
