package predictor

import (
	"math"
	"math/rand/v2"
	"testing"

	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/kernels"
)

// TestFourBits: a copy is off by half a step, or one where the range ends.
func TestFourBits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	row, got := make([]float32, 96), make([]float32, 96)
	for range 100 {
		for i := range row[:64] { // the last block stays zero
			row[i] = float32(r.NormFloat64())
		}
		data := make([]byte, 3*18)
		storeQ4_0(data, row)
		kernels.Dequantize(got, ggml.Q4_0, data)
		for b := 0; b < len(row); b += 32 {
			most := float32(0)
			for _, x := range row[b : b+32] {
				most = max(most, float32(math.Abs(float64(x))))
			}
			for i := b; i < b+32; i++ {
				off := math.Abs(float64(got[i] - row[i]))
				step := float64(most) / 8 * 1.01
				if off > step || off > step/2 && math.Abs(float64(row[i])) < float64(most)*7/8 {
					t.Fatalf("%v became %v where the largest is %v", row[i], got[i], most)
				}
			}
		}
	}
}

// TestCopies: large models have copies in four bits, small ones in eight.
func TestCopies(t *testing.T) {
	for rows, want := range map[int]ggml.Type{512: ggml.Q8_0, 544: ggml.Q4_0} {
		const cols = 8192
		m, err := kernels.NewMatrix(ggml.F16, rows, cols, make([]byte, rows*cols*2))
		if err != nil {
			t.Fatal(err)
		}
		g, err := newGate([]expert.Gate{{Router: m, Norm: make([]float32, cols), TopK: 2}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.layers[0].router.Type; got != want {
			t.Errorf("%d experts: copies in %v, want %v", rows, got, want)
		}
	}
}
