package tokenizer_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"moed/moe/tokenizer"
)

func TestNewRefuses(t *testing.T) {
	change := func(f func(v *tokenizer.Vocab)) tokenizer.Vocab { v := tiny(); f(&v); return v }
	for _, c := range []struct {
		name string
		v    tokenizer.Vocab
		want string
	}{
		{"no tokens", tokenizer.Vocab{Model: "gpt2"}, "no tokens"},
		{"no model", change(func(v *tokenizer.Vocab) { v.Model = "" }), "gpt2 (byte-level BPE)"},
		{"bert", change(func(v *tokenizer.Vocab) { v.Model = "bert" }), `found "bert"`},
		{"t5", change(func(v *tokenizer.Vocab) { v.Model = "t5" }), `found "t5"`},
		{"rwkv", change(func(v *tokenizer.Vocab) { v.Model = "rwkv" }), `found "rwkv"`},
		{"few types", change(func(v *tokenizer.Vocab) { v.Types = v.Types[1:] }), "token types: found 268, want one for each of 269"},
		{"many scores", change(func(v *tokenizer.Vocab) { v.Scores = make([]float32, 1000) }), "scores: found 1000"},
		{"bos out of range", change(func(v *tokenizer.Vocab) { v.BOS = 269 }), "bos token: found id 269"},
		{"eos negative", change(func(v *tokenizer.Vocab) { v.EOS = -2 }), "eos token: found id -2"},
		{"sep out of range", change(func(v *tokenizer.Vocab) { v.SEP = math.MaxInt32 }), "sep token"},
		{"empty merge", change(func(v *tokenizer.Vocab) { v.Merges[3] = "" }), `merge 3: found ""`},
		{"merge of one", change(func(v *tokenizer.Vocab) { v.Merges[3] = "ab" }), `merge 3: found "ab"`},
		{"merge without right", change(func(v *tokenizer.Vocab) { v.Merges[0] = "a " }), `merge 0: found "a "`},
		{"merge without left", change(func(v *tokenizer.Vocab) { v.Merges[0] = " a" }), `merge 0: found " a"`},
		{"long merge is clipped", change(func(v *tokenizer.Vocab) { v.Merges[0] = strings.Repeat("x", 1<<20) }), "x...\""},
	} {
		tok, err := tokenizer.New(c.v)
		if err == nil || tok != nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 300 {
			t.Errorf("%s: got %.300v, want %q", c.name, err, c.want)
		}
		if wrapped := errors.Is(err, tokenizer.ErrModel); wrapped != strings.Contains(c.want, "found \"") && !strings.HasPrefix(c.want, "merge") && c.name != "no model" {
			t.Errorf("%s: wraps ErrModel: %v", c.name, wrapped)
		}
	}
}

// Odd vocabularies that can be used must neither panic nor hang.
func TestNewTolerates(t *testing.T) {
	yes := true
	for _, c := range []struct {
		name    string
		change  func(v *tokenizer.Vocab)
		warning string
	}{
		{"unknown pre", func(v *tokenizer.Vocab) { v.Pre = "no-such" }, `unknown pre-tokenizer "no-such"`},
		{"no pre", func(v *tokenizer.Vocab) { v.Pre = "" }, ""},
		{"no merges", func(v *tokenizer.Vocab) { v.Merges = nil }, "no merges"},
		{"no types", func(v *tokenizer.Vocab) { v.Types = nil }, ""},
		{"strange types", func(v *tokenizer.Vocab) { v.Types[7], v.Types[9] = -5, math.MaxInt32 }, ""},
		{"no bos to add", func(v *tokenizer.Vocab) { v.AddBOS, v.BOS = &yes, -1 }, "BOS should be added"},
		{"no eos to add", func(v *tokenizer.Vocab) { v.AddEOS, v.EOS = &yes, -1 }, "EOS should be added"},
		{"duplicate tokens", func(v *tokenizer.Vocab) { v.Tokens[257], v.Tokens[263] = "aa", "aa" }, ""},
		{"empty tokens", func(v *tokenizer.Vocab) { v.Tokens[65], v.Tokens[265], v.Tokens[267] = "", "", "" }, ""},
		{"one token", func(v *tokenizer.Vocab) {
			*v = tokenizer.Vocab{Model: "gpt2", Tokens: []string{""}, BOS: -1, EOS: -1, UNK: -1, EOT: -1, EOM: -1, PAD: -1, SEP: -1}
		}, "no merges"},
		{"merges in a circle", func(v *tokenizer.Vocab) {
			v.Tokens[256], v.Tokens[257] = "ab", "ba"
			v.Merges = []string{"a b", "b a", "ab ab", "ba ba", "ab a", "a ba", "a b", "nothing here"}
		}, ""},
		{"tokens that are no text", func(v *tokenizer.Vocab) {
			v.Tokens[265], v.Tokens[268], v.Tokens[200] = "\xff\xfe", "\xff", "\x00 \xff"
		}, ""},
		{"huge token", func(v *tokenizer.Vocab) { v.Tokens[268] = strings.Repeat("<think>", 1<<16) }, ""},
		{"all user-defined", func(v *tokenizer.Vocab) {
			for i := range v.Types {
				v.Types[i] = tokenizer.UserDefined
			}
		}, ""},
		{"spm of odd scores", func(v *tokenizer.Vocab) {
			v.Model, v.Scores = "llama", make([]float32, len(v.Tokens))
			for i := range v.Scores {
				v.Scores[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0}[i%4]
			}
		}, ""},
		{"spm without scores", func(v *tokenizer.Vocab) { v.Model = "llama" }, "no scores"},
		{"spm of one token", func(v *tokenizer.Vocab) {
			*v = tokenizer.Vocab{Model: "llama", Tokens: []string{"a"}, BOS: -1, EOS: -1, UNK: -1, EOT: -1, EOM: -1, PAD: -1, SEP: -1}
		}, "no scores"},
		{"gemma4", func(v *tokenizer.Vocab) { v.Model = "gemma4" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := tiny()
			v.Tokens, v.Types, v.Merges = slices.Clone(v.Tokens), slices.Clone(v.Types), slices.Clone(v.Merges)
			c.change(&v)
			tok := open(t, v)
			if w := tok.Warning(); !strings.Contains(w, c.warning) || c.warning == "" && w != "" {
				t.Errorf("warning %q, want %q", w, c.warning)
			}
			for _, text := range []string{"", "a", "abababa <|im_end|> <think>> ", "\xff\x00你", strings.Repeat("ab", 500), strings.Repeat("<think>", 500)} {
				for _, o := range []tokenizer.Options{{}, {AddSpecial: true, ParseSpecial: true}} {
					for _, id := range tok.Encode(nil, text, o) {
						if id < 0 || int(id) >= tok.Len() {
							t.Fatalf("%q: id %d of %d tokens", text, id, tok.Len())
						}
					}
				}
			}
			for id := int32(-2); int(id) < tok.Len()+2; id++ {
				tok.Decode([]int32{id})
				tok.Token(id)
				tok.IsEnd(id)
			}
		})
	}
}

