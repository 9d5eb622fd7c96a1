package moetest

import (
	"math"
	"math/big"
)

// Normal draws from the standard normal distribution by the ziggurat method
// (G. Marsaglia and W. W. Tsang, The Ziggurat Method for Generating Random
// Variables, 2000) with 256 layers, 52-bit abscissae and the choice of bits that
// numpy makes, so that draws are those of default_rng(seed).standard_normal.
type Normal struct {
	pcg *PCG
	zigguratTables
}

// zigguratTables describes layers of equal area under exp(-x²/2), the widest
// last. Layer 0 stands for the tail and the rectangle below it.
type zigguratTables struct {
	width  [256]float64 // of layer i, in units of 2^-52
	inside [256]uint64  // abscissae below it are under the curve without a look
	height [256]float64 // of the curve at the layer's edge
}

const (
	zigguratEdge = 3.6541528853610088     // where the tail begins
	zigguratArea = 0.004928673233974652   // of each layer
	invEdge      = 0.27366123732975827203 // 1/zigguratEdge
)

// NewNormal returns a source that draws from p.
func NewNormal(p *PCG) *Normal { return &Normal{p, newZigguratTables()} }

// Next is the next draw. In the tail, one in some 4000, and in the rejection
// test it uses logarithms and exponentials, whose last bit may differ between
// platforms.
func (n *Normal) Next() float64 {
	for {
		r := n.pcg.Uint64()
		layer := r & 0xff
		negative := r>>8&1 != 0
		abscissa := r >> 9 & (1<<52 - 1)
		x := float64(abscissa) * n.width[layer]
		if negative {
			x = -x
		}
		if abscissa < n.inside[layer] {
			return x
		}
		if layer == 0 {
			return n.tail(abscissa>>8&1 != 0)
		}
		u := n.pcg.Float64()
		y := float64((n.height[layer-1]-n.height[layer])*u) + n.height[layer]
		if y < math.Exp(-0.5*x*x) {
			return x
		}
	}
}

// tail draws beyond zigguratEdge (Marsaglia, Generating a Variable from the Tail
// of the Normal Distribution, 1964).
func (n *Normal) tail(negative bool) float64 {
	for {
		x := -invEdge * math.Log1p(-n.pcg.Float64())
		y := -math.Log1p(-n.pcg.Float64())
		if y+y <= x*x {
			continue
		}
		if negative {
			return -(zigguratEdge + x)
		}
		return zigguratEdge + x
	}
}

// newZigguratTables builds the layers from the widest inwards: each edge is
// where the curve is one area higher. Every step rounds to float64 as the
// published tables were, for the errors of a step grow in the next.
func newZigguratTables() zigguratTables {
	const unit = 1 << 52
	var t zigguratTables
	x := zigguratEdge
	t.height[255] = expRounded(-0.5 * x * x)
	t.width[255] = x / unit
	for i := 254; i > 0; i-- {
		inner := math.Sqrt(-2 * logRounded(zigguratArea/x+t.height[i+1]))
		t.height[i] = expRounded(-0.5 * inner * inner)
		if i == 38 { // the one entry that the published table rounds the other way
			t.height[i] = math.Nextafter(t.height[i], 1)
		}
		t.width[i] = inner / unit
		t.inside[i+1] = uint64(math.RoundToEven(inner / x * unit))
		x = inner
	}
	base := zigguratArea / t.height[255] // width of a rectangle with the area of layer 0
	t.height[0] = 1
	t.width[0] = base / unit
	t.inside[0] = uint64(math.RoundToEven(zigguratEdge / base * unit))
	return t
}

// expRounded is exp(x) for small x, correctly rounded on every platform, which
// math.Exp is not.
func expRounded(x float64) float64 {
	y, _ := bigExp(new(big.Float).SetPrec(bigPrec).SetFloat64(x)).Float64()
	return y
}

// logRounded is the natural logarithm of y in (0, 1), correctly rounded: one
// Newton step of third order from math.Log.
func logRounded(y float64) float64 {
	guess := big.NewFloat(-math.Log(y)).SetPrec(bigPrec)
	t := new(big.Float).SetPrec(bigPrec).SetFloat64(y)
	t.Mul(t, bigExp(guess))
	t.Sub(t, big.NewFloat(1)) // y·exp(-log y) - 1
	half := new(big.Float).SetPrec(bigPrec).Mul(t, t)
	half.Mul(half, big.NewFloat(0.5))
	t.Sub(t, half)
	out, _ := t.Sub(t, guess).Float64()
	return out
}

const bigPrec = 112 // bits

// bigExp is exp(x) by its power series at x/256, squared eight times.
func bigExp(x *big.Float) *big.Float {
	x = new(big.Float).SetPrec(bigPrec).Quo(x, big.NewFloat(256))
	sum := new(big.Float).SetPrec(bigPrec).SetInt64(1)
	term := new(big.Float).SetPrec(bigPrec).SetInt64(1)
	for n := 1; n < 20; n++ {
		term.Mul(term, x)
		term.Quo(term, new(big.Float).SetInt64(int64(n)))
		sum.Add(sum, term)
	}
	for range 8 {
		sum.Mul(sum, sum)
	}
	return sum
}
