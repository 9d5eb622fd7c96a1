package bundle_test

import (
	"fmt"
	"testing"

	"moed/flashio/bundle"
	"moed/moe/ggml"
)

// shapes are experts of models, each of about 2.7 MB (Qwen3-30B-A3B in three
// quantisations) or 13 MB (gpt-oss-20b).
var shapes = []struct {
	gate, down    ggml.Type
	width, hidden int
}{
	{ggml.Q4_K, ggml.Q4_K, 768, 2048},
	{ggml.Q4_K, ggml.Q6_K, 768, 2048},
	{ggml.Q4_0, ggml.Q4_0, 768, 2048},
	{ggml.Q8_0, ggml.Q8_0, 768, 2048},
	{ggml.MXFP4, ggml.MXFP4, 2880, 2880},
}

// BenchmarkUnpack goes through experts of 256 MB in all, so that their bytes
// come from memory as they do in use; the matrices are written to one place.
func BenchmarkUnpack(b *testing.B) {
	each(b, func(b *testing.B, e expert, packed [][]byte) {
		gate, up, down := make([]byte, e.GateBytes), make([]byte, e.UpBytes), make([]byte, e.DownBytes)
		for i := 0; b.Loop(); i++ {
			if err := e.Unpack(gate, up, down, packed[i%len(packed)], bundle.ID{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	each(b, func(b *testing.B, e expert, packed [][]byte) {
		for i := 0; b.Loop(); i++ {
			if err := e.Verify(packed[i%len(packed)], bundle.ID{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkVerifyUnpack is what an expert costs after the disk. In one pass over
// the bytes both together were no more than a tenth faster, and with blocks of 17
// bytes slower.
func BenchmarkVerifyUnpack(b *testing.B) {
	each(b, func(b *testing.B, e expert, packed [][]byte) {
		gate, up, down := make([]byte, e.GateBytes), make([]byte, e.UpBytes), make([]byte, e.DownBytes)
		for i := 0; b.Loop(); i++ {
			src := packed[i%len(packed)]
			if err := e.Verify(src, bundle.ID{}); err != nil {
				b.Fatal(err)
			}
			if err := e.Unpack(gate, up, down, src, bundle.ID{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPack(b *testing.B) {
	each(b, func(b *testing.B, e expert, packed [][]byte) {
		for i := 0; b.Loop(); i++ {
			e.Pack(packed[i%len(packed)], bundle.ID{}, e.gate, e.up, e.down)
		}
	})
}

func each(b *testing.B, run func(*testing.B, expert, [][]byte)) {
	for _, s := range shapes {
		b.Run(fmt.Sprintf("gate=%v/down=%v", s.gate, s.down), func(b *testing.B) {
			e := newExpert(b, s.gate, s.gate, s.down, s.width, s.hidden, 0)
			packed := make([][]byte, 256<<20/e.Stride)
			for i := range packed {
				packed[i] = e.pack(bundle.ID{})
			}
			b.SetBytes(e.GateBytes + e.UpBytes + e.DownBytes)
			run(b, e, packed)
		})
	}
}
