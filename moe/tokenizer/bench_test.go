package tokenizer_test

import (
	"os"
	"strings"
	"testing"

	"moed/moe/tokenizer"
)

// english is prose of about n bytes: the licence of the project, repeated.
func english(t testing.TB, n int) string {
	t.Helper()
	b, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Repeat(string(b), n/len(b)+1)
}

// mixed is code and many scripts: the texts of the vectors, repeated.
func mixed(t testing.TB, n int) string {
	t.Helper()
	var b strings.Builder
	for _, v := range vectors(t, "qwen2") {
		b.WriteString(v.text + "\n")
	}
	return strings.Repeat(b.String(), n/b.Len()+1)
}

func BenchmarkEncode(b *testing.B) {
	for _, name := range names {
		tok := load(b, name)
		for _, text := range []struct{ name, text string }{{"english", english(b, 1<<19)}, {"mixed", mixed(b, 1<<17)}} {
			b.Run(name+"/"+text.name, func(b *testing.B) {
				b.SetBytes(int64(len(text.text)))
				b.ReportAllocs()
				var ids []int32
				for b.Loop() {
					ids = tok.Encode(ids[:0], text.text, tokenizer.Options{AddSpecial: true, ParseSpecial: true})
				}
			})
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, name := range []string{"qwen2", "llama-bpe", "llama-spm"} {
		v := loadVocab(b, name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tokenizer.New(v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStream(b *testing.B) {
	tok := load(b, "qwen2")
	ids := tok.Encode(nil, english(b, 1<<16), tokenizer.Options{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := tok.Stream(tokenizer.StreamOptions{})
		for _, id := range ids[:100] {
			s.Next(id)
		}
	}
}

// One piece of a million letters: the heap's case.
func BenchmarkEncodeLong(b *testing.B) {
	tok, text := open(b, tiny()), strings.Repeat("a", 1<<20)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		tok.Encode(nil, text, tokenizer.Options{})
	}
}
