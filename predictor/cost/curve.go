package cost

import (
	"math"
	"slices"
)

// Hit is one point of a Curve.
type Hit struct {
	Share float64 // of all experts that the cache holds, 0 to 1
	Ratio float64 // of the wanted bytes that are held
}

// Curve is a hit ratio by the size of the cache, by ascending shares. More cache
// never hits less.
type Curve []Hit

// NewCurve orders the points, and lifts those that are below a smaller cache's:
// of two caches the larger may be unlucky in a replay.
func NewCurve(points []Hit) Curve {
	c := slices.Clone(points)
	slices.SortFunc(c, func(a, b Hit) int {
		switch {
		case a.Share < b.Share:
			return -1
		case a.Share > b.Share:
			return 1
		}
		return 0
	})
	best := 0.0
	for i := range c {
		c[i].Share, c[i].Ratio = unit(c[i].Share), unit(c[i].Ratio)
		best = max(best, c[i].Ratio)
		c[i].Ratio = best
	}
	return c
}

// At is the hit ratio of a cache that holds that share of the experts and cycles
// times what one token wants: straight lines between the points, from nothing at
// no cache. However good the choice, no more of a token's experts are at hand
// than fit.
func (c Curve) At(share, cycles float64) float64 {
	share = unit(share)
	var low, high Hit
	i := 0
	for i < len(c) && c[i].Share < share {
		low = c[i]
		i++
	}
	if i == len(c) {
		return min(low.Ratio, unit(cycles))
	}
	high = c[i]
	ratio := high.Ratio
	if high.Share > low.Share {
		ratio = low.Ratio + (high.Ratio-low.Ratio)*(share-low.Share)/(high.Share-low.Share)
	}
	return min(ratio, unit(cycles))
}

// Cover is how many of a layer's experts the tokens of a batch want together, by
// the number of choices per expert of the layer (tokens · top-k / experts),
// ascending.
type Cover []Covered

// Covered is one point of a Cover.
type Covered struct {
	Choices float64 // per expert
	Share   float64 // of the layer's experts that are wanted, 0 to 1
}

// At is the share for that many choices per expert. Choices at random would
// leave exp(-choices) unwanted; routers repeat themselves, and leave exp(-a·xᵇ)
// with b below 1. Between two points, and beyond the last, a and b are those of
// the points next to it. Without points it is that of choices at random, the
// most that is wanted.
func (c Cover) At(choices float64) float64 {
	if !(choices > 0) {
		return 0
	}
	if len(c) < 2 {
		return 1 - math.Exp(-choices)
	}
	i := 1
	for i < len(c)-1 && c[i].Choices < choices {
		i++
	}
	x0, y0 := math.Log(c[i-1].Choices), math.Log(c[i-1].exponent())
	x1, y1 := math.Log(c[i].Choices), math.Log(c[i].exponent())
	b := 0.0
	if x1 > x0 {
		b = max((y1-y0)/(x1-x0), 0)
	}
	// Never more than the choices themselves.
	return min(1-math.Exp(-math.Exp(y1+b*(math.Log(choices)-x1))), choices, 1)
}

// exponent is the e of which exp(-e) is what is left unwanted.
func (c Covered) exponent() float64 {
	return -math.Log1p(-min(max(c.Share, 1e-12), 1-1e-12))
}
