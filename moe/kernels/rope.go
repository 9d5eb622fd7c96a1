package kernels

import (
	"cmp"
	"fmt"
	"math"
)

// Yarn is the extension of a model's context by YaRN (Peng et al. 2023,
// arXiv:2309.00071). An ExtFactor of zero leaves it out.
type Yarn struct {
	ExtFactor float32 // weight of the extrapolated angles, usually 1
	BetaFast  float32 // rotations within OrigCtx above which a pair is extrapolated; 0 is 32
	BetaSlow  float32 // and below which it is interpolated; 0 is 1
	OrigCtx   int     // context the model was trained with
}

// RopeOptions describe a rotary position embedding (Su et al. 2021,
// arXiv:2104.09864).
type RopeOptions struct {
	Dims        int       // values that are rotated, from the start of a head; even
	Base        float32   // of the frequencies, often 10000
	FreqScale   float32   // multiplies all angles; 0 is 1
	AttnFactor  float32   // multiplies cosines and sines; 0 is 1
	Neox        bool      // pairs are i and i+Dims/2; otherwise 2i and 2i+1
	FreqFactors []float32 // Dims/2 divisors of the frequencies, nil for none
	Yarn        Yarn
}

// Rope rotates the pairs of a head by angles that grow with the position. It
// is immutable and safe for concurrent use.
type Rope struct {
	options   RopeOptions
	step      float32 // ratio of one pair's frequency to the one's before
	magnitude float32
	low, high float32 // pairs between which YaRN goes over to interpolation
}

// NewRope checks the options. FreqFactors is kept, not copied.
func NewRope(o RopeOptions) (*Rope, error) {
	o.FreqScale = cmp.Or(o.FreqScale, 1)
	o.AttnFactor = cmp.Or(o.AttnFactor, 1)
	o.Yarn.BetaFast = cmp.Or(o.Yarn.BetaFast, 32)
	o.Yarn.BetaSlow = cmp.Or(o.Yarn.BetaSlow, 1)
	switch {
	case o.Dims <= 0 || o.Dims%2 != 0:
		return nil, fmt.Errorf("rope of %d dimensions, want a positive even number", o.Dims)
	case !(o.Base > 1):
		return nil, fmt.Errorf("rope base %v, want more than 1", o.Base)
	case o.FreqFactors != nil && len(o.FreqFactors) < o.Dims/2:
		return nil, fmt.Errorf("rope has %d frequency factors, wants %d", len(o.FreqFactors), o.Dims/2)
	case o.Yarn.ExtFactor != 0 && o.Yarn.OrigCtx <= 0:
		return nil, fmt.Errorf("yarn wants the original context, found %d", o.Yarn.OrigCtx)
	case o.Yarn.ExtFactor != 0 && !(o.FreqScale > 0 && o.Yarn.BetaFast > 0 && o.Yarn.BetaSlow > 0):
		return nil, fmt.Errorf("yarn wants a positive scale and betas, found %v, %v and %v", o.FreqScale, o.Yarn.BetaFast, o.Yarn.BetaSlow)
	}
	r := &Rope{
		options:   o,
		step:      float32(math.Pow(float64(o.Base), float64(-2/float32(o.Dims)))),
		magnitude: o.AttnFactor,
	}
	if o.Yarn.ExtFactor != 0 {
		r.magnitude *= 1 + float32(0.1*float32(math.Log(float64(1/o.FreqScale))))
		r.low = max(0, float32(math.Floor(o.pairOf(o.Yarn.BetaFast))))
		r.high = min(float32(o.Dims-1), float32(math.Ceil(o.pairOf(o.Yarn.BetaSlow))))
	}
	return r, nil
}

// pairOf is the (fractional) pair that turns the given number of times in the
// original context.
func (o *RopeOptions) pairOf(turns float32) float64 {
	return float64(o.Dims) * math.Log(float64(o.Yarn.OrigCtx)/(float64(turns)*2*math.Pi)) / (2 * math.Log(float64(o.Base)))
}

// Dims is the number of values that are rotated, and that Angles writes.
func (r *Rope) Dims() int { return r.options.Dims }

// Angles writes cosine and sine of each pair's angle at position pos to
// dst[:Dims], for all heads and layers to use. The angles are products in
// float32, pair after pair, so that they agree with llama.cpp's far out too.
func (r *Rope) Angles(dst []float32, pos int) {
	dst = dst[:r.options.Dims]
	theta := float32(pos)
	for i := 0; i < len(dst); i += 2 {
		angle := r.angle(theta, i/2)
		dst[i] = float32(math.Cos(float64(angle))) * r.magnitude
		dst[i+1] = float32(math.Sin(float64(angle))) * r.magnitude
		theta *= r.step
	}
}

// angle scales the plain angle of a pair, as the options say.
func (r *Rope) angle(theta float32, pair int) float32 {
	if f := r.options.FreqFactors; f != nil {
		theta /= f[pair]
	}
	interpolated := r.options.FreqScale * theta
	if r.options.Yarn.ExtFactor == 0 {
		return interpolated
	}
	ramp := (float32(pair) - r.low) / max(0.001, r.high-r.low)
	mix := (1 - min(1, max(0, ramp))) * r.options.Yarn.ExtFactor
	return float32(interpolated*(1-mix)) + float32(theta*mix)
}

// Rotate turns the pairs of one head, x[:Dims], by what Angles wrote.
func (r *Rope) Rotate(x, angles []float32) {
	n := r.options.Dims
	x, angles = x[:n], angles[:n]
	if r.options.Neox {
		rotateHalves(x, angles)
	} else {
		rotatePairs(x, angles)
	}
}

func rotatePairsGeneric(x, angles []float32) {
	for i := 0; i < len(x); i += 2 {
		x[i], x[i+1] = turn(x[i], x[i+1], angles[i], angles[i+1])
	}
}

func rotateHalvesGeneric(x, angles []float32) {
	a, b := x[:len(x)/2], x[len(x)/2:]
	for i := range a {
		a[i], b[i] = turn(a[i], b[i], angles[2*i], angles[2*i+1])
	}
}

func turn(a, b, cos, sin float32) (float32, float32) {
	return float32(a*cos) - float32(b*sin), float32(a*sin) + float32(b*cos)
}
