// Package ggml names the element types a GGUF tensor can have, with the
// geometry of their blocks. It is vocabulary only: how values are packed in a
// block, and arithmetic on them, is in package kernels.
package ggml

import (
	"fmt"
	"math/bits"
)

// Type is a ggml element type, with the number that GGUF files store.
type Type uint32

// The types that ggml defines today. A file may hold any of them; package
// kernels computes with a part of them and says so.
const (
	F32     Type = 0
	F16     Type = 1
	Q4_0    Type = 2
	Q4_1    Type = 3
	Q5_0    Type = 6
	Q5_1    Type = 7
	Q8_0    Type = 8
	Q8_1    Type = 9
	Q2_K    Type = 10
	Q3_K    Type = 11
	Q4_K    Type = 12
	Q5_K    Type = 13
	Q6_K    Type = 14
	Q8_K    Type = 15
	IQ2_XXS Type = 16
	IQ2_XS  Type = 17
	IQ3_XXS Type = 18
	IQ1_S   Type = 19
	IQ4_NL  Type = 20
	IQ3_S   Type = 21
	IQ2_S   Type = 22
	IQ4_XS  Type = 23
	I8      Type = 24
	I16     Type = 25
	I32     Type = 26
	I64     Type = 27
	F64     Type = 28
	IQ1_M   Type = 29
	BF16    Type = 30
	TQ1_0   Type = 34
	TQ2_0   Type = 35
	MXFP4   Type = 39
)

// geometry is how a type packs: elems values in bytes bytes.
type geometry struct {
	name         string
	elems, bytes int
}

func (t Type) geometry() geometry {
	switch t {
	case F32:
		return geometry{"F32", 1, 4}
	case F16:
		return geometry{"F16", 1, 2}
	case Q4_0:
		return geometry{"Q4_0", 32, 18}
	case Q4_1:
		return geometry{"Q4_1", 32, 20}
	case Q5_0:
		return geometry{"Q5_0", 32, 22}
	case Q5_1:
		return geometry{"Q5_1", 32, 24}
	case Q8_0:
		return geometry{"Q8_0", 32, 34}
	case Q8_1:
		return geometry{"Q8_1", 32, 36}
	case Q2_K:
		return geometry{"Q2_K", 256, 84}
	case Q3_K:
		return geometry{"Q3_K", 256, 110}
	case Q4_K:
		return geometry{"Q4_K", 256, 144}
	case Q5_K:
		return geometry{"Q5_K", 256, 176}
	case Q6_K:
		return geometry{"Q6_K", 256, 210}
	case Q8_K:
		return geometry{"Q8_K", 256, 292}
	case IQ2_XXS:
		return geometry{"IQ2_XXS", 256, 66}
	case IQ2_XS:
		return geometry{"IQ2_XS", 256, 74}
	case IQ3_XXS:
		return geometry{"IQ3_XXS", 256, 98}
	case IQ1_S:
		return geometry{"IQ1_S", 256, 50}
	case IQ4_NL:
		return geometry{"IQ4_NL", 32, 18}
	case IQ3_S:
		return geometry{"IQ3_S", 256, 110}
	case IQ2_S:
		return geometry{"IQ2_S", 256, 82}
	case IQ4_XS:
		return geometry{"IQ4_XS", 256, 136}
	case I8:
		return geometry{"I8", 1, 1}
	case I16:
		return geometry{"I16", 1, 2}
	case I32:
		return geometry{"I32", 1, 4}
	case I64:
		return geometry{"I64", 1, 8}
	case F64:
		return geometry{"F64", 1, 8}
	case IQ1_M:
		return geometry{"IQ1_M", 256, 56}
	case BF16:
		return geometry{"BF16", 1, 2}
	case TQ1_0:
		return geometry{"TQ1_0", 256, 54}
	case TQ2_0:
		return geometry{"TQ2_0", 256, 66}
	case MXFP4:
		return geometry{"MXFP4", 32, 17}
	}
	return geometry{}
}

// Known reports whether ggml defines t.
func (t Type) Known() bool { return t.geometry().elems != 0 }

// BlockElems is the number of values in one block of t, 0 if t is unknown.
func (t Type) BlockElems() int { return t.geometry().elems }

// BlockBytes is the size of one block of t in bytes, 0 if t is unknown.
func (t Type) BlockBytes() int { return t.geometry().bytes }

// String gives ggml's name of t, or its number.
func (t Type) String() string {
	if g := t.geometry(); g.elems != 0 {
		return g.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// RowBytes is the size of a row of n values of type t. It fails where t is
// unknown, n is not a whole number of blocks, or the size overflows an int.
func (t Type) RowBytes(n int) (int, error) {
	g := t.geometry()
	switch {
	case g.elems == 0:
		return 0, fmt.Errorf("unknown tensor %v", t)
	case n < 0 || n%g.elems != 0:
		return 0, fmt.Errorf("row of %d values is not a multiple of %v's block of %d", n, t, g.elems)
	}
	hi, lo := bits.Mul64(uint64(n/g.elems), uint64(g.bytes))
	if hi != 0 || lo > 1<<62 {
		return 0, fmt.Errorf("row of %d values of %v overflows", n, t)
	}
	return int(lo), nil
}
