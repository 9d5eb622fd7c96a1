package kernels

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"moed/moe/ggml"
)

// colsOf are the row lengths to test for t.
func colsOf(t ggml.Type) []int {
	switch t.BlockElems() {
	case 1:
		return []int{1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 255, 256, 257, 300, 515, 1024}
	case 32:
		return []int{32, 64, 96, 128, 160, 192, 224, 256, 288, 480, 512, 544, 1024}
	}
	return []int{256, 512, 768, 1024}
}

// product is one kernel test: rows of weights times four vectors.
type product struct {
	t              ggml.Type
	cols, rows     int
	skew, gap      int // bytes before the first row and between rows
	w              []byte
	x              *Vectors
	want, relative [][]float64 // per vector and row: the value, and the sum of the terms' sizes
}

func newProduct(t ggml.Type, cols, rows, skew, gap int, f fill, activation int, r *rand.Rand) *product {
	form, _ := FormOf(t)
	p := &product{t: t, cols: cols, rows: rows, skew: skew, gap: gap, x: NewVectors(cols, 4, form)}
	for v := range 4 {
		x := p.x.Row(v)
		for i := range x {
			x[i] = activations[activation].at(i, r)
			if v > 0 && activation > 0 {
				x[i] *= float32(r.NormFloat64())
			}
		}
		p.x.Quantize(v)
	}
	p.w = make([]byte, skew, skew+rows*(p.stride()))
	for row := range rows {
		p.w = append(p.w, f.row(t, cols/t.BlockElems(), r)...)
		if row < rows-1 {
			for range gap {
				p.w = append(p.w, 0xa5)
			}
		}
	}
	p.reference(form)
	return p
}

func (p *product) stride() int { return p.cols/p.t.BlockElems()*p.t.BlockBytes() + p.gap }

// reference computes in float64 what the product is.
func (p *product) reference(form Form) {
	elems, bytes := p.t.BlockElems(), p.t.BlockBytes()
	for v := range 4 {
		x := p.x.asHeld(form, v)
		want, relative := make([]float64, p.rows), make([]float64, p.rows)
		for row := range p.rows {
			w := p.w[p.skew+row*p.stride():]
			for c := range p.cols {
				e, size := element(p.t, w[c/elems*bytes:], c%elems)
				want[row] += e * x[c]
				relative[row] += size * math.Abs(x[c])
				if form == FormQ8_1 && c%32 == 0 {
					// The offset is multiplied with the sum that was rounded through a half.
					m, held := exactHalf(binary.LittleEndian.Uint16(w[c/elems*bytes+2:])), 0.0
					for _, v := range x[c : c+32] {
						held += v
					}
					s := float64(p.x.row(form, v)[c/256].scaled()[c%256/32])
					want[row] += m * (s - held)
					relative[row] += math.Abs(m * s)
				}
			}
		}
		p.want, p.relative = append(p.want, want), append(p.relative, relative)
	}
}

// run does the product with k, once vector by vector and once by four. By two it
// must give the bits of four.
func (p *product) run(t *testing.T, k kernel) (one, four [4][]float32) {
	t.Helper()
	form, _ := FormOf(p.t)
	var dst, x [4]unsafe.Pointer
	for v := range 4 {
		one[v], four[v] = fence(p.rows), fence(p.rows)
		dst[v], x[v] = unsafe.Pointer(&four[v][1]), p.x.pointer(form, v)
		k.one(unsafe.Pointer(&one[v][1]), unsafe.Pointer(&p.w[p.skew]), p.stride(), p.rows, p.cols, x[v])
	}
	k.four(&dst, unsafe.Pointer(&p.w[p.skew]), p.stride(), p.rows, p.cols, &x)
	for v := range 4 {
		one[v], four[v] = unfence(t, one[v]), unfence(t, four[v])
	}
	for v := 0; v < 4 && k.two != nil; v += 2 {
		two := [2][]float32{fence(p.rows), fence(p.rows)}
		k.two(&[4]unsafe.Pointer{unsafe.Pointer(&two[0][1]), unsafe.Pointer(&two[1][1])}, unsafe.Pointer(&p.w[p.skew]), p.stride(), p.rows, p.cols, &[4]unsafe.Pointer{x[v], x[v+1]})
		for i := range two {
			for row, a := range unfence(t, two[i]) {
				if b := four[v+i][row]; math.Float32bits(a) != math.Float32bits(b) && !(a != a && b != b) {
					t.Fatalf("vector %d, row %d of %d × %d: %v of two, %v among four", v+i, row, p.rows, p.cols, a, b)
				}
			}
		}
	}
	return one, four
}

