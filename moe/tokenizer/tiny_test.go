package tokenizer_test

import (
	"fmt"
	"slices"
	"testing"

	"moed/moe/tokenizer"
)

// letters is the byte-level alphabet by byte, written out anew: what prints in
// Latin-1 is itself, the rest follows from U+0100 on.
func letters() []string {
	out := make([]string, 256)
	next := rune(0x100)
	for b := range out {
		switch {
		case b >= '!' && b <= '~', b >= 0xa1 && b <= 0xac, b >= 0xae:
			out[b] = string(rune(b))
		default:
			out[b] = string(next)
			next++
		}
	}
	return out
}

// tiny is a byte-level vocabulary: 256 bytes, a few merges and special tokens.
//
//	256 aa, 257 aaaa, 258 ab, 259 Ġa, 260 Ġab, 261 <|end|>-like control tokens ...
func tiny() tokenizer.Vocab {
	v := tokenizer.Vocab{
		Model: "gpt2", Pre: "qwen2", Tokens: letters(), BOS: -1, EOS: -1, EOT: -1, EOM: -1, UNK: -1, PAD: -1, SEP: -1,
		Merges: []string{"a a", "aa aa", "a b", "Ġ a", "Ġa b", "Ġ Ġ", "ĠĠ ĠĠ", "< s", "<s >"},
	}
	v.Tokens = append(v.Tokens, "aa", "aaaa", "ab", "Ġa", "Ġab", "ĠĠ", "ĠĠĠĠ", "<s", "<s>", "<|im_start|>", "<|im_end|>", "<think>", "<think>>")
	v.Types = slices.Repeat([]int32{tokenizer.Normal}, len(v.Tokens))
	for _, s := range []string{"<s>", "<|im_start|>", "<|im_end|>"} {
		v.Types[slices.Index(v.Tokens, s)] = tokenizer.Control
	}
	for _, s := range []string{"<think>", "<think>>"} {
		v.Types[slices.Index(v.Tokens, s)] = tokenizer.UserDefined
	}
	v.BOS, v.EOS = 264, 266
	return v
}

// tinySPM is a SentencePiece vocabulary with all bytes and a few pieces.
func tinySPM() tokenizer.Vocab {
	v := tokenizer.Vocab{
		Model: "llama", Tokens: []string{"<unk>", "<s>", "</s>"}, Types: []int32{2, 3, 3}, Scores: make([]float32, 3),
		BOS: -1, EOS: -1, EOT: -1, EOM: -1, UNK: -1, PAD: -1, SEP: -1,
	}
	add := func(s string, kind int32, score float32) {
		v.Tokens, v.Types, v.Scores = append(v.Tokens, s), append(v.Types, kind), append(v.Scores, score)
	}
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), tokenizer.Byte, 0)
	}
	for i, s := range []string{"▁", "a", "b", "/", "s", "<", ">", "▁a", "ab", "▁ab", "</", "</s", "▁▁", "▁▁▁▁", "aa", "aaaa"} {
		add(s, tokenizer.Normal, -float32(i))
	}
	return v
}

func open(t testing.TB, v tokenizer.Vocab) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func tokens(tok *tokenizer.Tokenizer, ids []int32) []string {
	out := []string{}
	for _, id := range ids {
		out = append(out, tok.Token(id))
	}
	return out
}
