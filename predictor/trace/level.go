package trace

import "math"

// A level is a number in one byte, on a scale of logarithms: steps to the
// octave, and the level that is 1.
const (
	steps = 12
	unity = 216
)

// levelOf is the level nearest to x, in 0 to largest.
func levelOf(x float32) byte {
	if x <= 0 {
		return 0
	}
	c := math.Round(steps*math.Log2(float64(x))) + unity
	return byte(min(max(c, 0), 255))
}

// value is what a level stands for.
func value(c byte) float32 {
	if c == 0 {
		return 0
	}
	return float32(math.Exp2((float64(c) - unity) / steps))
}

// fits reports whether levels can stand for all of xs.
func fits(xs []float32) bool {
	largest := value(255)
	for _, x := range xs {
		if !(x >= 0 && x <= largest) {
			return false
		}
	}
	return true
}
