package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// lengths have every remainder of 8, 16 and 32 lanes.
func lengths(f func(n int)) {
	for n := range 70 {
		f(n)
	}
	f(1000)
}

func normal(r *rand.Rand, n int, scale float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64() * scale)
	}
	return x
}

func clone(x []float32) []float32 { return append([]float32{}, x...) }

// close32 compares with rel·|want| + abs.
func close32(got []float32, want func(i int) float64, rel, abs float64) error {
	for i, g := range got {
		w := want(i)
		if float64(g) != w && !(math.Abs(float64(g)-w) <= rel*math.Abs(w)+abs) {
			return fmt.Errorf("value %d of %d is %v, want %v", i, len(got), g, w)
		}
	}
	return nil
}

// Rounding to float32 a few times, and an exponential that may be a
// polynomial in float32.
const (
	ulps      = 4 * 0x1p-24
	expError  = 16 * 0x1p-24
	tiniestOK = 1e-34 // results this small may be flushed to zero
)

func TestRMSNorm(t *testing.T) {
	for name, f := range map[string]func(dst, x, weight []float32, eps float32){"generic": rmsNormGeneric, "chosen": RMSNorm} {
		r := rand.New(rand.NewPCG(1, 1))
		lengths(func(n int) {
			if n == 0 {
				return
			}
			x, weight := normal(r, n, 3), normal(r, n, 1)
			var sum float64
			for _, v := range x {
				sum += float64(v) * float64(v)
			}
			s := 1 / math.Sqrt(sum/float64(n)+1e-5)
			got := make([]float32, n)
			f(got, x, weight, 1e-5)
			if err := close32(got, func(i int) float64 { return float64(x[i]) * s * float64(weight[i]) }, ulps, 0); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			inPlace := clone(x)
			f(inPlace, inPlace, weight, 1e-5)
			for i := range got {
				if got[i] != inPlace[i] {
					t.Fatalf("%s: value %d of %d is %v, in place %v", name, i, n, got[i], inPlace[i])
				}
			}
			f(got, x, nil, 1e-5)
			if err := close32(got, func(i int) float64 { return float64(x[i]) * s }, ulps, 0); err != nil {
				t.Fatalf("%s without weight: %v", name, err)
			}
		})
	}
}

func TestSoftmax(t *testing.T) {
	inf := math.Inf(-1)
	for _, c := range []struct {
		name string
		f    func(x []float32, sink float64)
		sink float64
	}{
		{"generic", softmaxGeneric, inf},
		{"generic with sink", softmaxGeneric, 1.25},
		{"generic with high sink", softmaxGeneric, 300},
		{"chosen", func(x []float32, _ float64) { Softmax(x) }, inf},
		{"chosen with sink", func(x []float32, sink float64) { SoftmaxSink(x, float32(sink)) }, 1.25},
		{"chosen with high sink", func(x []float32, sink float64) { SoftmaxSink(x, float32(sink)) }, 300},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		for _, scale := range []float64{0, 1, 20, 1000} {
			lengths(func(n int) {
				x := normal(r, n, scale)
				top := c.sink
				for _, v := range x {
					top = math.Max(top, float64(v))
				}
				sum := math.Exp(c.sink - top)
				for _, v := range x {
					sum += math.Exp(float64(v) - top)
				}
				got := clone(x)
				c.f(got, c.sink)
				// The difference to the top is rounded to float32 before exp.
				err := close32(got, func(i int) float64 { return math.Exp(float64(x[i])-top) / sum }, expError+100*0x1p-24, tiniestOK)
				if err != nil {
					t.Fatalf("%s, scale %v: %v", c.name, scale, err)
				}
			})
		}
	}
}

// Masked positions get nothing, whatever the rest is.
func TestSoftmaxMasked(t *testing.T) {
	for name, f := range map[string]func([]float32, float64){"generic": softmaxGeneric, "chosen": func(x []float32, _ float64) { Softmax(x) }} {
		x := []float32{1, float32(math.Inf(-1)), 1, float32(math.Inf(-1)), -2000, 1, 1, 1, 1, 1, 1}
		f(x, math.Inf(-1))
		for i, v := range x {
			if masked := i == 1 || i == 3 || i == 4; masked != (v == 0) {
				t.Errorf("%s: value %d is %v", name, i, v)
			}
		}
	}
}

