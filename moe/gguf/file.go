package gguf

import (
	"errors"
	"fmt"
)

// ErrNoKey is wrapped by the error for a key that the file does not have.
var ErrNoKey = errors.New("not in the file")

// File is the header of a GGUF: its metadata and where its tensors lie. It
// holds no tensor data, is not changed after Read and may be shared between
// goroutines. Callers must not change Tensors.
type File struct {
	Version    uint32   // 2 or 3
	Alignment  int64    // of tensor data, in bytes, relative to DataOffset
	DataOffset int64    // where tensor data begins in the file, in bytes
	Tensors    []Tensor // in the order of the file

	keys    []string
	values  map[string]Value
	tensors map[string]int // index in Tensors
}

// Tensor finds a tensor by name.
func (f *File) Tensor(name string) (*Tensor, bool) {
	i, ok := f.tensors[name]
	if !ok {
		return nil, false
	}
	return &f.Tensors[i], true
}

// Keys lists the metadata keys in the order of the file. The slice is the
// caller's.
func (f *File) Keys() []string { return append([]string(nil), f.keys...) }

// Has reports whether the file has key.
func (f *File) Has(key string) bool {
	_, ok := f.values[key]
	return ok
}

// Value is the value of key, of whatever kind.
func (f *File) Value(key string) (Value, bool) {
	v, ok := f.values[key]
	return v, ok
}

// scalar is the value of key, which must not be an array and whose kind must
// satisfy accept; want names such kinds in the error.
func (f *File) scalar(key string, accept func(Kind) bool, want string) (Value, error) {
	v, ok := f.values[key]
	if !ok {
		return Value{}, fmt.Errorf("key %s: %w", quote(key), ErrNoKey)
	}
	if v.kind == Array || !accept(v.kind) {
		return Value{}, fmt.Errorf("key %s: found %s, want %s", quote(key), v.typeName(), want)
	}
	return v, nil
}

// array is like scalar for arrays whose elements' kind satisfies accept.
func (f *File) array(key string, accept func(Kind) bool, want string) (Value, error) {
	v, ok := f.values[key]
	if !ok {
		return Value{}, fmt.Errorf("key %s: %w", quote(key), ErrNoKey)
	}
	if v.kind != Array || !accept(v.elem) {
		return Value{}, fmt.Errorf("key %s: found %s, want array of %s", quote(key), v.typeName(), want)
	}
	return v, nil
}

func isString(k Kind) bool  { return k == String }
func isBool(k Kind) bool    { return k == Bool }
func isInteger(k Kind) bool { return k.integer() }
func isNumber(k Kind) bool  { return k.integer() || k == Float32 || k == Float64 }

// String is the string at key. As with every accessor below, the error names
// the key, and wraps ErrNoKey where it is missing or names the type found and
// the type wanted.
func (f *File) String(key string) (string, error) {
	v, err := f.scalar(key, isString, "string")
	return string(v.raw), err
}

// Bool is the boolean at key.
func (f *File) Bool(key string) (bool, error) {
	v, err := f.scalar(key, isBool, "bool")
	return err == nil && v.raw[0] != 0, err
}

// Uint is the integer at key, of any integer kind, which must not be negative.
func (f *File) Uint(key string) (uint64, error) {
	v, err := f.scalar(key, isInteger, "integer")
	if err != nil {
		return 0, err
	}
	n, ok := v.uintAt(0)
	if !ok {
		return 0, fmt.Errorf("key %s: found %v, want no negative integer", quote(key), v)
	}
	return n, nil
}

// Int is the integer at key, of any integer kind that fits.
func (f *File) Int(key string) (int64, error) {
	v, err := f.scalar(key, isInteger, "integer")
	if err != nil {
		return 0, err
	}
	n, ok := v.intAt(0)
	if !ok {
		return 0, fmt.Errorf("key %s: %v overflows int64", quote(key), v)
	}
	return n, nil
}

// Float is the number at key, floating point or integer, rounded to the nearest
// float64. It may be infinite or not a number if the file says so.
func (f *File) Float(key string) (float64, error) {
	v, err := f.scalar(key, isNumber, "number")
	if err != nil {
		return 0, err
	}
	return v.floatAt(0), nil
}

// Strings is the array of strings at key. It is decoded at each call; the
// strings share one block of memory that lives as long as any of them.
func (f *File) Strings(key string) ([]string, error) {
	v, err := f.array(key, isString, "string")
	if err != nil {
		return nil, err
	}
	return v.strings(), nil
}

// Bools is the array of booleans at key, decoded at each call.
func (f *File) Bools(key string) ([]bool, error) {
	v, err := f.array(key, isBool, "bool")
	if err != nil {
		return nil, err
	}
	out := make([]bool, v.n)
	for i := range out {
		out[i] = v.raw[i] != 0
	}
	return out, nil
}

// Uints is the array of integers at key, of any integer kind, none negative,
// decoded at each call.
func (f *File) Uints(key string) ([]uint64, error) {
	v, err := f.array(key, isInteger, "integer")
	if err != nil {
		return nil, err
	}
	out := make([]uint64, v.n)
	for i := range out {
		n, ok := v.uintAt(i)
		if !ok {
			return nil, fmt.Errorf("key %s: found %d at index %d, want no negative integer", quote(key), int64(n), i)
		}
		out[i] = n
	}
	return out, nil
}

// Ints is the array of integers at key, of any integer kind whose values fit,
// decoded at each call.
func (f *File) Ints(key string) ([]int64, error) {
	v, err := f.array(key, isInteger, "integer")
	if err != nil {
		return nil, err
	}
	out := make([]int64, v.n)
	for i := range out {
		n, ok := v.intAt(i)
		if !ok {
			return nil, fmt.Errorf("key %s: %d at index %d overflows int64", quote(key), uint64(n), i)
		}
		out[i] = n
	}
	return out, nil
}

// Floats is the array of numbers at key, floating point or integer, rounded to
// the nearest float32, decoded at each call.
func (f *File) Floats(key string) ([]float32, error) {
	v, err := f.array(key, isNumber, "number")
	if err != nil {
		return nil, err
	}
	out := make([]float32, v.n)
	for i := range out {
		out[i] = float32(v.floatAt(i))
	}
	return out, nil
}
