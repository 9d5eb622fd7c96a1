package moetest

import (
	"encoding/binary"
	"io"
	"math"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// setter and adder give a gguf.Writer keys and tensors and keep the first error.
type setter struct {
	w   *gguf.Writer
	err error
}

func (s *setter) set(key string, v any) {
	if s.err == nil {
		s.err = s.w.Set(key, v)
	}
}

func (s *setter) size(key string, n int) { s.set(key, uint32(n)) }

type adder struct {
	w   *gguf.Writer
	err error
}

func (a *adder) add(name string, typ ggml.Type, dims []int, data func(io.Writer) error) {
	if a.err == nil {
		a.err = a.w.Add(name, typ, dims, data)
	}
}

// Types of tokens.
const (
	tokenNormal  = 1
	tokenControl = 3
	tokenUser    = 4
)

// byteTokens are the 256 bytes in order as byte-level BPE spells them: a printable
// Latin-1 byte as its character, any other as the next character from U+0100 on.
func byteTokens() []string {
	out := make([]string, 256)
	next := rune(256)
	for b := range out {
		switch {
		case '!' <= b && b <= '~', '¡' <= b && b <= '¬', '®' <= b && b <= 'ÿ':
			out[b] = string(rune(b))
		default:
			out[b] = string(next)
			next++
		}
	}
	return out
}

func encodeF32(w []float32) []byte {
	b := make([]byte, 0, 4*len(w))
	for _, v := range w {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func encodeF16(w []float32) []byte {
	b := make([]byte, 0, 2*len(w))
	for _, v := range w {
		b = binary.LittleEndian.AppendUint16(b, half(float64(v)))
	}
	return b
}

// quantizeQ8 encodes w, a multiple of 32 values, as Q8_0: per 32 values a half
// precision scale, then their quotients by it as signed bytes.
func quantizeQ8(w []float32) []byte {
	out := make([]byte, 0, len(w)/32*34)
	for ; len(w) > 0; w = w[32:] {
		var most float32
		for _, v := range w[:32] {
			most = max(most, v, -v)
		}
		d := half(float64(most / 127))
		out = binary.LittleEndian.AppendUint16(out, d)
		scale := float32(unhalf(d))
		for _, v := range w[:32] {
			q := 0.0
			if scale > 0 {
				q = math.RoundToEven(float64(v / scale))
			}
			out = append(out, byte(int8(max(-127, min(127, q)))))
		}
	}
	return out
}
