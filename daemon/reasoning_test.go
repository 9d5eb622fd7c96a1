package daemon

import (
	"strings"
	"testing"

	"moed/moe/sample"
	"moed/moe/tokenizer"
)

// markup is a vocabulary of single letters and the tokens that set thinking
// apart.
func markup(t *testing.T, special ...string) *tokenizer.Tokenizer {
	t.Helper()
	v := tokenizer.Vocab{Model: "gpt2", Pre: "gpt-2", BOS: -1, EOS: -1, EOT: -1, EOM: -1, UNK: -1, PAD: -1, SEP: -1}
	for c := '!'; c <= '~'; c++ {
		v.Tokens, v.Types = append(v.Tokens, string(c)), append(v.Types, tokenizer.Normal)
	}
	v.Tokens, v.Types = append(v.Tokens, "Ġ", "Ċ"), append(v.Types, tokenizer.Normal, tokenizer.Normal)
	for _, s := range special {
		v.Tokens, v.Types = append(v.Tokens, s), append(v.Types, tokenizer.Control)
	}
	tok, err := tokenizer.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestReasoning(t *testing.T) {
	think := []string{"<think>", "</think>"}
	harmony := []string{"<|start|>", "<|channel|>", "<|message|>", "<|end|>"}
	tests := map[string]struct {
		special        []string
		prompt, output string
		reason, answer string
	}{
		"none":          {nil, "Hi", "a\nb", "", "a\nb"},
		"think":         {think, "Hi", "<think>\nhm\n</think>\n\nYes\n\nand no", "\nhm\n", "Yes\n\nand no"},
		"think, opened": {think, "Hi<think>", "hm</think>Yes", "hm", "Yes"},
		"think, closed": {think, "Hi<think></think>", "Yes", "", "Yes"},
		"cut short":     {think, "Hi", "<think>hm", "hm", ""},
		"harmony": {harmony, "<|start|>user<|message|>Hi<|end|><|start|>assistant",
			"<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Yes", "hm", "Yes"},
		"harmony, answer at once": {harmony, "<|start|>assistant", "<|channel|>final<|message|>Yes", "", "Yes"},
		"harmony, no channel":     {harmony, "<|start|>assistant", "<|message|>Yes", "", "Yes"},
	}
	for name, test := range tests {
		tok := markup(t, test.special...)
		encode := func(text string) []int32 { return tok.Encode(nil, text, tokenizer.Options{ParseSpecial: true}) }
		var shown strings.Builder
		o := &output{parts: newParts(tok, encode(test.prompt)), stream: tok.Stream(tokenizer.StreamOptions{}),
			thinking: tok.Stream(tokenizer.StreamOptions{Continue: true}), stops: sample.NewStops(nil),
			emit: func(p Piece) error { shown.WriteString(p.Text); return nil }}
		for _, id := range encode(test.output) {
			if _, err := o.token(id); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.flush(); err != nil {
			t.Fatal(err)
		}
		if o.reasoning.String() != test.reason || shown.String() != test.answer {
			t.Errorf("%s: thinking %q, answer %q; want %q, %q", name, o.reasoning.String(), shown.String(), test.reason, test.answer)
		}
	}
}
