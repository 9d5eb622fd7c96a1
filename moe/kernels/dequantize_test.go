package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"moed/moe/ggml"
)

// checkDequantize compares each value with the layout, read element by element.
func checkDequantize(t *testing.T, ty ggml.Type, row []byte) {
	t.Helper()
	elems, bytes := ty.BlockElems(), ty.BlockBytes()
	got := make([]float32, len(row)/bytes*elems)
	Dequantize(got, ty, row)
	for i, g := range got {
		want, size := element(ty, row[i/elems*bytes:], i%elems)
		switch {
		case math.IsNaN(want):
			if g == g {
				t.Fatalf("value %d is %v, want NaN", i, g)
			}
		case math.IsInf(want, 0) || size > math.MaxFloat32:
			if !(math.Abs(float64(g)) > 1e38) && g == g {
				t.Fatalf("value %d is %v, want %v", i, g, want)
			}
		case !(math.Abs(float64(g)-want) <= size*3*0x1p-24+0x1p-149):
			t.Fatalf("value %d is %v, want %v", i, g, want)
		}
	}
}

func TestDequantize(t *testing.T) {
	for _, ty := range Supported() {
		t.Run(ty.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(ty)))
			for _, f := range fills {
				for _, n := range []int{1, 2, 7, 8, 9, 17} {
					checkDequantize(t, ty, f.row(ty, n, r))
				}
			}
		})
	}
}

func TestDequantizePanics(t *testing.T) {
	for name, f := range map[string]func(){
		"short row":    func() { Dequantize(make([]float32, 64), ggml.Q8_0, make([]byte, 67)) },
		"part block":   func() { Dequantize(make([]float32, 33), ggml.Q8_0, make([]byte, 68)) },
		"unknown type": func() { Dequantize(make([]float32, 32), ggml.Type(77), make([]byte, 680)) },
		"no kernel":    func() { Dequantize(make([]float32, 256), ggml.IQ1_S, make([]byte, 680)) },
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

// FuzzDequantize reads any bytes as rows of any type: values must be those of
// the layout, and the kernels must take the same bytes without a fault.
func FuzzDequantize(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for i, ty := range Supported() {
		f.Add(uint8(i), fills[0].row(ty, 2, r))
		f.Add(uint8(i), fills[2].row(ty, 1, r))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		types := Supported()
		ty := types[int(which)%len(types)]
		blocks := min(len(data)/ty.BlockBytes(), 40)
		if blocks == 0 {
			return
		}
		row := data[:blocks*ty.BlockBytes()]
		checkDequantize(t, ty, row)
		cols := blocks * ty.BlockElems()
		form, _ := FormOf(ty)
		p := &product{t: ty, cols: cols, rows: 1, w: row, x: NewVectors(cols, 4, form)}
		for v := range 4 {
			for i := range p.x.Row(v) {
				p.x.Row(v)[i] = float32(i%7 - v)
			}
			p.x.Quantize(v)
		}
		one, four := p.run(t, kernelFor(ty, cols))
		for v := range 4 {
			a, b := one[v][0], four[v][0]
			if a != b && (a == a || b == b) {
				t.Fatalf("%v: vector %d gives %v alone, %v among four", ty, v, a, b)
			}
		}
	})
}