const post = 12345.678

// fence makes room for n results with a post on either side.
func fence(n int) []float32 {
	s := make([]float32, n+2)
	s[0], s[n+1] = post, post
	return s
}

func unfence(t *testing.T, s []float32) []float32 {
	t.Helper()
	if s[0] != post || s[len(s)-1] != post {
		t.Fatal("kernel wrote outside its results")
	}
	return s[1 : len(s)-1]
}

// check compares with the reference. A kernel rounds each block's integer sum
// once, multiplies by scales two or three times, adds the block to a running
// sum, and in the end adds up lanes; every such step costs 2^-24 of at most
// the sum of the terms' sizes.
func (p *product) check(t *testing.T, k kernel) {
	t.Helper()
	one, four := p.run(t, k)
	steps := float64(p.cols)/float64(max(p.t.BlockElems(), 8)) + 16
	for v := range 4 {
		for row := range p.rows {
			got := float64(one[v][row])
			limit := p.relative[v][row]*steps*0x1p-24 + 1e-36
			if math.IsInf(got, 0) && p.relative[v][row] > math.MaxFloat32 {
				continue
			}
			if !(math.Abs(got-p.want[v][row]) <= limit) {
				t.Fatalf("vector %d, row %d of %d × %d, skew %d: %v, want %v ± %g", v, row, p.rows, p.cols, p.skew, got, p.want[v][row], limit)
			}
			if a, b := math.Float32bits(one[v][row]), math.Float32bits(four[v][row]); a != b {
				t.Fatalf("vector %d, row %d of %d × %d: %08x alone, %08x among four", v, row, p.rows, p.cols, a, b)
			}
		}
	}
}

// eachKernel runs f for every type with both kernels.
func eachKernel(t *testing.T, f func(t *testing.T, ty ggml.Type, pick func(cols int) kernel)) {
	for _, ty := range Supported() {
		t.Run(fmt.Sprintf("%v/generic", ty), func(t *testing.T) {
			f(t, ty, func(int) kernel { return genericKernel(ty) })
		})
		t.Run(fmt.Sprintf("%v/chosen", ty), func(t *testing.T) {
			f(t, ty, func(cols int) kernel { return kernelFor(ty, cols) })
		})
	}
}

func TestDotLengths(t *testing.T) {
	eachKernel(t, func(t *testing.T, ty ggml.Type, pick func(int) kernel) {
		r := rand.New(rand.NewPCG(1, uint64(ty)))
		for i, cols := range colsOf(ty) {
			newProduct(ty, cols, i%9+1, i*7%32, i%3*11, fills[0], 0, r).check(t, pick(cols))
		}
	})
}

func TestDotRowsAndAlignment(t *testing.T) {
	eachKernel(t, func(t *testing.T, ty ggml.Type, pick func(int) kernel) {
		r := rand.New(rand.NewPCG(2, uint64(ty)))
		cols := max(ty.BlockElems(), 32) * 2
		for skew := range 32 {
			newProduct(ty, cols, skew%9+1, skew, skew%5, fills[0], 0, r).check(t, pick(cols))
		}
	})
}

func TestDotCorners(t *testing.T) {
	eachKernel(t, func(t *testing.T, ty ggml.Type, pick func(int) kernel) {
		r := rand.New(rand.NewPCG(3, uint64(ty)))
		for _, f := range fills {
			for a := range activations {
				p := newProduct(ty, 512, 2, 3, 0, f, a, r)
				if ok := t.Run(f.name+"/"+activations[a].name, func(t *testing.T) { p.check(t, pick(512)) }); !ok {
					return
				}
			}
		}
	})
}

