package kernels

import (
	"math"
	"math/rand/v2"
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"

	"moed/moe/ggml"
)

// guarded is a copy of b that ends where unreadable memory begins, as the last
// tensor of a mapped file can.
func guarded(t *testing.T, b []byte) []byte {
	t.Helper()
	page := syscall.Getpagesize()
	size := (len(b) + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(m[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	out := m[size-len(b) : size : size]
	copy(out, b)
	return out
}

func TestDotStaysInside(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	eachKernel(t, func(t *testing.T, ty ggml.Type, pick func(int) kernel) {
		r := rand.New(rand.NewPCG(8, uint64(ty)))
		for _, cols := range colsOf(ty) {
			for rows := 1; rows <= 5; rows++ {
				p := newProduct(ty, cols, rows, 0, 0, fills[0], 0, r)
				p.w = guarded(t, p.w)
				if ty.BlockElems() == 1 {
					f := p.x.f32
					b := guarded(t, unsafe.Slice((*byte)(unsafe.Pointer(&f[0])), 4*len(f)))
					p.x.f32 = unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(f))
				}
				p.check(t, pick(cols))
			}
		}
	})
}

func TestAccumulateStaysInside(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, c := range caches {
		for _, cols := range c.cols {
			v := guarded(t, make([]byte, 3*rowBytes(c.t, cols)))
			dst := make([]float32, cols)
			c.accumulate(dst, v, rowBytes(c.t, cols), []float32{1, 2, 3})
			for i, x := range dst {
				if math.Float32bits(x) != 0 {
					t.Fatalf("%v: value %d of %d is %v, want 0", c.t, i, cols, x)
				}
			}
		}
	}
}
