package moetest

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// matrix is rows of cols values.
type matrix struct {
	cols, rows int
	w          []float64
}

func (m matrix) row(i int) []float64 { return m.w[i*m.cols : (i+1)*m.cols] }

// times is the matrix times a vector of cols values.
func (m matrix) times(x []float64) []float64 {
	y := make([]float64, m.rows)
	for i := range y {
		y[i] = dot(m.row(i), x)
	}
	return y
}

// decoder turns the bytes of a tensor into its values.
type decoder func(t *gguf.Tensor, data []byte) ([]float64, error)

func decode(t *gguf.Tensor, data []byte) ([]float64, error) {
	out := make([]float64, t.Elems())
	switch t.Type {
	case ggml.F32:
		for i := range out {
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
		}
	case ggml.F16:
		for i := range out {
			out[i] = unhalf(binary.LittleEndian.Uint16(data[2*i:]))
		}
	case ggml.Q8_0:
		for i := range out {
			block := data[i/32*34:]
			out[i] = unhalf(binary.LittleEndian.Uint16(block)) * float64(int8(block[2+i%32]))
		}
	default:
		return nil, fmt.Errorf("tensor %s: found %v, want F32, F16 or Q8_0", t.Name, t.Type)
	}
	return out, nil
}

// tensors reads tensors of a file and keeps the first error, after which all
// results are meaningless.
type tensors struct {
	f      *gguf.Image
	decode decoder
	used   map[string]bool
	err    error
}

func (t *tensors) has(name string) bool {
	_, ok := t.f.Tensor(name)
	return ok
}

// values reads a tensor of the given dimensions, of which one that is 0 is free,
// and returns them as found.
func (t *tensors) values(name string, dims ...int) ([]float64, []int) {
	tensor, ok := t.f.Tensor(name)
	if !ok {
		t.fail(fmt.Errorf("tensor %s: not in the file", name))
		return nil, dims
	}
	want := slices.Clone(dims)
	for i := range want {
		if want[i] == 0 && i < len(tensor.Dims) {
			want[i] = tensor.Dims[i]
		}
	}
	if !slices.Equal(tensor.Dims, want) {
		t.fail(fmt.Errorf("tensor %s: found dimensions %v, want %v", name, tensor.Dims, dims))
		return nil, dims
	}
	v, err := t.decode(tensor, t.f.Data(tensor))
	t.fail(err)
	t.used[name] = true
	return v, want
}

func (t *tensors) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *tensors) vector(name string, n int) []float64 {
	v, _ := t.values(name, n)
	return v
}

// optional is the vector, or nil where the file has none.
func (t *tensors) optional(name string, n int) []float64 {
	if !t.has(name) {
		return nil
	}
	return t.vector(name, n)
}

func (t *tensors) matrix(name string, cols, rows int) matrix {
	v, dims := t.values(name, cols, rows)
	return matrix{dims[0], dims[1], v}
}

// matrices reads a stack of matrices, one per expert or head.
func (t *tensors) matrices(name string, cols, rows, n int) []matrix {
	v, dims := t.values(name, cols, rows, n)
	if v == nil {
		return nil
	}
	out := make([]matrix, n)
	size := dims[0] * dims[1]
	for i := range out {
		out[i] = matrix{dims[0], dims[1], v[i*size : (i+1)*size]}
	}
	return out
}

// biases reads a vector per expert, or as many nils.
func (t *tensors) biases(name string, width, n int) [][]float64 {
	out := make([][]float64, n)
	if !t.has(name) {
		return out
	}
	v, _ := t.values(name, width, n)
	for i := range out {
		if v != nil {
			out[i] = v[i*width : (i+1)*width]
		}
	}
	return out
}

// unused reports a tensor that nobody read. Layers from the given one on predict
// further tokens and are not part of the model proper.
func (t *tensors) unused(layers int) error {
	for i := range t.f.Tensors {
		name := t.f.Tensors[i].Name
		var layer int
		_, err := fmt.Sscanf(name, "blk.%d.", &layer)
		further := strings.HasPrefix(name, "blk.") && err == nil && layer >= layers
		if !t.used[name] && !further {
			return fmt.Errorf("tensor %s: no use for it", name)
		}
	}
	return nil
}
