package daemon

import (
	"fmt"
	"math"
	"os"

	"moed/moe/gguf"
	"moed/moe/stories"
)

// wholeArray is the longest array that Metadata gives without being asked.
const wholeArray = 64

// Metadata is what the model's file says of itself, as JSON has it: keys as in
// the file; numbers, strings, booleans and arrays of them. Arrays of more than a
// few elements, such as the vocabulary, are nil unless arrays is set, and so are
// numbers that JSON lacks. The file is read anew, but not its weights.
func (m *ModelInfo) Metadata(arrays bool) (map[string]any, error) {
	f, err := m.head()
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	out := make(map[string]any, len(f.Keys()))
	for _, key := range f.Keys() {
		v, _ := f.Value(key)
		switch {
		case v.Kind() != gguf.Array:
			out[key] = scalar(f, key, v.Kind())
		case arrays || v.Len() <= wholeArray:
			out[key] = array(f, key, v.Elem())
		default:
			out[key] = nil
		}
	}
	return out, nil
}

// head is the file without its weights.
func (m *ModelInfo) head() (*gguf.File, error) {
	if m.Path == "" {
		im, err := gguf.FromBytes(stories.GGUF())
		if err != nil {
			return nil, err
		}
		return im.File, nil
	}
	f, err := os.Open(m.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return gguf.Read(f, info.Size())
}

func scalar(f *gguf.File, key string, kind gguf.Kind) any {
	switch kind {
	case gguf.String:
		return known(f.String(key))
	case gguf.Bool:
		return known(f.Bool(key))
	case gguf.Float32, gguf.Float64:
		v, err := f.Float(key)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return v
	case gguf.Uint64:
		return known(f.Uint(key))
	}
	return known(f.Int(key))
}

func array(f *gguf.File, key string, elem gguf.Kind) any {
	switch elem {
	case gguf.String:
		return known(f.Strings(key))
	case gguf.Bool:
		return known(f.Bools(key))
	case gguf.Float32, gguf.Float64:
		list, err := f.Floats(key)
		if err != nil {
			return nil
		}
		out := make([]any, len(list))
		for i, v := range list {
			if x := float64(v); !math.IsNaN(x) && !math.IsInf(x, 0) {
				out[i] = v
			}
		}
		return out
	case gguf.Uint64:
		return known(f.Uints(key))
	}
	return known(f.Ints(key))
}

// known is v, or nil where it could not be read.
func known[T any](v T, err error) any {
	if err != nil {
		return nil
	}
	return v
}
