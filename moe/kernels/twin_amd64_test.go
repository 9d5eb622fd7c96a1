//go:build !purego

package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func needAVX2(t *testing.T) {
	t.Helper()
	if !hasAVX2 {
		t.Skip("no AVX2")
	}
}

// The exponential must be right to 1e-6 wherever its result is a normal number,
// and go to 0 and +Inf beyond.
func TestExpAVX2(t *testing.T) {
	needAVX2(t)
	const steps = 1 << 20
	x := make([]float32, steps+3)
	arg := func(i int) float32 { return -120 + float32(i)*(240.0/steps) }
	for i := range x {
		x[i] = arg(i)
	}
	expSumAVX2(&x[0], len(x), 0)
	for i, got := range x {
		want := math.Exp(float64(arg(i)))
		switch {
		case want > math.MaxFloat32:
			if !math.IsInf(float64(got), 1) {
				t.Fatalf("exp(%v) is %v, want +Inf", arg(i), got)
			}
		case want < 0x1p-126:
			if math.Abs(float64(got)-want) > 0x1p-149 {
				t.Fatalf("exp(%v) is %v, want %v within a subnormal step", arg(i), got, want)
			}
		case math.Abs(float64(got)-want) > 2e-7*want:
			t.Fatalf("exp(%v) is %v, want %v: off by %.2g of it", arg(i), got, want, math.Abs(float64(got)-want)/want)
		}
	}
}

func TestExpSumAVX2(t *testing.T) {
	needAVX2(t)
	r := rand.New(rand.NewPCG(1, 1))
	lengths(func(n int) {
		x := normal(r, n, 5)
		sum := expSumAVX2(unsafe.SliceData(x), n, 3)
		var want float64
		for _, e := range x {
			want += float64(e)
		}
		if math.Abs(sum-want) > 1e-14*want {
			t.Fatalf("sum of %d values is %v, want %v", n, sum, want)
		}
	})
}

// What is no number stays none, in every lane; infinities have their limits.
func TestActivationsBeyondNumbers(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name    string
		f       func(x float32) float32
		x, want float32
	}{
		{"SiLU", silu, inf, inf},
		{"SiLU", silu, -inf, 0},
		{"SiLU", silu, -math.MaxFloat32, 0},
		{"SiLU", silu, nan, nan},
		{"SwiGLUOAI", swiglu, inf, 14 / (1 + 6.6879e-6)}, // as of 7, the limit
		{"SwiGLUOAI", swiglu, -inf, 0},
		{"SwiGLUOAI", swiglu, -math.MaxFloat32, 0},
		{"SwiGLUOAI", swiglu, nan, nan},
		{"Sigmoid", sigmoidOf, inf, 1},
		{"Sigmoid", sigmoidOf, -inf, 0},
		{"Sigmoid", sigmoidOf, nan, nan},
	} {
		needAVX2(t)
		got := c.f(c.x)
		same := got == c.want || got != got && c.want != c.want
		if !same && !(math.Abs(float64(got-c.want)) < 1e-6*math.Abs(float64(c.want))) {
			t.Errorf("%s of %v is %v, want %v", c.name, c.x, got, c.want)
		}
	}
}

// third is f of a vector that has x in the middle, and what became of it.
func third(f func(v []float32), x float32) float32 {
	v := []float32{1, 1, x, 1, 1}
	f(v)
	return v[2]
}

func silu(x float32) float32 {
	return third(func(v []float32) { SiLUMul(v, v, []float32{1, 1, 1, 1, 1}) }, x)
}

func swiglu(x float32) float32 {
	return third(func(v []float32) { SwiGLUOAI(v, v, []float32{1, 1, 1, 1, 1}, 1.702, 7) }, x)
}

func sigmoidOf(x float32) float32 { return third(Sigmoid, x) }

// A NaN among the logits must show in the whole distribution.
func TestSoftmaxNaN(t *testing.T) {
	for _, n := range []int{1, 5, 8, 21} {
		x := make([]float32, n)
		x[n/2] = float32(math.NaN())
		Softmax(x)
		for i, v := range x {
			if v == v {
				t.Fatalf("value %d of %d is %v, want NaN", i, n, v)
			}
		}
	}
}

// Blocks have the bits of the generic code, for numbers and for what is none.
func TestQuantizeTwins(t *testing.T) {
	needAVX2(t)
	r := rand.New(rand.NewPCG(1, 1))
	odd := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 127, -127, 0.5, 1.5, -2.5, 3e38, -3e38,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 1e-39, 1e-36,
		float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	for trial := range 3000 {
		n := 32 * (1 + r.IntN(20))
		x := normal(r, n, math.Exp(r.NormFloat64()*20))
		switch trial % 4 {
		case 1: // ties: the largest is 127 of the unit
			for i := range x {
				x[i] = float32(r.IntN(509)-254) * 0.5
			}
		case 2:
			x[r.IntN(n)] = odd[r.IntN(len(odd))]
		case 3:
			kinds := 1 + r.IntN(len(odd))
			for i := range x {
				x[i] = odd[r.IntN(kinds)]
			}
		}
		for _, q := range []struct {
			name          string
			twin, generic func([]Block, []float32)
		}{
			{"Q8_0", quantizeQ8_0, quantizeQ8_0Generic},
			{"Q8_K", quantizeQ8_K, quantizeQ8_KGeneric},
		} {
			got, want := spoiled((n+255)/256), spoiled((n+255)/256)
			q.twin(got, x)
			q.generic(want, x)
			for i := range want {
				a, b := (*[blockBytes]byte)(unsafe.Pointer(&got[i])), (*[blockBytes]byte)(unsafe.Pointer(&want[i]))
				if *a != *b {
					t.Fatalf("trial %d, %s, block %d of %d values: %v, want %v", trial, q.name, i, n, got[i], want[i])
				}
			}
		}
	}
}

func TestStoreF16Twins(t *testing.T) {
	needAVX2(t)
	r := rand.New(rand.NewPCG(1, 1))
	lengths(func(n int) {
		x := make([]float32, n)
		for i := range x {
			x[i] = math.Float32frombits(r.Uint32())
			if i%2 == 0 {
				x[i] = float32(math.Ldexp(r.NormFloat64(), r.IntN(44)-26))
			}
		}
		got, want := make([]byte, 2*n), make([]byte, 2*n)
		storeF16(got, x)
		storeF16Generic(want, x)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%d values: byte %d of %x is %x, want %x", n, i, math.Float32bits(x[i/2]), got[i], want[i])
			}
		}
	})
}

// Rotations have the bits of the generic code.
func TestRotateTwins(t *testing.T) {
	needAVX2(t)
	r := rand.New(rand.NewPCG(1, 1))
	for _, neox := range []bool{false, true} {
		for n := 2; n <= 160; n += 2 {
			rope, err := NewRope(RopeOptions{Dims: n, Base: 10000, Neox: neox})
			if err != nil {
				t.Fatal(err)
			}
			x, angles := normal(r, n, 1), make([]float32, n)
			rope.Angles(angles, 1234)
			want := clone(x)
			rope.Rotate(x, angles)
			if neox {
				rotateHalvesGeneric(want, angles)
			} else {
				rotatePairsGeneric(want, angles)
			}
			for i := range want {
				if math.Float32bits(x[i]) != math.Float32bits(want[i]) {
					t.Fatalf("neox %v, value %d of %d is %v, want %v", neox, i, n, x[i], want[i])
				}
			}
		}
	}
}
