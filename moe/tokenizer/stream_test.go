package tokenizer_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"moed/moe/tokenizer"
)

// Any ids, also out of range: each part is valid UTF-8, and the parts are what
// Decode gives.
func TestStreamOfRandomIDs(t *testing.T) {
	for _, name := range names {
		tok := load(t, name)
		rng := rand.New(rand.NewPCG(5, 6))
		for range 300 {
			ids := make([]int32, 1+rng.IntN(40))
			for i := range ids {
				ids[i] = int32(rng.IntN(tok.Len()+20) - 10)
				if rng.IntN(2) == 0 { // bytes and other short tokens, which make broken characters
					ids[i] = int32(rng.IntN(300))
				}
			}
			s := tok.Stream(tokenizer.StreamOptions{})
			var got strings.Builder
			for _, id := range ids {
				part := s.Next(id)
				if !utf8.ValidString(part) {
					t.Fatalf("%s: ids %v: part %q is no UTF-8", name, ids, part)
				}
				got.WriteString(part)
			}
			got.WriteString(s.Flush())
			if want := tok.Decode(ids); got.String() != want {
				t.Fatalf("%s: ids %v: stream %q, decode %q", name, ids, got.String(), want)
			}
		}
	}
}

func TestStream(t *testing.T) {
	level, spm := open(t, tiny()), open(t, tinySPM())
	e := []int32{0xe4, 0xbd, 0xa0} // 你
	id := func(tok *tokenizer.Tokenizer, s string) int32 {
		n, ok := tok.ID(s)
		if !ok {
			t.Fatalf("no token %q", s)
		}
		return n
	}
	im, ab, end := id(level, "<|im_end|>"), id(spm, "▁ab"), id(spm, "</s>")
	for _, c := range []struct {
		name string
		tok  *tokenizer.Tokenizer
		o    tokenizer.StreamOptions
		ids  []int32
		want string // parts, then what Flush gives, between bars
	}{
		{"held back", level, tokenizer.StreamOptions{}, e, "||你|"},
		{"cut off", level, tokenizer.StreamOptions{}, e[:2], "||\ufffd\ufffd"},
		{"broken off", level, tokenizer.StreamOptions{}, []int32{0xe4, 'a'}, "|\ufffda|"},
		{"never a beginning", level, tokenizer.StreamOptions{}, []int32{0x80, 0xff, 0xc0}, "\ufffd|\ufffd|\ufffd|"},
		{"surrogate", level, tokenizer.StreamOptions{}, []int32{0xed, 0xa0, 0x80}, "|\ufffd\ufffd|\ufffd|"},
		{"four bytes", level, tokenizer.StreamOptions{}, []int32{0xf0, 0x9f, 0x98, 0x80}, "|||😀|"},
		{"control hidden", level, tokenizer.StreamOptions{}, []int32{'a', im}, "a||"},
		{"control shown", level, tokenizer.StreamOptions{Special: true}, []int32{'a', im}, "a|<|im_end|>|"},
		{"out of range", level, tokenizer.StreamOptions{}, []int32{-1, 1 << 30}, "||"},
		{"first space off", spm, tokenizer.StreamOptions{}, []int32{ab, ab}, "ab| ab|"},
		{"first space off after bos", spm, tokenizer.StreamOptions{}, []int32{1, ab, ab}, "|ab| ab|"},
		{"goes on", spm, tokenizer.StreamOptions{Continue: true}, []int32{ab, ab}, " ab| ab|"},
		{"special shown", spm, tokenizer.StreamOptions{Special: true}, []int32{1, ab, end}, "<s>|ab|</s>|"},
		{"bytes", spm, tokenizer.StreamOptions{}, []int32{3 + 0xc3, 3 + 0xa9}, "|é|"},
	} {
		s := c.tok.Stream(c.o)
		for round := range 2 { // Flush makes it as new
			var parts []string
			for _, id := range c.ids {
				parts = append(parts, s.Next(id))
			}
			if got := strings.Join(append(parts, s.Flush()), "|"); got != c.want {
				t.Errorf("%s, round %d: got %q, want %q", c.name, round, got, c.want)
			}
		}
	}
}
