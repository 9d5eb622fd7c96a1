package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"moed/moe/ggml"
)

// BenchmarkDot multiplies 256 rows of 2048 values: the same matrix again and
// again (hot), or the next of a set that no cache holds (dram). Bytes are those
// of weights read; with two or four vectors as many times the work is done on them.
func BenchmarkDot(b *testing.B) {
	const rows, cols = 256, 2048
	for _, t := range Supported() {
		set := benchmarkSet(t, cols, 96<<20)
		for _, k := range []struct {
			name string
			kernel
		}{{"generic", genericKernel(t)}, {"chosen", kernelFor(t, cols)}} {
			for _, place := range []struct {
				name string
				size int
			}{{"hot", 1}, {"dram", len(set)}} {
				for _, vectors := range []string{"one", "two", "four"} {
					if vectors == "two" && k.two == nil {
						continue
					}
					b.Run(fmt.Sprintf("%v/%s/%s/%s", t, k.name, place.name, vectors), func(b *testing.B) {
						benchmarkDot(b, t, k.kernel, vectors, rows, cols, set[:min(place.size, len(set))])
					})
				}
			}
		}
	}
}

func benchmarkDot(b *testing.B, t ggml.Type, k kernel, way string, rows, cols int, set []byte) {
	form, _ := FormOf(t)
	x := NewVectors(cols, 4, form)
	r := rand.New(rand.NewPCG(1, 1))
	var dst, vectors [4]unsafe.Pointer
	for v := range 4 {
		copy(x.Row(v), normal(r, cols, 1))
		x.Quantize(v)
		dst[v], vectors[v] = unsafe.Pointer(unsafe.SliceData(make([]float32, rows))), x.pointer(form, v)
	}
	stride := rowBytes(t, cols)
	matrix, at := rows*stride, 0
	if len(set) < matrix {
		set = benchmarkSet(t, cols, matrix)
	}
	b.SetBytes(int64(matrix))
	for b.Loop() {
		w := unsafe.Pointer(&set[at])
		switch way {
		case "one":
			k.one(dst[0], w, stride, rows, cols, vectors[0])
		case "two":
			k.two(&dst, w, stride, rows, cols, &vectors)
		case "four":
			k.four(&dst, w, stride, rows, cols, &vectors)
		}
		if at += matrix; at+matrix > len(set) {
			at = 0
		}
	}
}

// benchmarkSet is at least size bytes of rows: one made row, repeated.
func benchmarkSet(t ggml.Type, cols, size int) []byte {
	row := fills[0].row(t, cols/t.BlockElems(), rand.New(rand.NewPCG(1, 1)))
	set := make([]byte, 0, size+len(row))
	for len(set) < size {
		set = append(set, row...)
	}
	return set
}
