//go:build !purego

package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
)

// FuzzDot gives both kernels of a type weights of any bytes. One vector alone
// must get the bits it gets among four, and, where the portable code finds a
// number, the assembly must find about the same.
func FuzzDot(f *testing.F) {
	for i := range Supported() {
		f.Add(uint8(i), uint8(3), uint8(2), uint64(i), []byte{1, 0x3c, 0x80, 0x7f, 0xff, 0x12, 0x00})
		f.Add(uint8(i), uint8(9), uint8(1), uint64(i), []byte{0x00, 0x7c})
	}
	f.Fuzz(func(t *testing.T, kind, blocks, rows uint8, seed uint64, data []byte) {
		if len(data) == 0 {
			return
		}
		ty := Supported()[int(kind)%len(Supported())]
		next := 0
		fromData := func(*rand.Rand) byte {
			next++
			return data[(next-1)%len(data)]
		}
		half := func(r *rand.Rand) uint16 { return uint16(fromData(r)) | uint16(fromData(r))<<8 }
		cols := (int(blocks)%12 + 1) * ty.BlockElems()
		p := newProduct(ty, cols, int(rows)%4+1, int(seed%7), 0, fill{"data", fromData, half, data[0]}, int(seed%uint64(len(activations))), rand.New(rand.NewPCG(seed, 1)))
		one, four := p.run(t, kernelFor(ty, cols))
		want, _ := p.run(t, genericKernel(ty))
		for v := range 4 {
			for row := range p.rows {
				a, b, w := one[v][row], four[v][row], want[v][row]
				if math.Float32bits(a) != math.Float32bits(b) && (a == a || b == b) {
					t.Fatalf("%v, %d columns, vector %d, row %d: %v alone, %v among four", ty, cols, v, row, a, b)
				}
				size := p.relative[v][row]
				if !(size < math.MaxFloat32/1024) {
					continue // may overflow in one and not in the other
				}
				limit := size*float64(cols+32)*0x1p-23 + 1e-36
				if !(math.Abs(float64(a)-float64(w)) <= limit) && (a == a || w == w) {
					t.Fatalf("%v, %d columns, vector %d, row %d: %v, portable %v, want within %g", ty, cols, v, row, a, w, limit)
				}
			}
		}
	})
}