func sigma(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// far are arguments at which exponentials overflow or vanish.
func far(x []float32) []float32 {
	for i, v := range []float32{0, 87, -87, 88.8, -88.8, 104, -104, 1e6, -1e6, 3e38, -3e38} {
		if i < len(x) {
			x[i] = v
		}
	}
	return x
}

func TestActivations(t *testing.T) {
	const alpha, limit = 1.702, 7
	for _, c := range []struct {
		name string
		f    func(dst, gate, up []float32)
		want func(g, u float64) float64
	}{
		{"SiLUMul/generic", siluMulGeneric, func(g, u float64) float64 { return g * sigma(g) * u }},
		{"SiLUMul/chosen", SiLUMul, func(g, u float64) float64 { return g * sigma(g) * u }},
		{"SwiGLUOAI/generic", func(d, g, u []float32) { swigluOAIGeneric(d, g, u, alpha, limit) }, swigluReference},
		{"SwiGLUOAI/chosen", func(d, g, u []float32) { SwiGLUOAI(d, g, u, alpha, limit) }, swigluReference},
		{"Sigmoid/generic", func(d, g, _ []float32) { copy(d, g); sigmoidGeneric(d) }, func(g, _ float64) float64 { return sigma(g) }},
		{"Sigmoid/chosen", func(d, g, _ []float32) { copy(d, g); Sigmoid(d) }, func(g, _ float64) float64 { return sigma(g) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			lengths(func(n int) {
				gate, up := far(normal(r, n, 4)), normal(r, n, 4)
				got := make([]float32, n)
				c.f(got, gate, up)
				err := close32(got, func(i int) float64 {
					w := c.want(float64(gate[i]), float64(up[i]))
					if math.Abs(w) > math.MaxFloat32 {
						return float64(got[i]) // overflow either way
					}
					return w
				}, expError+4*0x1p-24*104, tiniestOK)
				if err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func swigluReference(g, u float64) float64 {
	alpha := float64(float32(1.702))
	g, u = math.Min(g, 7), math.Max(math.Min(u, 7), -7)
	return g * sigma(alpha*g) * (u + 1)
}

func TestActivationsInPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for name, f := range map[string]func(dst, gate, up []float32){
		"SiLUMul":   SiLUMul,
		"SwiGLUOAI": func(d, g, u []float32) { SwiGLUOAI(d, g, u, 1.702, 7) },
	} {
		lengths(func(n int) {
			gate, up, want := normal(r, n, 4), normal(r, n, 4), make([]float32, n)
			f(want, gate, up)
			a, b := clone(gate), clone(up)
			f(a, a, up)
			f(b, gate, b)
			for i := range want {
				if a[i] != want[i] || b[i] != want[i] {
					t.Fatalf("%s: value %d of %d is %v over gate, %v over up, want %v", name, i, n, a[i], b[i], want[i])
				}
			}
		})
	}
}

func TestAddAndScale(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(dst, x []float32)
		want func(d, x float64) float64
	}{
		{"Add/generic", addGeneric, func(d, x float64) float64 { return d + x }},
		{"Add/chosen", Add, func(d, x float64) float64 { return d + x }},
		{"AddScaled/generic", func(d, x []float32) { addScaledGeneric(d, x, 0.3) }, func(d, x float64) float64 { return d + float64(float32(0.3))*x }},
		{"AddScaled/chosen", func(d, x []float32) { AddScaled(d, x, 0.3) }, func(d, x float64) float64 { return d + float64(float32(0.3))*x }},
		{"Scale/generic", func(d, _ []float32) { scaleGeneric(d, 0.3) }, func(d, _ float64) float64 { return float64(float32(0.3)) * d }},
		{"Scale/chosen", func(d, _ []float32) { Scale(d, 0.3) }, func(d, _ float64) float64 { return float64(float32(0.3)) * d }},
	} {
		r := rand.New(rand.NewPCG(1, 1))
		lengths(func(n int) {
			dst, x := normal(r, n+1, 1), normal(r, n, 1)
			before := clone(dst)
			c.f(dst[:n], x)
			err := close32(dst[:n], func(i int) float64 { return c.want(float64(before[i]), float64(x[i])) }, ulps, 4*0x1p-24)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if dst[n] != before[n] {
				t.Fatalf("%s: wrote past %d values", c.name, n)
			}
		})
	}
}

// Lengths that disagree are our own mistakes and must not pass silently.
func TestVectorLengths(t *testing.T) {
	long, short := make([]float32, 9), make([]float32, 8)
	short = short[:8:8]
	for name, f := range map[string]func(){
		"RMSNorm dst":    func() { RMSNorm(short, long, nil, 0) },
		"RMSNorm weight": func() { RMSNorm(long, long, short, 0) },
		"SiLUMul gate":   func() { SiLUMul(long, short, long) },
		"SiLUMul up":     func() { SiLUMul(long, long, short) },
		"SwiGLUOAI up":   func() { SwiGLUOAI(long, long, short, 1, 1) },
		"Add":            func() { Add(long, short) },
		"AddScaled":      func() { AddScaled(long, short, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("no panic")
				}
			}()
			f()
		})
	}
}
