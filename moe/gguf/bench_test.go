package gguf_test

import (
	"bytes"
	"fmt"
	"testing"

	"moed/moe/gguf"
)

// vocabulary is a file with the metadata of a large vocabulary and no tensors.
func vocabulary(t testing.TB, tokens int) []byte {
	words, merges := make([]string, tokens), make([]string, tokens)
	types, scores := make([]int32, tokens), make([]float32, tokens)
	for i := range words {
		words[i] = fmt.Sprintf("token%d", i)
		merges[i] = fmt.Sprintf("tok en%d", i)
		types[i] = int32(i % 6)
		scores[i] = -float32(i)
	}
	w := gguf.NewWriter()
	set(t, w, "tokenizer.ggml.tokens", words)
	set(t, w, "tokenizer.ggml.merges", merges)
	set(t, w, "tokenizer.ggml.token_type", types)
	set(t, w, "tokenizer.ggml.scores", scores)
	return written(t, w)
}

func set(t testing.TB, w *gguf.Writer, key string, v any) {
	t.Helper()
	if err := w.Set(key, v); err != nil {
		t.Fatal(err)
	}
}

func written(t testing.TB, w *gguf.Writer) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func BenchmarkRead(b *testing.B) {
	file := vocabulary(b, 151_936)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := gguf.Read(bytes.NewReader(file), int64(len(file))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStrings(b *testing.B) {
	im, err := gguf.FromBytes(vocabulary(b, 151_936))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := im.Strings("tokenizer.ggml.tokens"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFloats(b *testing.B) {
	im, err := gguf.FromBytes(vocabulary(b, 151_936))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := im.Floats("tokenizer.ggml.scores"); err != nil {
			b.Fatal(err)
		}
	}
}
