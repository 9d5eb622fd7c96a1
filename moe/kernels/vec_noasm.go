//go:build !amd64 || purego

package kernels

func rmsNorm(dst, x, weight []float32, eps float32) { rmsNormGeneric(dst, x, weight, eps) }

func softmax(x []float32, sink float64) { softmaxGeneric(x, sink) }

func sigmoid(x []float32) { sigmoidGeneric(x) }

func siluMul(dst, gate, up []float32) { siluMulGeneric(dst, gate, up) }

func swigluOAI(dst, gate, up []float32, alpha, limit float32) {
	swigluOAIGeneric(dst, gate, up, alpha, limit)
}

func add(dst, x []float32) { addGeneric(dst, x) }

func addScaled(dst, x []float32, s float32) { addScaledGeneric(dst, x, s) }

func scale(x []float32, s float32) { scaleGeneric(x, s) }

func accumulateF32(dst []float32, v []byte, stride int, p []float32) {
	accumulateF32Generic(dst, v, stride, p)
}

func accumulateF16(dst []float32, v []byte, stride int, p []float32) {
	accumulateF16Generic(dst, v, stride, p)
}

func accumulateQ8_0(dst []float32, v []byte, stride int, p []float32) {
	accumulateQ8_0Generic(dst, v, stride, p)
}

func storeF16(dst []byte, x []float32) { storeF16Generic(dst, x) }

func quantizeQ8_0(dst []Block, x []float32) { quantizeQ8_0Generic(dst, x) }

func quantizeQ8_K(dst []Block, x []float32) { quantizeQ8_KGeneric(dst, x) }

func rotatePairs(x, angles []float32) { rotatePairsGeneric(x, angles) }

func rotateHalves(x, angles []float32) { rotateHalvesGeneric(x, angles) }
