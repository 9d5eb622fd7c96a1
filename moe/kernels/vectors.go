package kernels

import (
	"unsafe"
)

// Block is 256 activations as 8-bit integers. All quantised forms use it, so
// that one pointer walks a whole vector: FormQ8_0 and FormQ8_1 have a scale per
// 32 values in D, FormQ8_K one scale for all in D[0]. Sums[i] is the sum of
// Q[16i:16i+16], for the formats whose weights have an offset; FormQ8_1 has
// scaled sums there. Blocks are 32-byte aligned.
// A vector whose length is not a multiple of 256 ends in a block whose tail is
// zero; kernels for blocks of 32 stop at the true length.
type Block struct {
	D    [8]float32
	Q    [256]int8
	Sums [16]int16
}

// scaled is what FormQ8_1 has in place of Sums: for each 32 values their scale
// times their sum, rounded through a half.
func (b *Block) scaled() *[8]float32 { return (*[8]float32)(unsafe.Pointer(&b.Sums)) }

const blockBytes = int(unsafe.Sizeof(Block{})) // 320

// Vectors is a batch of up to Cap activation vectors of Cols values in the
// forms asked for. Its memory is allocated once.
type Vectors struct {
	Cols, Cap int
	blocks    int               // blocks of 256 per vector
	f32       []float32         // [Cap][Cols]
	q         [numForms][]Block // [Cap][blocks], nil where the form was not asked for
}

// NewVectors allocates a batch that can be held in each of forms. FormF32 is
// always held: it is what the other forms are quantised from.
func NewVectors(cols, capacity int, forms ...Form) *Vectors {
	v := &Vectors{Cols: cols, Cap: capacity, blocks: (cols + 255) / 256, f32: alignedFloats(cols * capacity)}
	for _, f := range forms {
		if f != FormF32 && v.q[f] == nil {
			v.q[f] = alignedBlocks(v.blocks * capacity)
		}
	}
	return v
}

// Row is vector i as float32, to be filled by the caller.
func (v *Vectors) Row(i int) []float32 { return v.f32[i*v.Cols : (i+1)*v.Cols : (i+1)*v.Cols] }

// Floats is all of the vectors as float32, [Cap][Cols], one behind the other.
func (v *Vectors) Floats() []float32 { return v.f32 }

// Quantize brings vector i into every quantised form that v holds, from Row(i).
func (v *Vectors) Quantize(i int) {
	if v.q[FormQ8_0] != nil {
		quantizeQ8_0(v.row(FormQ8_0, i), v.Row(i))
	}
	if v.q[FormQ8_1] != nil {
		quantizeQ8_1(v.row(FormQ8_1, i), v.Row(i))
	}
	if v.q[FormQ8_K] != nil {
		quantizeQ8_K(v.row(FormQ8_K, i), v.Row(i))
	}
}

// Bytes is the memory that v holds.
func (v *Vectors) Bytes() int {
	n := len(v.f32) * 4
	for _, q := range v.q {
		n += len(q) * blockBytes
	}
	return n
}

func (v *Vectors) row(f Form, i int) []Block { return v.q[f][i*v.blocks : (i+1)*v.blocks] }

// pointer is where kernels find vector i in form f.
func (v *Vectors) pointer(f Form, i int) unsafe.Pointer {
	if f == FormF32 {
		return unsafe.Pointer(&v.f32[i*v.Cols])
	}
	return unsafe.Pointer(&v.q[f][i*v.blocks])
}

// alignedFloats is n zeroes at an address that is a multiple of 32.
func alignedFloats(n int) []float32 {
	if n == 0 {
		return nil
	}
	b := make([]float32, n+8)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) & 31 / 4)
	return b[skip : skip+n : skip+n]
}

// alignedBlocks is n zero blocks at an address that is a multiple of 32.
func alignedBlocks(n int) []Block {
	if n == 0 {
		return nil
	}
	f := alignedFloats(n * blockBytes / 4)
	return unsafe.Slice((*Block)(unsafe.Pointer(&f[0])), n)
}
