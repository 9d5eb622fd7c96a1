package gguf

import "fmt"

// Kind is the type of a metadata value, with the number that files store.
type Kind uint32

// The kinds of the format. An Array has elements of one other kind; an array of
// arrays is allowed by the format, used by no model, and refused here.
const (
	Uint8   Kind = 0
	Int8    Kind = 1
	Uint16  Kind = 2
	Int16   Kind = 3
	Uint32  Kind = 4
	Int32   Kind = 5
	Float32 Kind = 6
	Bool    Kind = 7
	String  Kind = 8
	Array   Kind = 9
	Uint64  Kind = 10
	Int64   Kind = 11
	Float64 Kind = 12
)

// size is the number of bytes of one value of k, 0 where it varies (String,
// Array) or k is unknown.
func (k Kind) size() int {
	switch k {
	case Uint8, Int8, Bool:
		return 1
	case Uint16, Int16:
		return 2
	case Uint32, Int32, Float32:
		return 4
	case Uint64, Int64, Float64:
		return 8
	}
	return 0
}

// integer reports whether k is one of the eight integer kinds.
func (k Kind) integer() bool {
	switch k {
	case Uint8, Int8, Uint16, Int16, Uint32, Int32, Uint64, Int64:
		return true
	}
	return false
}

// String is the name of k as Go spells the type.
func (k Kind) String() string {
	switch k {
	case Uint8:
		return "uint8"
	case Int8:
		return "int8"
	case Uint16:
		return "uint16"
	case Int16:
		return "int16"
	case Uint32:
		return "uint32"
	case Int32:
		return "int32"
	case Float32:
		return "float32"
	case Bool:
		return "bool"
	case String:
		return "string"
	case Array:
		return "array"
	case Uint64:
		return "uint64"
	case Int64:
		return "int64"
	case Float64:
		return "float64"
	}
	return fmt.Sprintf("kind %d", uint32(k))
}