// A scale that is no number must reach the result, whatever multiplies it.
func TestDotNaN(t *testing.T) {
	eachKernel(t, func(t *testing.T, ty ggml.Type, pick func(int) kernel) {
		if ty == ggml.MXFP4 {
			t.Skip("every scale of MXFP4 is finite")
		}
		r := rand.New(rand.NewPCG(4, uint64(ty)))
		f := fill{"nan", anyByte, sameHalf(0x7e00), 0}
		p := newProduct(ty, 256, 3, 1, 0, f, 0, r)
		one, four := p.run(t, pick(256))
		for v := range 4 {
			for row := range p.rows {
				if a, b := float64(one[v][row]), float64(four[v][row]); !math.IsNaN(a) || !math.IsNaN(b) {
					t.Fatalf("vector %d, row %d: %v alone, %v among four, want NaN", v, row, a, b)
				}
			}
		}
	})
}

// A row's result must not depend on the rows it is computed with, nor a
// vector's on its neighbours.
func TestDotInvariance(t *testing.T) {
	eachKernel(t, func(t *testing.T, ty ggml.Type, pick func(int) kernel) {
		r := rand.New(rand.NewPCG(5, uint64(ty)))
		form, _ := FormOf(ty)
		for _, cols := range []int{256, 1024} {
			p := newProduct(ty, cols, 9, 5, 2, fills[0], 0, r)
			k := pick(cols)
			one, _ := p.run(t, k)
			for row := range p.rows {
				w := unsafe.Pointer(&p.w[p.skew+row*p.stride()])
				var alone [4]float32
				var dst, x [4]unsafe.Pointer
				for i := range 4 {
					dst[i], x[i] = unsafe.Pointer(&alone[i]), p.x.pointer(form, (i+row)%4)
				}
				k.four(&dst, w, p.stride(), 1, cols, &x)
				for i, got := range alone {
					if want := one[(i+row)%4][row]; math.Float32bits(got) != math.Float32bits(want) {
						t.Fatalf("cols %d, row %d, vector %d: %v alone, %v in nine rows", cols, row, (i+row)%4, got, want)
					}
				}
			}
		}
	})
}

// Two vectors of a batch may share their results' place, as a batch that is
// padded to four does.
func TestDotSharedResult(t *testing.T) {
	eachKernel(t, func(t *testing.T, ty ggml.Type, pick func(int) kernel) {
		p := newProduct(ty, 256, 3, 0, 0, fills[0], 0, rand.New(rand.NewPCG(6, uint64(ty))))
		form, _ := FormOf(ty)
		one, _ := p.run(t, pick(256))
		first, sink := make([]float32, p.rows), make([]float32, p.rows)
		dst := [4]unsafe.Pointer{unsafe.Pointer(&first[0]), unsafe.Pointer(&sink[0]), unsafe.Pointer(&sink[0]), unsafe.Pointer(&sink[0])}
		x := p.x.pointer(form, 0)
		pick(256).four(&dst, unsafe.Pointer(&p.w[0]), p.stride(), p.rows, 256, &[4]unsafe.Pointer{x, x, x, x})
		for row := range p.rows {
			if first[row] != one[0][row] || sink[row] != one[0][row] {
				t.Fatalf("row %d: %v and %v, want %v", row, first[row], sink[row], one[0][row])
			}
		}
	})
}

func TestDotDoesNotAllocate(t *testing.T) {
	var dst, x [4]unsafe.Pointer
	eachKernel(t, func(t *testing.T, ty ggml.Type, pick func(int) kernel) {
		p := newProduct(ty, 256, 2, 0, 0, fills[0], 0, rand.New(rand.NewPCG(7, 7)))
		form, _ := FormOf(ty)
		for v := range 4 {
			dst[v], x[v] = unsafe.Pointer(unsafe.SliceData(make([]float32, 2))), p.x.pointer(form, v)
		}
		w := unsafe.Pointer(&p.w[0])
		allocs := testing.AllocsPerRun(10, func() {
			k := pick(256)
			k.one(dst[0], w, p.stride(), 2, 256, x[0])
			k.four(&dst, w, p.stride(), 2, 256, &x)
			p.x.Quantize(0)
		})
		if allocs != 0 {
			t.Errorf("%v allocations per product, want 0", allocs)
		}
	})
}
