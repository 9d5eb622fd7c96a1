package tokenizer_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"moed/moe/tokenizer"
)

func TestEncodeSpecial(t *testing.T) {
	yes, no := true, false
	both := tokenizer.Options{AddSpecial: true, ParseSpecial: true}
	added := func(v tokenizer.Vocab) tokenizer.Vocab { v.AddBOS, v.AddEOS = &yes, &yes; return v }
	bare := func(v tokenizer.Vocab) tokenizer.Vocab { v.AddBOS, v.AddSpacePrefix = &no, &no; return v }
	strip := func(v tokenizer.Vocab) tokenizer.Vocab { v.StripAfter = true; return v }
	llama := tiny()
	llama.Pre = "llama-bpe"
	for _, c := range []struct {
		name string
		v    tokenizer.Vocab
		text string
		o    tokenizer.Options
		want string
	}{
		{"merges by rank", tiny(), "aaab ab a", tokenizer.Options{}, "aa ab Ġ ab Ġa"},
		{"control text is text", tiny(), "<|im_end|>", tokenizer.Options{}, "< | i m _ e n d | >"},
		{"control text parsed", tiny(), "a<|im_end|>b", tokenizer.Options{ParseSpecial: true}, "a <|im_end|> b"},
		{"merges never make a control token", tiny(), "<s>", tokenizer.Options{}, "<s >"},
		{"pieces never are a control token", llama, "<s>", tokenizer.Options{}, "<s >"},
		{"user-defined always found", tiny(), "a<think>b", tokenizer.Options{}, "a <think> b"},
		{"longest wins", tiny(), "<think>>>", tokenizer.Options{}, "<think>> >"},
		{"qwen2 adds nothing", tiny(), "a", both, "a"},
		{"llama-bpe adds bos", llama, "a", both, "<s> a"},
		{"asked to add both", added(tiny()), "a", both, "<s> a <|im_end|>"},
		{"empty, bos", added(tiny()), "", both, "<s> <|im_end|>"},
		{"empty", added(tiny()), "", tokenizer.Options{}, ""},
		{"strip after", strip(tiny()), "<|im_end|> \n a", both, "<|im_end|> a"},
		{"strip after, not bos", strip(tiny()), "<s> a", both, "<s> Ġa"},
		{"spm prefix and bos", tinySPM(), "ab", both, "<s> ▁ab"},
		{"spm prefix after special", tinySPM(), "ab</s>ab", both, "<s> ▁ab </s> ▁ab"},
		{"spm without prefix", bare(tinySPM()), "ab", both, "ab"},
		{"spm control text is text", tinySPM(), "</s>", tokenizer.Options{}, "▁ </s >"},
		{"spm byte fallback", bare(tinySPM()), "é\x00<0x41>", tokenizer.Options{}, "<0xC3> <0xA9> <0x00> < <0x30> <0x78> <0x34> <0x31> >"},
		{"spm best score first", bare(tinySPM()), "aab  b", tokenizer.Options{}, "a ab ▁▁ b"},
		{"spm words joined by no token", bare(tinySPM()), "ab ab    ab", tokenizer.Options{}, "ab ▁ab ▁▁ ▁ ▁ab"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok := open(t, c.v)
			got := strings.Join(tokens(tok, tok.Encode(nil, c.text, c.o)), " ")
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestEncodeAppends(t *testing.T) {
	tok := open(t, tiny())
	if got := tok.Encode([]int32{7}, "aa", tokenizer.Options{}); !slices.Equal(got, []int32{7, 256}) {
		t.Errorf("got %v, want [7 256]", got)
	}
}

// gemma4 has tokens as plain text, bytes as fallback and merges across words.
func TestEncodeGemma4(t *testing.T) {
	v := tinySPM()
	v.Model, v.Scores = "gemma4", nil
	v.Tokens = append(v.Tokens, "ab▁ab", "\n", "\n\n")
	v.Types = append(v.Types, 1, 1, 1)
	v.Merges = []string{"a b", "▁ ab", "ab ▁ab", "\n \n"}
	v.BOS = 1
	tok := open(t, v)
	want := []string{"<s>", "ab▁ab", "\n\n", "<0xC3>", "<0xA9>", "\n"}
	got := tokens(tok, tok.Encode(nil, "ab ab\n\né\n", tokenizer.Options{AddSpecial: true}))
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := tok.Decode(tok.Encode(nil, "ab ab\n\né\n", tokenizer.Options{})); got != "ab ab\n\né\n" {
		t.Errorf("decodes to %q", got)
	}
}

// Long pieces must not take quadratic time: each of these did with a search for
// the best pair per merge or a match attempt per place.
func TestEncodeLong(t *testing.T) {
	const long = 1 << 16
	texts := map[string]string{
		"letters":  strings.Repeat("a", long),
		"spaces":   "x" + strings.Repeat(" ", long) + "x",
		"breaks":   "x" + strings.Repeat(" \n", long/2) + "x",
		"digits":   strings.Repeat("7", long),
		"marks":    strings.Repeat("=", long),
		"capitals": strings.Repeat("A", long/2) + strings.Repeat("日A", long/8),
		"accents":  strings.Repeat("e\u0301", long/3),
		"quotes":   strings.Repeat("'", long),
		"bytes":    strings.Repeat("\xff", long),
		"brackets": strings.Repeat("<|im_", long/5),
	}
	spm := tinySPM()
	spm.Tokens[len(spm.Tokens)-1] = "a▁a" // forbids cutting at spaces
	vocabs := map[string]tokenizer.Vocab{"llama": tinySPM(), "llama, whole": spm}
	for _, pre := range []string{
		"qwen2", "llama-bpe", "gpt-2", "gpt-4o", "kimi-k2", "tekken", "deepseek-llm", "deepseek-coder", "deepseek-v3",
		"starcoder", "falcon", "default", "bloom", "superbpe", "afmoe", "tiny_aya", "youtu", "exaone-moe", "spark2_5", "jais-2", "chameleon", "qwen35",
	} {
		v := tiny()
		v.Pre = pre
		vocabs[pre] = v
	}
	for name, v := range vocabs {
		tok := open(t, v)
		for what, text := range texts {
			start := time.Now()
			ids := tok.Encode(nil, text, tokenizer.Options{ParseSpecial: true})
			if took := time.Since(start); took > 3*time.Second {
				t.Errorf("%s: %d bytes of %s took %v", name, len(text), what, took)
			}
			got := raw(tok, ids)
			if v.Model == "llama" {
				got = got[1:] // the space before all text
			}
			if got != text {
				t.Errorf("%s: %s do not come back", name, what)
			}
		}
	}
}

func raw(tok *tokenizer.Tokenizer, ids []int32) string {
	var b []byte
	for _, id := range ids {
		b = tok.Bytes(b, id)
	}
	return string(b)
}

// What a text encodes to must not depend on what goes on beside it.
func TestEncodeConcurrent(t *testing.T) {
	for _, name := range []string{"qwen2", "llama-spm"} {
		tok, all := load(t, name), vectors(t, name)
		var group sync.WaitGroup
		for k := range 4 {
			group.Go(func() {
				for i := range all {
					v := all[(i*7+k*11)%len(all)]
					if got := tok.Encode(nil, v.text, tokenizer.Options{}); !slices.Equal(got, v.want) {
						t.Errorf("%s: %q: got %v, want %v", name, v.text, got, v.want)
					}
				}
			})
		}
		group.Wait()
	}
}

func FuzzEncode(f *testing.F) {
	for _, v := range vectors(f, "qwen2") {
		f.Add(v.text)
	}
	for _, s := range []string{"\xff\xfe", "a\xe4\xbd", "<think>\xf0\x9f", "   <|im_end|>aaaa", "\u2581 \u2581", "<0x41>"} {
		f.Add(s)
	}
	var level []*tokenizer.Tokenizer
	for _, pre := range []string{"qwen2", "llama-bpe", "gpt-4o", "deepseek-v3", "chameleon"} {
		v := tiny()
		v.Pre = pre
		level = append(level, open(f, v))
	}
	level = append(level, load(f, "gpt-2"))
	spm := open(f, tinySPM())
	f.Fuzz(func(t *testing.T, text string) {
		for i, tok := range level {
			for _, o := range []tokenizer.Options{{}, {ParseSpecial: true}} {
				ids := tok.Encode(nil, text, o)
				if got := raw(tok, ids); got != text {
					t.Fatalf("vocabulary %d, %+v: %q comes back as %q", i, o, text, got)
				}
				if o.ParseSpecial {
					continue
				}
				if got, want := tok.Decode(ids), valid(text); got != want {
					t.Fatalf("vocabulary %d: %q decodes to %q, want %q", i, text, got, want)
				}
			}
		}
		want := strings.ReplaceAll(text, "▁", " ")
		if got := spm.Decode(spm.Encode(nil, text, tokenizer.Options{})); got != valid(want) {
			t.Fatalf("spm: %q decodes to %q", text, got)
		}
	})
}

// valid is text with U+FFFD for each byte that is no UTF-8.
func valid(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteRune(r)
	}
	return b.String()
}
