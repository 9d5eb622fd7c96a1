package gguf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// valueOf encodes a Go value; see Writer.Set for the types.
func valueOf(v any) (Value, error) {
	switch v := v.(type) {
	case Value:
		if v.raw == nil {
			return Value{}, fmt.Errorf("value is of no file")
		}
		return v, nil
	case string:
		return Value{String, String, 1, []byte(v)}, nil
	case uint8:
		return scalar(Uint8, v, bits8), nil
	case int8:
		return scalar(Int8, v, bits8), nil
	case uint16:
		return scalar(Uint16, v, bits16), nil
	case int16:
		return scalar(Int16, v, bits16), nil
	case uint32:
		return scalar(Uint32, v, bits32), nil
	case int32:
		return scalar(Int32, v, bits32), nil
	case uint64:
		return scalar(Uint64, v, bits64), nil
	case int64:
		return scalar(Int64, v, bits64), nil
	case float32:
		return scalar(Float32, v, float32Bits), nil
	case float64:
		return scalar(Float64, v, float64Bits), nil
	case bool:
		return scalar(Bool, v, boolBits), nil
	}
	return arrayOf(v)
}

func arrayOf(v any) (Value, error) {
	switch v := v.(type) {
	case []string:
		return array(String, v, appendString), nil
	case []uint8:
		return array(Uint8, v, bits8), nil
	case []int8:
		return array(Int8, v, bits8), nil
	case []uint16:
		return array(Uint16, v, bits16), nil
	case []int16:
		return array(Int16, v, bits16), nil
	case []uint32:
		return array(Uint32, v, bits32), nil
	case []int32:
		return array(Int32, v, bits32), nil
	case []uint64:
		return array(Uint64, v, bits64), nil
	case []int64:
		return array(Int64, v, bits64), nil
	case []float32:
		return array(Float32, v, float32Bits), nil
	case []float64:
		return array(Float64, v, float64Bits), nil
	case []bool:
		return array(Bool, v, boolBits), nil
	}
	return Value{}, fmt.Errorf("found Go type %T, want one that a GGUF can hold", v)
}

func scalar[T any](k Kind, v T, appendTo func([]byte, T) []byte) Value {
	return Value{k, k, 1, appendTo(nil, v)}
}

func array[T any](k Kind, vs []T, appendTo func([]byte, T) []byte) Value {
	least := k.size()
	if k == String {
		least = 8
	}
	raw := make([]byte, 0, len(vs)*least)
	for _, v := range vs {
		raw = appendTo(raw, v)
	}
	return Value{Array, k, len(vs), raw}
}

func bits8[T uint8 | int8](b []byte, v T) []byte { return append(b, byte(v)) }

func bits16[T uint16 | int16](b []byte, v T) []byte {
	return binary.LittleEndian.AppendUint16(b, uint16(v))
}

func bits32[T uint32 | int32](b []byte, v T) []byte {
	return binary.LittleEndian.AppendUint32(b, uint32(v))
}

func bits64[T uint64 | int64](b []byte, v T) []byte {
	return binary.LittleEndian.AppendUint64(b, uint64(v))
}

func float32Bits(b []byte, v float32) []byte { return bits32(b, math.Float32bits(v)) }

func float64Bits(b []byte, v float64) []byte { return bits64(b, math.Float64bits(v)) }

func boolBits(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendString(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(len(s)))
	return append(b, s...)
}
