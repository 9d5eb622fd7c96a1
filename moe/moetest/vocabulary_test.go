package moetest

import (
	"strings"
	"testing"
)

// Any text can be encoded, and every merge can happen, if bytes, both sides of
// a merge and its result are tokens, each once.
func TestTinyVocabulary(t *testing.T) {
	f, err := Spec{Template: "{{ messages }}"}.Image()
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := f.Strings("tokenizer.ggml.tokens")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for i, s := range tokens {
		if _, twice := ids[s]; twice {
			t.Errorf("token %q appears twice", s)
		}
		ids[s] = i
	}
	if len(tokens) != vocabSize() || ids["a"] != 'a' || ids["Ġ"] != ' ' || ids["Ċ"] != '\n' {
		t.Errorf("got %d tokens, a at %d, space at %d, newline at %d", len(tokens), ids["a"], ids["Ġ"], ids["Ċ"])
	}
	pairs, err := f.Strings("tokenizer.ggml.merges")
	if err != nil || len(pairs) == 0 {
		t.Fatalf("got merges %v, %v", pairs, err)
	}
	for _, pair := range pairs {
		left, right, ok := strings.Cut(pair, " ")
		for _, s := range []string{left, right, left + right} {
			if _, is := ids[s]; !is || !ok {
				t.Errorf("merge %q: %q is no token", pair, s)
			}
		}
	}
	if id, err := f.Uint("tokenizer.ggml.eos_token_id"); err != nil || tokens[id] != endToken {
		t.Errorf("got end token %d, %v", id, err)
	}
	if s, err := f.String("tokenizer.chat_template"); err != nil || s != "{{ messages }}" {
		t.Errorf("got template %q, %v", s, err)
	}
}
