package gguf

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"moed/moe/ggml"
)

// Tensor says what a tensor is and where its bytes lie in the file.
type Tensor struct {
	Name   string
	Type   ggml.Type
	Dims   []int // 1 to 4, all positive; Dims[0] is the length of a row, in values
	Offset int64 // of the first byte, from the start of the file
	Size   int64 // in bytes
}

// Elems is the number of values, the product of Dims.
func (t *Tensor) Elems() int {
	n := 1
	for _, d := range t.Dims {
		n *= d
	}
	return n
}

// tensorSize is the size in bytes of a tensor of type t and dims, or an error
// that says what is wrong with them.
func tensorSize(t ggml.Type, dims []int) (int64, error) {
	if len(dims) == 0 || len(dims) > maxDims {
		return 0, fmt.Errorf("has %d dimensions, want 1 to %d", len(dims), maxDims)
	}
	elems := uint64(1)
	for i, d := range dims {
		if d <= 0 {
			return 0, fmt.Errorf("dimension %d is %d, want a positive number", i, d)
		}
		hi, lo := bits.Mul64(elems, uint64(d))
		if hi != 0 || lo > math.MaxInt64 {
			return 0, fmt.Errorf("dimensions %v overflow", dims)
		}
		elems = lo
	}
	row, err := t.RowBytes(dims[0])
	if err != nil {
		return 0, err
	}
	hi, lo := bits.Mul64(uint64(row), elems/uint64(dims[0]))
	if hi != 0 || lo > math.MaxInt64 {
		return 0, fmt.Errorf("dimensions %v of %v overflow", dims, t)
	}
	return int64(lo), nil
}

// place turns the relative offset that the file stores for t into an absolute
// one, and checks it against the alignment and the size of the file.
func (t *Tensor) place(relative uint64, f *File, size int64) error {
	if relative%uint64(f.Alignment) != 0 {
		return fmt.Errorf("tensor %s: offset %d is not a multiple of the alignment %d", quote(t.Name), relative, f.Alignment)
	}
	start, carry := bits.Add64(relative, uint64(f.DataOffset), 0)
	if carry != 0 || start > uint64(size) {
		return fmt.Errorf("tensor %s: begins %d bytes into the data at byte %d, file has %d",
			quote(t.Name), relative, f.DataOffset, size)
	}
	t.Offset = int64(start)
	if t.Size > size-t.Offset {
		return fmt.Errorf("tensor %s: ends at byte %d, file has %d", quote(t.Name), start+uint64(t.Size), size)
	}
	return nil
}

// disjoint checks that no two tensors share bytes.
func disjoint(tensors []Tensor) error {
	order := make([]*Tensor, len(tensors))
	for i := range tensors {
		order[i] = &tensors[i]
	}
	slices.SortFunc(order, func(a, b *Tensor) int { return cmp.Compare(a.Offset, b.Offset) })
	for i := 1; i < len(order); i++ {
		a, b := order[i-1], order[i]
		if a.Offset+a.Size > b.Offset {
			return fmt.Errorf("tensor %s: begins at byte %d, inside tensor %s at bytes %d to %d",
				quote(b.Name), b.Offset, quote(a.Name), a.Offset, a.Offset+a.Size)
		}
	}
	return nil
}
