package path

import "math"

// addScaled adds c·x to dst.
func addScaled(dst, x []float32, c float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += c * x[i]
	}
}

// addScaled4 adds c0·x0 + c1·x1 + c2·x2 + c3·x3 to dst: one pass over dst for
// four makes it twice as fast.
func addScaled4(dst, x0, x1, x2, x3 []float32, c0, c1, c2, c3 float32) {
	n := len(dst)
	x0, x1, x2, x3 = x0[:n], x1[:n], x2[:n], x3[:n]
	for i := range dst {
		dst[i] += c0*x0[i] + c1*x1[i] + (c2*x2[i] + c3*x3[i])
	}
}

// addProduct adds x·y, by element, to dst.
func addProduct(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] += x[i] * y[i]
	}
}

// dot is the sum of x·y, in one fixed order.
func dot(x, y []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(x) >= 4 && len(y) >= 4 {
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		x, y = x[4:], y[4:]
	}
	for i := range x {
		s0 += x[i] * y[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// logistic is 1/(1+e^-x), within 10⁻⁵ of it.
func logistic(x float32) float32 {
	if x > 30 {
		x = 30
	} else if x < -30 {
		x = -30
	}
	// e^-x is 2 to a whole number times 2 to what is left, in -½ to ½.
	y := x * -math.Log2E
	whole := int32(y+128.5) - 128
	f := y - float32(whole)
	power := 1 + f*(0.69314718+f*(0.24022651+f*(0.05550411+f*(0.00961813+f*0.00133336))))
	return 1 / (1 + power*math.Float32frombits(uint32(whole+127)<<23))
}
