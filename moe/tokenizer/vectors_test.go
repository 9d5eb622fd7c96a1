package tokenizer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"moed/moe/tokenizer"
)

// vector is a text and the ids that llama.cpp's scripts give for it.
type vector struct {
	text string
	want []int32
}

func vectors(t testing.TB, name string) []vector {
	t.Helper()
	base := filepath.Join(vocabularies, "ggml-vocab-"+name+".gguf")
	in, err := os.ReadFile(base + ".inp")
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.ReadFile(base + ".out")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	var all []vector
	for i, text := range strings.Split(string(in), "\n__ggml_vocab_test__\n") {
		v := vector{text: text}
		for _, field := range strings.Fields(lines[i]) {
			id, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			v.want = append(v.want, int32(id))
		}
		all = append(all, v)
	}
	return all
}

func TestVectors(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			tok := load(t, name)
			if w := tok.Warning(); w != "" {
				t.Errorf("warning %q, want none", w)
			}
			all := vectors(t, name)
			if len(all) != 47 {
				t.Fatalf("%d vectors, want 47", len(all))
			}
			for i, v := range all {
				got := tok.Encode(nil, v.text, tokenizer.Options{})
				if !slices.Equal(got, v.want) {
					t.Errorf("vector %d, %q\ngot  %v\nwant %v\n%s", i, v.text, got, v.want, spelled(tok, got))
				}
				if text := tok.Decode(v.want); text != v.text {
					t.Errorf("vector %d decodes to %q, want %q", i, text, v.text)
				}
			}
		})
	}
}

func spelled(tok *tokenizer.Tokenizer, ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "%q ", tok.Bytes(nil, id))
	}
	return b.String()
}
