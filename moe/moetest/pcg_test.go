package moetest

import (
	"bytes"
	"slices"
	"testing"
)

// The numbers below are what numpy 1.24.2 gives for the calls in the comments.

func TestPCGRaw(t *testing.T) {
	// default_rng(seed).bit_generator.random_raw(3)
	for _, c := range []struct {
		seed uint64
		want []uint64
	}{
		{0, []uint64{0xa30febcfd9c2825f, 0x4510bdf882d9d721, 0x0a7d3da94ecde8b8}},
		{7, []uint64{0xa00641a9f1e54a8b, 0xe5afcdbcaf266a95, 0xc693565f940af962}},
		{1<<32 + 5, []uint64{0xc6323ec321deb8d1, 0x78814821c73a0583, 0xb22536d8e0ec17c0}},
	} {
		p := NewPCG(c.seed)
		got := []uint64{p.Uint64(), p.Uint64(), p.Uint64()}
		if !slices.Equal(got, c.want) {
			t.Errorf("seed %d: got %#x, want %#x", c.seed, got, c.want)
		}
	}
}

// Bytes and normal draws share the generator; half an output that Bytes leaves
// waits for the next Bytes.
func TestPCGBytesBetweenDraws(t *testing.T) {
	p := NewPCG(7)
	n := NewNormal(p)
	bytesOf := func(size int) []byte {
		b := make([]byte, size)
		p.Bytes(b) // integers(0, 256, size, dtype=uint8)
		return b
	}
	check := func(got, want []byte) {
		t.Helper()
		if !bytes.Equal(got, want) {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	check(bytesOf(5), []byte{139, 74, 229, 241, 169})
	for _, want := range []float64{0x1.31ea59a5b303ep-2, -0x1.18b7980d81558p-2} {
		if got := n.Next(); got != want {
			t.Errorf("got %x, want %x", got, want)
		}
	}
	check(bytesOf(11), []byte{66, 39, 106, 213, 171, 45, 167, 57, 69, 81, 55})
	check(bytesOf(3), []byte{153, 178, 215})
}
