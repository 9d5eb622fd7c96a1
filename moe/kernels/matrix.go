package kernels

import (
	"fmt"

	"moed/moe/ggml"
)

// Matrix is a view of weights: Rows rows of Cols values of one type, Stride
// bytes apart. It does not own Data, which must outlive it.
type Matrix struct {
	Type       ggml.Type
	Rows, Cols int
	Stride     int // bytes from one row to the next
	Data       []byte
}

// NewMatrix checks the shape against the data and returns the view.
func NewMatrix(t ggml.Type, rows, cols int, data []byte) (Matrix, error) {
	if rows <= 0 || cols <= 0 {
		return Matrix{}, fmt.Errorf("matrix of %d × %d values", rows, cols)
	}
	if _, ok := FormOf(t); !ok {
		return Matrix{}, fmt.Errorf("no kernel for %v (there are kernels for %v)", t, Supported())
	}
	stride, err := t.RowBytes(cols)
	if err != nil {
		return Matrix{}, err
	}
	if len(data)/rows < stride {
		return Matrix{}, fmt.Errorf("matrix of %d × %d %v wants %d × %d bytes, found %d", rows, cols, t, rows, stride, len(data))
	}
	return Matrix{Type: t, Rows: rows, Cols: cols, Stride: stride, Data: data[: rows*stride : rows*stride]}, nil
}

// Form is how activations are held for a product.
type Form uint8

const (
	FormF32  Form = iota // float32, for F32, F16 and BF16 weights
	FormQ8_0             // int8 with a scale per 32, for the types with blocks of 32
	FormQ8_1             // the same with scaled sums, for Q4_1 and Q5_1
	FormQ8_K             // int8 with a scale per 256, for the K types and IQ4_XS
	numForms
)

// FormOf is the form of activations that weights of type t are multiplied
// with; ok is false where there is no kernel for t.
func FormOf(t ggml.Type) (f Form, ok bool) {
	switch t {
	case ggml.F32, ggml.F16, ggml.BF16:
		return FormF32, true
	case ggml.Q8_0, ggml.Q4_0, ggml.Q5_0, ggml.IQ4_NL, ggml.MXFP4:
		return FormQ8_0, true
	case ggml.Q4_1, ggml.Q5_1:
		return FormQ8_1, true
	case ggml.Q2_K, ggml.Q3_K, ggml.Q4_K, ggml.Q5_K, ggml.Q6_K, ggml.IQ4_XS:
		return FormQ8_K, true
	}
	return 0, false
}

// Supported lists the types that have kernels.
func Supported() []ggml.Type {
	return []ggml.Type{
		ggml.F32, ggml.F16, ggml.BF16,
		ggml.Q8_0, ggml.Q4_0, ggml.Q4_1, ggml.Q5_0, ggml.Q5_1, ggml.IQ4_NL, ggml.MXFP4,
		ggml.Q2_K, ggml.Q3_K, ggml.Q4_K, ggml.Q5_K, ggml.Q6_K, ggml.IQ4_XS,
	}
}
