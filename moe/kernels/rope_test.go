package kernels

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// plainAngles are cosine and sine of each pair by definition, in float64.
func plainAngles(o RopeOptions, pos int) (cos, sin []float64) {
	for i := range o.Dims / 2 {
		a := float64(pos) * math.Pow(float64(o.Base), -2*float64(i)/float64(o.Dims))
		if o.FreqFactors != nil {
			a /= float64(o.FreqFactors[i])
		}
		if o.FreqScale != 0 {
			a *= float64(o.FreqScale)
		}
		cos, sin = append(cos, math.Cos(a)), append(sin, math.Sin(a))
	}
	return cos, sin
}

func TestRope(t *testing.T) {
	factors := make([]float32, 64)
	for i := range factors {
		factors[i] = 1 + float32(i)/8
	}
	for _, o := range []RopeOptions{
		{Dims: 2, Base: 10000},
		{Dims: 64, Base: 10000},
		{Dims: 64, Base: 10000, Neox: true},
		{Dims: 128, Base: 1e6, Neox: true},
		{Dims: 128, Base: 5e5, FreqFactors: factors},
		{Dims: 96, Base: 10000, FreqScale: 0.25, Neox: true},
	} {
		r, err := NewRope(o)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for _, pos := range []int{0, 1, 2, 17, 1000, 32767} {
			head := normal(rng, o.Dims+5, 1)
			got := clone(head)
			angles := make([]float32, r.Dims())
			r.Angles(angles, pos)
			r.Rotate(got, angles)
			cos, sin := plainAngles(o, pos)
			// The angle's product of float32 powers drifts by 2^-24 per pair.
			tolerance := 1e-6 + float64(pos)*float64(o.Dims)*0x1p-24
			for i := range o.Dims / 2 {
				a, b := 2*i, 2*i+1
				if o.Neox {
					a, b = i, i+o.Dims/2
				}
				x, y := float64(head[a]), float64(head[b])
				wantX, wantY := x*cos[i]-y*sin[i], x*sin[i]+y*cos[i]
				if d := math.Hypot(float64(got[a])-wantX, float64(got[b])-wantY); d > tolerance*math.Hypot(x, y)+1e-6 {
					t.Fatalf("%+v, position %d, pair %d: %v, %v, want %v, %v", o, pos, i, got[a], got[b], wantX, wantY)
				}
			}
			for i := o.Dims; i < len(head); i++ {
				if got[i] != head[i] {
					t.Fatalf("%+v: value %d beyond the rotated ones changed", o, i)
				}
			}
		}
	}
}

// With YaRN the fast pairs keep their angles, the slow ones are interpolated,
// and all are magnified.
func TestRopeYarn(t *testing.T) {
	o := RopeOptions{Dims: 64, Base: 150000, FreqScale: 1.0 / 32, Neox: true, Yarn: Yarn{ExtFactor: 1, OrigCtx: 4096}}
	r, err := NewRope(o)
	if err != nil {
		t.Fatal(err)
	}
	magnitude := 1 + 0.1*math.Log(32)
	turns := func(n float64) float64 {
		return 64 * math.Log(4096/(n*2*math.Pi)) / (2 * math.Log(150000))
	}
	low, high := math.Floor(turns(32)), math.Ceil(turns(1))
	if float64(r.low) != low || float64(r.high) != high || low <= 0 || high >= 31 {
		t.Fatalf("ramp from %v to %v, want from %v to %v within the pairs", r.low, r.high, low, high)
	}
	angles := make([]float32, 64)
	const pos = 100
	r.Angles(angles, pos)
	for i := range 32 {
		plain := pos * math.Pow(150000, -float64(i)/32)
		mix := 1 - math.Max(0, math.Min(1, (float64(i)-low)/(high-low)))
		a := plain/32*(1-mix) + plain*mix
		if d := math.Hypot(float64(angles[2*i])-magnitude*math.Cos(a), float64(angles[2*i+1])-magnitude*math.Sin(a)); d > 1e-3 {
			t.Errorf("pair %d: %v, %v, want angle %v magnified by %v", i, angles[2*i], angles[2*i+1], a, magnitude)
		}
	}
}

func TestRopeAttnFactor(t *testing.T) {
	r, err := NewRope(RopeOptions{Dims: 4, Base: 10000, AttnFactor: 1.5})
	if err != nil {
		t.Fatal(err)
	}
	x, angles := []float32{1, 2, 3, 4}, make([]float32, 4)
	r.Angles(angles, 0)
	r.Rotate(x, angles)
	for i, want := range []float32{1.5, 3, 4.5, 6} {
		if x[i] != want {
			t.Errorf("value %d is %v, want %v", i, x[i], want)
		}
	}
}

func TestNewRopeErrors(t *testing.T) {
	for want, o := range map[string]RopeOptions{
		"rope of 0 dimensions":      {Base: 10000},
		"rope of 63 dimensions":     {Dims: 63, Base: 10000},
		"rope of -2 dimensions":     {Dims: -2, Base: 10000},
		"rope base 0":               {Dims: 64},
		"rope base NaN":             {Dims: 64, Base: float32(math.NaN())},
		"rope has 3 frequency":      {Dims: 64, Base: 10000, FreqFactors: make([]float32, 3)},
		"yarn wants the original":   {Dims: 64, Base: 10000, Yarn: Yarn{ExtFactor: 1}},
		"yarn wants a positive sca": {Dims: 64, Base: 10000, FreqScale: -1, Yarn: Yarn{ExtFactor: 1, OrigCtx: 4096}},
	} {
		if _, err := NewRope(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one about %q", o, err, want)
		}
	}
}
