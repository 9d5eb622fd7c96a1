package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"moed/moe/ggml"
)

// randomMatrix has small random blocks: quantised data is random bytes with
// every scale made tame by the caller's type.
func randomMatrix(t testing.TB, typ ggml.Type, rows, cols int, seed uint64) Matrix {
	t.Helper()
	stride, err := typ.RowBytes(cols)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	data := make([]byte, rows*stride)
	size := typ.BlockBytes()
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	for at := 0; at < len(data); at += size {
		switch typ {
		case ggml.Q8_0:
			copy(data[at:], []byte{0, 0x20}) // a half near 0.008
		case ggml.Q4_K:
			copy(data[at:], []byte{0, 0x14, 0, 0x14})
		case ggml.F16, ggml.F32:
			data[at+size-1] = data[at+size-1]&0x80 | 0x3c
		default:
			t.Fatalf("no tame blocks of %v", typ)
		}
	}
	m, err := NewMatrix(typ, rows, cols, data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func randomVectors(typ ggml.Type, cols, n int, seed uint64) *Vectors {
	form, _ := FormOf(typ)
	v := NewVectors(cols, n, form)
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range n {
		for j := range v.Row(i) {
			v.Row(i)[j] = float32(r.NormFloat64())
		}
		v.Quantize(i)
	}
	return v
}

// TestProducts compares lists of products, on pools of several sizes and with
// gathered and strided vectors, with one vector and one row at a time.
func TestProducts(t *testing.T) {
	const cols, capacity = 512, 40
	for _, typ := range []ggml.Type{ggml.F32, ggml.F16, ggml.Q8_0, ggml.Q4_K} {
		x := randomVectors(typ, cols, capacity, 5)
		form, _ := FormOf(typ)
		for _, threads := range []int{1, 2, 3} {
			pool := NewPool(threads)
			list := NewProducts(pool)
			for round := range 3 {
				var want, got [][]float32
				for i, n := range []int{1, 2, 3, 4, 5, 8, 31, 0, 37} {
					rows := 1 + 29*i + round
					w := randomMatrix(t, typ, rows, cols, uint64(i))
					p := Product{W: w, X: x, First: 1 + i%2, Step: i % 2, N: n, Stride: rows + 3, Out: make([]float32, n*(rows+3))}
					if i == 4 {
						p.Index = []int32{36, 0, 7, 7, 20}
					}
					list.Add(p)
					got, want = append(got, p.Out), append(want, oneByOne(p, form))
				}
				list.Run()
				for i := range want {
					if !slices.EqualFunc(want[i], got[i], func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
						t.Fatalf("%v, %d threads, round %d: product %d differs", typ, threads, round, i)
					}
				}
			}
			pool.Close()
		}
	}
}

// TestWideRows takes rows longer than a panel's memory.
func TestWideRows(t *testing.T) {
	pool := NewPool(1)
	defer pool.Close()
	list := NewProducts(pool)
	for _, cols := range []int{16384, 16384 + 256} {
		x := randomVectors(ggml.Q8_0, cols, 6, 3)
		p := Product{W: randomMatrix(t, ggml.Q8_0, 19, cols, 4), X: x, N: 6, Stride: 19, Out: make([]float32, 6*19)}
		want := oneByOne(p, FormQ8_0)
		list.Add(p)
		list.Run()
		if !slices.Equal(want, p.Out) {
			t.Errorf("%d columns: products differ", cols)
		}
	}
}

func oneByOne(p Product, form Form) []float32 {
	out := make([]float32, len(p.Out))
	k := kernelFor(p.W.Type, p.W.Cols)
	for i := range p.N {
		for r := range p.W.Rows {
			k.one(unsafe.Pointer(&out[i*p.Stride+r]), unsafe.Pointer(&p.W.Data[r*p.W.Stride]), p.W.Stride, 1, p.W.Cols, p.X.pointer(form, p.vector(i)))
		}
	}
	return out
}

// BenchmarkProducts is one thread, a matrix that caches do not hold, and one vector
// or many, as in steps of several answers and in prefill.
func BenchmarkProducts(b *testing.B) {
	const rows = 16384
	for _, typ := range []ggml.Type{ggml.Q8_0, ggml.Q4_K, ggml.F32} {
		for _, n := range []int{1, 2, 4, 8, 24, 256} {
			b.Run(fmt.Sprintf("%v/%d", typ, n), func(b *testing.B) {
				w := randomMatrix(b, typ, rows, 2048, 1)
				x := randomVectors(typ, 2048, n, 1)
				pool := NewPool(1)
				defer pool.Close()
				list := NewProducts(pool)
				out := make([]float32, rows*n)
				for b.Loop() {
					list.Add(Product{W: w, X: x, N: n, Out: out, Stride: rows})
					list.Run()
				}
				b.ReportMetric(float64(b.N)*rows*2048*float64(n)/b.Elapsed().Seconds()/1e9, "GMAC/s")
			})
		}
	}
}
