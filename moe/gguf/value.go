package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// Value is one metadata value of a File, still encoded. It stays valid as long
// as it is referenced, also after the Image it came from is closed.
type Value struct {
	kind Kind   // of the value
	elem Kind   // of its elements; equal to kind where it is not an array
	n    int    // elements; 1 where it is not an array
	raw  []byte // packed elements; in an array, each string behind its length
}

// Kind is the type of the value.
func (v Value) Kind() Kind { return v.kind }

// Elem is the type of an array's elements; of any other value, its Kind.
func (v Value) Elem() Kind { return v.elem }

// Len is the number of an array's elements, 1 for any other value.
func (v Value) Len() int { return v.n }

// typeName describes the type for messages: "uint32", "array of string".
func (v Value) typeName() string {
	if v.kind == Array {
		return "array of " + v.elem.String()
	}
	return v.kind.String()
}

// String is the value for people: a scalar as Go prints it, a string as it is,
// an array as its type and length, such as "[151936]string".
func (v Value) String() string {
	switch {
	case v.kind == Array:
		return fmt.Sprintf("[%d]%v", v.n, v.elem)
	case v.kind == String:
		return string(v.raw)
	case v.kind == Bool:
		return strconv.FormatBool(v.raw[0] != 0)
	case v.kind == Float32:
		return strconv.FormatFloat(v.floatAt(0), 'g', -1, 32)
	case v.kind == Float64:
		return strconv.FormatFloat(v.floatAt(0), 'g', -1, 64)
	}
	if i, ok := v.intAt(0); ok {
		return strconv.FormatInt(i, 10)
	}
	return strconv.FormatUint(v.bitsAt(0), 10)
}

// bitsAt is element i, of a kind with a fixed size, as the file stores it.
func (v Value) bitsAt(i int) uint64 {
	switch v.elem.size() {
	case 1:
		return uint64(v.raw[i])
	case 2:
		return uint64(binary.LittleEndian.Uint16(v.raw[2*i:]))
	case 4:
		return uint64(binary.LittleEndian.Uint32(v.raw[4*i:]))
	}
	return binary.LittleEndian.Uint64(v.raw[8*i:])
}

// intAt is element i of an integer value; ok is false above math.MaxInt64.
func (v Value) intAt(i int) (n int64, ok bool) {
	bits := v.bitsAt(i)
	switch v.elem {
	case Int8:
		return int64(int8(bits)), true
	case Int16:
		return int64(int16(bits)), true
	case Int32:
		return int64(int32(bits)), true
	case Uint64:
		return int64(bits), bits <= math.MaxInt64
	}
	return int64(bits), true
}

// uintAt is element i of an integer value; ok is false where it is negative.
func (v Value) uintAt(i int) (n uint64, ok bool) {
	if v.elem == Uint64 {
		return v.bitsAt(i), true
	}
	s, _ := v.intAt(i)
	return uint64(s), s >= 0
}

// floatAt is element i of an integer or floating point value, rounded to the
// nearest float64.
func (v Value) floatAt(i int) float64 {
	switch v.elem {
	case Float32:
		return float64(math.Float32frombits(uint32(v.bitsAt(i))))
	case Float64:
		return math.Float64frombits(v.bitsAt(i))
	case Uint64:
		return float64(v.bitsAt(i))
	}
	s, _ := v.intAt(i)
	return float64(s)
}

// strings decodes an array of strings. They are slices of one copy of the
// array's bytes, so that a large vocabulary costs two allocations.
func (v Value) strings() []string {
	all := string(v.raw)
	out := make([]string, v.n)
	for i, at := 0, 0; i < v.n; i++ {
		n := int(binary.LittleEndian.Uint64(v.raw[at:]))
		at += 8
		out[i] = all[at : at+n]
		at += n
	}
	return out
}
