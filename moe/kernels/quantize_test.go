package kernels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// quantizers are the two ways to each form.
var quantizers = []struct {
	name    string
	per     int // values that share a scale
	f       func(dst []Block, x []float32)
	inverse func(x []float32) (inverse, scale float32)
}{
	{"Q8_0/generic", 32, quantizeQ8_0Generic, inverseQ8_0},
	{"Q8_0/chosen", 32, quantizeQ8_0, inverseQ8_0},
	{"Q8_K/generic", 256, quantizeQ8_KGeneric, inverseQ8_K},
	{"Q8_K/chosen", 256, quantizeQ8_K, inverseQ8_K},
}

// inverseQ8_0 is what values are multiplied by, and the scale that is kept.
func inverseQ8_0(x []float32) (inverse, scale float32) {
	var top float32
	for _, v := range x {
		top = max(top, float32(math.Abs(float64(v))))
	}
	if top == 0 {
		return 0, 0
	}
	return 127 / top, float32(exactHalf(floatToHalf(top / 127)))
}

func inverseQ8_K(x []float32) (inverse, scale float32) {
	var extreme float32
	for _, v := range x {
		if math.Abs(float64(v)) > math.Abs(float64(extreme)) {
			extreme = v
		}
	}
	if extreme == 0 {
		return 0, 0
	}
	inverse = -127 / extreme
	return inverse, 1 / inverse
}

// spoiled is a block full of what an earlier vector left.
func spoiled(n int) []Block {
	b := alignedBlocks(n)
	for i := range b {
		for j := range b[i].Q {
			b[i].Q[j] = int8(j | 1)
		}
		b[i].D = [8]float32{1, 2, 3, 4, 5, 6, 7, 8}
		b[i].Sums = [16]int16{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	}
	return b
}

func TestQuantize(t *testing.T) {
	for _, q := range quantizers {
		t.Run(q.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			for _, n := range []int{1, 31, 32, 33, 64, 96, 200, 255, 256, 257, 288, 512, 1000} {
				for _, a := range activations {
					x := make([]float32, n)
					for i := range x {
						x[i] = a.at(i, r)
					}
					got := spoiled((n + 255) / 256)
					q.f(got, x)
					if err := checkBlocks(got, x, q.per, q.inverse); err != nil {
						t.Fatalf("%d values, %s: %v", n, a.name, err)
					}
				}
			}
		})
	}
}

func checkBlocks(got []Block, x []float32, per int, inverse func([]float32) (float32, float32)) error {
	for i := range got {
		var want Block
		rest := x[256*i:]
		rest = rest[:min(len(rest), 256)]
		for from := 0; from < len(rest); from += per {
			part := rest[from:min(from+per, len(rest))]
			m, d := inverse(part)
			want.D[from/32] = d
			for j, v := range part {
				q := int8(max(-127, min(127, math.RoundToEven(float64(m*v)))))
				want.Q[from+j] = q
				want.Sums[(from+j)/16] += int16(q)
			}
		}
		for j := range want.Q {
			if got[i].Q[j] != want.Q[j] {
				return fmt.Errorf("block %d, value %d: %d, want %d", i, j, got[i].Q[j], want.Q[j])
			}
		}
		scales := 8
		if per == 256 {
			scales = 1 // the others are not read
		}
		for j := range scales {
			if got[i].D[j] != want.D[j] {
				return fmt.Errorf("block %d, scale %d: %v, want %v", i, j, got[i].D[j], want.D[j])
			}
		}
		if got[i].Sums != want.Sums {
			return fmt.Errorf("block %d: sums %v, want %v", i, got[i].Sums, want.Sums)
		}
	}
	return nil
}

func TestQuantizeQ8_1(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{32, 64, 224, 256, 288, 512, 992} {
		x := normal(r, n, 3)
		plain, got := alignedBlocks((n+255)/256), spoiled((n+255)/256)
		quantizeQ8_0Generic(plain, x)
		quantizeQ8_1(got, x)
		for i := range got {
			if got[i].D != plain[i].D || got[i].Q != plain[i].Q {
				t.Fatalf("%d values: block %d is not that of FormQ8_0", n, i)
			}
			for j, s := range got[i].scaled() {
				var sum, top float64
				for k := 256*i + 32*j; k < min(n, 256*i+32*j+32); k++ {
					sum += float64(got[i].Q[k%256])
					top = max(top, math.Abs(float64(x[k])))
				}
				want := exactHalf(floatToHalf(float32(top) / 127 * float32(sum)))
				if float64(s) != want {
					t.Fatalf("%d values: block %d has scaled sum %v at %d, want %v", n, i, s, j, want)
				}
			}
		}
	}
}

// Ties go to the even integer: with 127 among the values the scale is 1 and
// the halves are exact.
func TestQuantizeTies(t *testing.T) {
	x := []float32{127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -126.5, 3.4999, 3.5001}
	want := []int8{127, 0, 2, 2, 0, -2, -2, 126, -126, 3, 4}
	for _, q := range quantizers {
		b := alignedBlocks(1)
		q.f(b, x)
		sign := int8(1)
		if b[0].D[0] < 0 {
			sign = -1
		}
		for i, w := range want {
			if got := b[0].Q[i] * sign; got != w {
				t.Errorf("%s: %v becomes %d, want %d", q.name, x[i], got, w)
			}
		}
	}
}

// Values that are no numbers, or too small to scale, must neither panic nor
// leave integers that differ from run to run.
func TestQuantizeHostile(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, q := range quantizers {
		for _, bad := range []float32{nan, -nan, inf, -inf, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, 1e-38, -1e-40} {
			x := make([]float32, 64)
			for i := range x {
				x[i] = float32(i) * 1e-41
			}
			x[7], x[40] = bad, bad
			a, b := alignedBlocks(1), spoiled(1)
			q.f(a, x)
			q.f(b, x)
			if a[0].Q != b[0].Q || a[0].Sums != b[0].Sums {
				t.Errorf("%s: two results for values with %v", q.name, bad)
			}
			finite := bad-bad == 0
			d := float64(a[0].D[0])
			if !finite && !math.IsNaN(d) && !math.IsInf(d, 0) {
				t.Errorf("%s: %v leaves no trace: scale %v", q.name, bad, d)
			}
		}
	}
}

func FuzzQuantize(f *testing.F) {
	f.Add([]byte("\x00\x00\x80\x3f\x00\x00\x00\x40"))
	f.Add([]byte("\x00\x00\xc0\x7f\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		x := make([]float32, min(len(data)/4, 1000))
		if len(x) == 0 {
			return
		}
		tame := true
		for i := range x {
			x[i] = math.Float32frombits(uint32(data[4*i]) | uint32(data[4*i+1])<<8 | uint32(data[4*i+2])<<16 | uint32(data[4*i+3])<<24)
			a := math.Abs(float64(x[i]))
			tame = tame && (a == 0 || a > 1e-35 && a < 1e35)
		}
		for _, q := range quantizers {
			b := alignedBlocks((len(x) + 255) / 256)
			q.f(b, x)
			if !tame {
				continue
			}
			if err := checkBlocks(b, x, q.per, q.inverse); err != nil {
				t.Fatalf("%s: %v", q.name, err)
			}
		}
	})
}
