package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"moed/moe/ggml"
)

// caches are the packings of a cache row, each with its generic twin.
var caches = []struct {
	t                   ggml.Type
	cols                []int
	store               func(dst []byte, x []float32)
	accumulate, generic func(dst []float32, v []byte, stride int, p []float32)
}{
	{ggml.F32, []int{1, 7, 8, 9, 31, 32, 64, 80, 100, 128, 192, 256}, StoreF32, AccumulateF32, accumulateF32Generic},
	{ggml.F16, []int{1, 7, 8, 9, 31, 32, 64, 80, 100, 128, 192, 256}, StoreF16, AccumulateF16, accumulateF16Generic},
	{ggml.Q8_0, []int{32, 64, 96, 128, 160, 192, 256}, StoreQ8_0, AccumulateQ8_0, accumulateQ8_0Generic},
}

func TestStore(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range caches {
		for _, cols := range c.cols {
			x := normal(r, cols, 2)
			size := rowBytes(c.t, cols)
			b := make([]byte, size+3)
			for i := range b {
				b[i] = 0xa5
			}
			c.store(b, x)
			got := make([]float32, cols)
			Dequantize(got, c.t, b)
			for i := range x {
				if want := stored(c.t, x, i); got[i] != want {
					t.Fatalf("%v: value %d of %d is %v, want %v", c.t, i, cols, got[i], want)
				}
			}
			for _, v := range b[size:] {
				if v != 0xa5 {
					t.Fatalf("%v: wrote past a row of %d values", c.t, cols)
				}
			}
		}
	}
}

// stored is value i of x as a row of type t holds it.
func stored(t ggml.Type, x []float32, i int) float32 {
	switch t {
	case ggml.F16:
		return halfToFloat(floatToHalf(x[i]))
	case ggml.Q8_0:
		inverse, d := inverseQ8_0(x[i/32*32:][:32])
		return d * float32(math.RoundToEven(float64(inverse*x[i])))
	}
	return x[i]
}

func rowBytes(t ggml.Type, cols int) int { return cols / t.BlockElems() * t.BlockBytes() }

func TestAccumulate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range caches {
		for _, cols := range c.cols {
			for _, n := range []int{0, 1, 2, 3, 4, 5, 8, 13, 100} {
				stride := rowBytes(c.t, cols) + n%3*5
				v, values := make([]byte, n*stride), make([][]float32, n)
				for i := range n {
					c.store(v[i*stride:], normal(r, cols, 1))
					values[i] = make([]float32, cols)
					Dequantize(values[i], c.t, v[i*stride:])
				}
				p, dst := normal(r, n, 1), normal(r, cols+1, 1)
				want, size := make([]float64, cols), make([]float64, cols)
				for j := range want {
					want[j], size[j] = float64(dst[j]), math.Abs(float64(dst[j]))
					for i := range p {
						term := float64(p[i]) * float64(values[i][j])
						want[j], size[j] = want[j]+term, size[j]+math.Abs(term)
					}
				}
				start, chosen, twin := clone(dst), clone(dst), clone(dst)
				c.accumulate(chosen[:cols], v, stride, p)
				c.generic(twin[:cols], v, stride, p)
				for name, got := range map[string][]float32{"chosen": chosen, "generic": twin} {
					for j := range want {
						if !(math.Abs(float64(got[j])-want[j]) <= size[j]*float64(n+4)*0x1p-24) {
							t.Fatalf("%v %s: %d rows, value %d of %d is %v, want %v", c.t, name, n, j, cols, got[j], want[j])
						}
					}
					if got[cols] != start[cols] {
						t.Fatalf("%v %s: wrote past %d values", c.t, name, cols)
					}
				}
				// In two halves the bits are the same: a cache in pages, or one
				// that has grown, gives what it gave.
				split := clone(start)
				c.accumulate(split[:cols], v, stride, p[:n/2])
				c.accumulate(split[:cols], v[n/2*stride:], stride, p[n/2:])
				for j := range split {
					if math.Float32bits(split[j]) != math.Float32bits(chosen[j]) {
						t.Fatalf("%v: %d rows in two parts, value %d of %d is %v, want %v", c.t, n, j, cols, split[j], chosen[j])
					}
				}
			}
		}
	}
}

func TestCachePanics(t *testing.T) {
	for name, f := range map[string]func(){
		"few rows":        func() { AccumulateF32(make([]float32, 8), make([]byte, 63), 32, make([]float32, 2)) },
		"few halves":      func() { AccumulateF16(make([]float32, 8), make([]byte, 31), 16, make([]float32, 2)) },
		"few blocks":      func() { AccumulateQ8_0(make([]float32, 32), make([]byte, 67), 34, make([]float32, 2)) },
		"part of a block": func() { AccumulateQ8_0(make([]float32, 33), make([]byte, 680), 34, make([]float32, 1)) },
		"store f32":       func() { StoreF32(make([]byte, 7), make([]float32, 2)) },
		"store f16":       func() { StoreF16(make([]byte, 3), make([]float32, 2)) },
		"store q8_0":      func() { StoreQ8_0(make([]byte, 33), make([]float32, 32)) },
		"store part":      func() { StoreQ8_0(make([]byte, 68), make([]float32, 33)) },
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