func TestAccessors(t *testing.T) {
	tok := open(t, tiny())
	if got := tok.Len(); got != 269 {
		t.Errorf("Len is %d, want 269", got)
	}
	if id, ok := tok.ID("Ġab"); id != 260 || !ok {
		t.Errorf("ID is %d, %v, want 260", id, ok)
	}
	if id, ok := tok.ID("absent"); ok {
		t.Errorf("ID of an absent token is %d", id)
	}
	if id, ok := tok.ID(""); ok {
		t.Errorf("ID of nothing is %d", id)
	}
	if got := string(tok.Bytes([]byte("x"), 260)); got != "x ab" {
		t.Errorf("Bytes is %q", got)
	}
	if got := tok.Token(260); got != "Ġab" {
		t.Errorf("Token is %q", got)
	}
	if tok.BOS() != 264 || tok.EOS() != 266 || tok.AddsBOS() {
		t.Errorf("BOS %d, EOS %d, adds BOS %v", tok.BOS(), tok.EOS(), tok.AddsBOS())
	}
}

func TestIsEnd(t *testing.T) {
	for _, c := range []struct {
		tokens, ends string
		types        int32
		eos          int32
	}{
		{"a <|im_end|> <|endoftext|> <|im_start|>", "<|im_end|> <|endoftext|>", tokenizer.Control, -1},
		{"a <|im_end|> b", "<|im_end|> b", tokenizer.Control, 2},
		{"<|end|> <|start|> x", "<|end|>", tokenizer.Control, -1},
		{"<|end|> <|return|> <|call|> <|start|>", "<|return|> <|call|>", tokenizer.Control, 1},
		{"<|end|> <|calls|> <|flush|>", "<|calls|> <|flush|>", tokenizer.UserDefined, -1},
		{"</s> <|tool_response> <turn|>", "<|tool_response> <turn|>", tokenizer.Control, -1},
		{"</s> <|im_end|>", "", tokenizer.Normal, -1},
		{"</s> <|im_end|>", "<|im_end|>", -1, -1}, // no types
	} {
		v := tokenizer.Vocab{Model: "gpt2", Tokens: strings.Fields(c.tokens), BOS: -1, EOS: c.eos, EOT: -1, EOM: -1, UNK: -1, PAD: -1, SEP: -1}
		if c.types >= 0 {
			v.Types = slices.Repeat([]int32{c.types}, len(v.Tokens))
		}
		tok := open(t, v)
		var got []string
		for id := range int32(tok.Len()) {
			if tok.IsEnd(id) {
				got = append(got, tok.Token(id))
			}
		}
		if strings.Join(got, " ") != c.ends {
			t.Errorf("%s of type %d: ends are %q, want %q", c.tokens, c.types, got, c.ends)
		}
	}
}

// The files of real models name their special tokens.
func TestRealSpecial(t *testing.T) {
	both := tokenizer.Options{AddSpecial: true, ParseSpecial: true}
	for _, c := range []struct {
		name, text, want string
		ends             []string
	}{
		{"qwen2", "<|im_start|>user\nhi<|im_end|>\n<think>", "<|im_start|> user Ċ hi <|im_end|> Ċ <think>", []string{"<|im_end|>", "<|endoftext|>"}},
		{"llama-bpe", "hi<|eot_id|>", "<|begin_of_text|> hi <|eot_id|>", []string{"<|eot_id|>", "<|end_of_text|>"}},
		{"llama-spm", "hi</s>", "<s> ▁hi </s>", []string{"</s>"}},
		{"phi-3", "<|user|>hi<|end|>", "<s> <|user|> ▁hi <|end|>", []string{"<|end|>", "<|endoftext|>"}},
		{"deepseek-llm", "hi<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜> hi <｜end▁of▁sentence｜>", []string{"<｜end▁of▁sentence｜>"}},
	} {
		tok := load(t, c.name)
		if got := strings.Join(tokens(tok, tok.Encode(nil, c.text, both)), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		for _, s := range c.ends {
			if id, ok := tok.ID(s); !ok || !tok.IsEnd(id) {
				t.Errorf("%s: %s is no end", c.name, s)
			}
		}
	}
}
