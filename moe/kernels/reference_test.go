package kernels

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"moed/moe/ggml"
)

// element gives value i of the block b straight from the layout, one element
// at a time, and a bound on the size of the parts it may be computed from
// (kernels may handle an offset apart from the rest).
func element(t ggml.Type, b []byte, i int) (v, size float64) {
	half := func(at int) float64 { return exactHalf(binary.LittleEndian.Uint16(b[at:])) }
	nibble := func(at int) float64 { return float64(b[at+i%16] >> (i / 16 * 4) & 15) }
	offset := func(d, q, off float64) (float64, float64) { return d * (q - off), math.Abs(d) * (q + off) }
	bit := func(at, n int) int { return int(b[at+n/8] >> (n % 8) & 1) }
	switch t {
	case ggml.F32:
		v = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case ggml.F16:
		v = half(0)
	case ggml.BF16:
		v = float64(math.Float32frombits(uint32(b[0])<<16 | uint32(b[1])<<24))
	case ggml.Q8_0:
		v = half(0) * float64(int8(b[2+i]))
	case ggml.Q4_0:
		return offset(half(0), nibble(2), 8)
	case ggml.Q5_0:
		return offset(half(0), nibble(6)+16*float64(bit(2, i)), 16)
	case ggml.Q4_1:
		v, m := half(0)*nibble(4), half(2)
		return v + m, math.Abs(v) + math.Abs(m)
	case ggml.Q5_1:
		v, m := half(0)*(nibble(8)+16*float64(bit(4, i))), half(2)
		return v + m, math.Abs(v) + math.Abs(m)
	case ggml.IQ4_NL:
		v = half(0) * iq4Levels[int(nibble(2))]
	case ggml.MXFP4:
		code := int(nibble(1))
		e2m1 := []float64{0, 0.5, 1, 1.5, 2, 3, 4, 6}[code&7]
		if code > 7 {
			e2m1 = -e2m1
		}
		v = math.Ldexp(e2m1, int(b[0])-127)
	default:
		return elementK(t, b, i)
	}
	return v, math.Abs(v)
}

// elementK is element for the blocks of 256.
func elementK(t ggml.Type, b []byte, i int) (v, size float64) {
	half := func(at int) float64 { return exactHalf(binary.LittleEndian.Uint16(b[at:])) }
	h, f, l := i/128, i%128/32, i%32
	switch t {
	case ggml.Q2_K:
		s, q := b[i/16], b[16+32*h+l]>>(2*f)&3
		v, m := half(80)*float64(s&15)*float64(q), half(82)*float64(s>>4)
		return v - m, math.Abs(v) + math.Abs(m)
	case ggml.Q3_K:
		j := i / 16
		low := b[96+j%8] >> (j / 8 * 4)
		s := float64(int(low&15)+int(b[104+j%4]>>(2*(j/4))&3)*16) - 32
		q := float64(b[32+32*h+l]>>(2*f)&3) + 4*float64(b[l]>>(4*h+f)&1)
		return half(108) * s * (q - 4), math.Abs(half(108)*s) * (q + 4)
	case ggml.Q4_K, ggml.Q5_K:
		j, c := i/32, b[4:16]
		s, m := c[j%4]&63, c[j%4+4]&63
		if j >= 4 {
			s, m = c[j+4]&15+c[j-4]>>6*16, c[j+4]>>4+c[j]>>6*16
		}
		at := 16
		if t == ggml.Q5_K {
			at = 48
		}
		q := int(b[at+i/64*32+l] >> (j % 2 * 4) & 15)
		if t == ggml.Q5_K {
			q += 16 * int(b[16+l]>>j&1)
		}
		v, off := half(0)*float64(s)*float64(q), half(2)*float64(m)
		return v - off, math.Abs(v) + math.Abs(off)
	case ggml.Q6_K:
		low := b[64*h+32*(f%2)+l] >> (f / 2 * 4) & 15
		q := float64(low) + 16*float64(b[128+32*h+l]>>(2*f)&3)
		d := half(208) * float64(int8(b[192+i/16]))
		return d * (q - 32), math.Abs(d) * (q + 32)
	case ggml.IQ4_XS:
		j := i / 32
		s := int(b[4+j/2]>>(j%2*4)&15) + int(binary.LittleEndian.Uint16(b[2:])>>(2*j)&3)*16 - 32
		q := iq4Levels[b[8+16*j+i%16]>>(i%32/16*4)&15]
		v := half(0) * float64(s) * q
		return v, math.Abs(v)
	}
	panic("no reference for " + t.String())
}

// iq4Levels are IQ4_NL's levels again, so that a slip in the kernels' table shows.
var iq4Levels = [16]float64{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// exactHalf is the value of a half by definition.
func exactHalf(h uint16) float64 {
	m, e := float64(h&0x3ff), int(h>>10&31)
	v := math.Ldexp(m+1024, e-25)
	switch {
	case e == 0:
		v = math.Ldexp(m, -24)
	case e == 31 && m == 0:
		v = math.Inf(1)
	case e == 31:
		v = math.NaN()
	}
	return math.Copysign(v, 0.5-float64(h>>15))
}

// halvesAt is where a block of t has its scales as halves.
func halvesAt(t ggml.Type) []int {
	switch t {
	case ggml.Q2_K:
		return []int{80, 82}
	case ggml.Q3_K:
		return []int{108}
	case ggml.Q4_1, ggml.Q5_1, ggml.Q4_K, ggml.Q5_K:
		return []int{0, 2}
	case ggml.Q6_K:
		return []int{208}
	case ggml.F16, ggml.Q8_0, ggml.Q4_0, ggml.Q5_0, ggml.IQ4_NL, ggml.IQ4_XS:
		return []int{0}
	}
	return nil
}

// fill is a way to make weights: the bytes of blocks, and their scales.
type fill struct {
	name  string
	bytes func(r *rand.Rand) byte
	half  func(r *rand.Rand) uint16
	power byte // MXFP4's scale
}

func anyByte(r *rand.Rand) byte               { return byte(r.Uint32()) }
func sameByte(b byte) func(r *rand.Rand) byte { return func(*rand.Rand) byte { return b } }
func sameHalf(h uint16) func(r *rand.Rand) uint16 {
	return func(*rand.Rand) uint16 { return h }
}
func anyHalf(r *rand.Rand) uint16 { return floatToHalf(float32(r.NormFloat64() * 0.01)) }

// fills are finite weights: usual ones and the corners.
var fills = []fill{
	{"random", anyByte, anyHalf, 120},
	{"low", sameByte(0), sameHalf(0x3c00), 127},
	{"high", sameByte(0xff), sameHalf(0x3c00), 127},
	{"top bits", sameByte(0x80), sameHalf(0xbc00), 127},
	{"positive", sameByte(0x7f), sameHalf(0x3c00), 127},
	{"scale 0", anyByte, sameHalf(0), 0},
	{"scale -0", anyByte, sameHalf(0x8000), 0},
	{"scale subnormal", anyByte, sameHalf(1), 1},
	{"scale largest", anyByte, sameHalf(0x7bff), 200},
}

// row packs blocks of t.
func (f fill) row(t ggml.Type, blocks int, r *rand.Rand) []byte {
	size := t.BlockBytes()
	row := make([]byte, blocks*size)
	for i := range row {
		row[i] = f.bytes(r)
	}
	for b := range blocks {
		block := row[b*size:][:size]
		for _, at := range halvesAt(t) {
			binary.LittleEndian.PutUint16(block[at:], f.half(r))
		}
		switch t {
		case ggml.F32:
			binary.LittleEndian.PutUint32(block, math.Float32bits(halfToFloat(f.half(r))))
		case ggml.BF16:
			binary.LittleEndian.PutUint16(block, uint16(math.Float32bits(halfToFloat(f.half(r)))>>16))
		case ggml.MXFP4:
			block[0] = f.power
		}
	}
	return row
}

// activations are named ways to make a vector.
var activations = []struct {
	name string
	at   func(i int, r *rand.Rand) float32
}{
	{"random", func(_ int, r *rand.Rand) float32 { return float32(r.NormFloat64()) }},
	{"ones", func(int, *rand.Rand) float32 { return 1 }},
	{"minus ones", func(int, *rand.Rand) float32 { return -1 }},
	{"alternating", func(i int, _ *rand.Rand) float32 { return float32(1 - i%2*2) }},
	{"zero", func(int, *rand.Rand) float32 { return 0 }},
	{"spike", func(i int, r *rand.Rand) float32 {
		if i%97 == 5 {
			return 1000
		}
		return float32(r.NormFloat64())
	}},
}

// asHeld gives vector i of v back as the kernels of form f see it.
func (v *Vectors) asHeld(f Form, i int) []float64 {
	out := make([]float64, v.Cols)
	for c := range out {
		switch f {
		case FormF32:
			out[c] = float64(v.Row(i)[c])
		case FormQ8_0, FormQ8_1:
			b := &v.row(f, i)[c/256]
			out[c] = float64(b.D[c%256/32]) * float64(b.Q[c%256])
		case FormQ8_K:
			b := &v.row(f, i)[c/256]
			out[c] = float64(b.D[0]) * float64(b.Q[c%256])
		}
	}
	return out
}
