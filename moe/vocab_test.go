package moe

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moed/moe/gguf"
	"moed/moe/tokenizer"
)

// header is a file of metadata alone.
func header(t testing.TB, keys map[string]any) *gguf.File {
	t.Helper()
	w := gguf.NewWriter()
	for key, v := range keys {
		if err := w.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// smallVocab is a vocabulary in order, changed by what is given; nil takes a
// key away.
func smallVocab(change map[string]any) map[string]any {
	keys := map[string]any{
		"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2", "tokenizer.ggml.tokens": []string{"a", "b", "ab"},
		"tokenizer.ggml.token_type": []int32{1, 1, 4}, "tokenizer.ggml.merges": []string{"a b"},
		"tokenizer.ggml.bos_token_id": uint32(2), "tokenizer.ggml.add_bos_token": true,
	}
	for key, v := range change {
		if v == nil {
			delete(keys, key)
		} else {
			keys[key] = v
		}
	}
	return keys
}

func TestVocab(t *testing.T) {
	v, err := Vocab(header(t, smallVocab(nil)))
	if err != nil {
		t.Fatal(err)
	}
	if v.Model != "gpt2" || v.Pre != "qwen2" || !slices.Equal(v.Tokens, []string{"a", "b", "ab"}) ||
		!slices.Equal(v.Types, []int32{1, 1, 4}) || !slices.Equal(v.Merges, []string{"a b"}) || v.Scores != nil {
		t.Errorf("got %+v", v)
	}
	if v.BOS != 2 || v.EOS != -1 || v.EOT != -1 || v.EOM != -1 || v.UNK != -1 || v.PAD != -1 || v.SEP != -1 {
		t.Errorf("special tokens of %+v", v)
	}
	if v.AddBOS == nil || !*v.AddBOS || v.AddEOS != nil || v.AddSpacePrefix != nil || v.StripAfter {
		t.Errorf("flags of %+v", v)
	}
	if _, err := tokenizer.New(v); err != nil {
		t.Error(err)
	}
}

// Keys that say something only some files need to say.
func TestVocabVariants(t *testing.T) {
	for _, c := range []struct {
		name   string
		change map[string]any
		ok     func(v tokenizer.Vocab) bool
	}{
		{"no token, unsigned", map[string]any{"tokenizer.ggml.bos_token_id": uint32(1<<32 - 1)}, func(v tokenizer.Vocab) bool { return v.BOS == -1 }},
		{"no token, signed", map[string]any{"tokenizer.ggml.bos_token_id": int32(-1)}, func(v tokenizer.Vocab) bool { return v.BOS == -1 }},
		{"no types", map[string]any{"tokenizer.ggml.token_type": nil}, func(v tokenizer.Vocab) bool { return v.Types == nil }},
		{"no pre-tokenizer", map[string]any{"tokenizer.ggml.pre": nil}, func(v tokenizer.Vocab) bool { return v.Pre == "" }},
		{"scores for merges", map[string]any{"tokenizer.ggml.model": "llama", "tokenizer.ggml.merges": nil, "tokenizer.ggml.scores": []float32{0, -1, -2}},
			func(v tokenizer.Vocab) bool { return slices.Equal(v.Scores, []float32{0, -1, -2}) }},
		{"end of a message", map[string]any{"tokenizer.ggml.eom_token_id": uint32(1)}, func(v tokenizer.Vocab) bool { return v.EOM == 1 }},
		{"separator", map[string]any{"tokenizer.ggml.seperator_token_id": uint32(1)}, func(v tokenizer.Vocab) bool { return v.SEP == 1 }},
		{"space prefix", map[string]any{"tokenizer.ggml.add_space_prefix": false}, func(v tokenizer.Vocab) bool { return v.AddSpacePrefix != nil && !*v.AddSpacePrefix }},
		{"phi-3", map[string]any{"general.name": "Phi-3 Mini 4K"}, func(v tokenizer.Vocab) bool { return v.StripAfter }},
	} {
		v, err := Vocab(header(t, smallVocab(c.change)))
		if err != nil || !c.ok(v) {
			t.Errorf("%s: got %+v, %v", c.name, v, err)
		}
	}
}

func TestVocabErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		change map[string]any
		want   []string // parts of the error
	}{
		{"no model", map[string]any{"tokenizer.ggml.model": nil}, []string{"tokenizer.ggml.model", "not in the file"}},
		{"no tokens", map[string]any{"tokenizer.ggml.tokens": nil}, []string{"tokenizer.ggml.tokens", "not in the file"}},
		{"no merges", map[string]any{"tokenizer.ggml.merges": nil}, []string{"tokenizer.ggml.merges", "not in the file"}},
		{"model is a number", map[string]any{"tokenizer.ggml.model": uint32(1)}, []string{"tokenizer.ggml.model", "uint32"}},
		{"tokens are numbers", map[string]any{"tokenizer.ggml.tokens": []int32{1}}, []string{"tokenizer.ggml.tokens", "int32"}},
		{"merges are one text", map[string]any{"tokenizer.ggml.merges": "a b"}, []string{"tokenizer.ggml.merges", "string"}},
		{"types are texts", map[string]any{"tokenizer.ggml.token_type": []string{"a"}}, []string{"tokenizer.ggml.token_type"}},
		{"type too large", map[string]any{"tokenizer.ggml.token_type": []int64{1, 1 << 40, 1}}, []string{"tokenizer.ggml.token_type", "token 1"}},
		{"scores are texts", map[string]any{"tokenizer.ggml.scores": []string{"a"}}, []string{"tokenizer.ggml.scores"}},
		{"token beyond the vocabulary", map[string]any{"tokenizer.ggml.eos_token_id": uint32(3)}, []string{"tokenizer.ggml.eos_token_id", "3"}},
		{"token below zero", map[string]any{"tokenizer.ggml.eos_token_id": int32(-2)}, []string{"tokenizer.ggml.eos_token_id", "-2"}},
		{"token is a text", map[string]any{"tokenizer.ggml.eot_token_id": "a"}, []string{"tokenizer.ggml.eot_token_id"}},
		{"flag is a number", map[string]any{"tokenizer.ggml.add_bos_token": uint32(1)}, []string{"tokenizer.ggml.add_bos_token"}},
	} {
		_, err := Vocab(header(t, smallVocab(c.change)))
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %q, want %q in it", c.name, err, part)
			}
		}
		if missing := slices.Contains(c.want, "not in the file"); missing != errors.Is(err, gguf.ErrNoKey) {
			t.Errorf("%s: errors.Is(%q, ErrNoKey) is not %v", c.name, err, missing)
		}
	}
}

// TestVocabOfModels reads vocabularies of real models.
func TestVocabOfModels(t *testing.T) {
	for _, c := range []struct {
		name, model, pre string
		tokens, merges   int
	}{
		{"qwen2", "gpt2", "qwen2", 151669, 151387},
		{"phi-3", "llama", "default", 32064, 0},
	} {
		packed, err := os.ReadFile(filepath.Join("..", "testdata", "tokenizers", "ggml-vocab-"+c.name+".gguf.gz"))
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		v, err := Vocab(f)
		if err != nil {
			t.Fatal(err)
		}
		if v.Model != c.model || v.Pre != c.pre || len(v.Tokens) != c.tokens || len(v.Types) != c.tokens || len(v.Merges) != c.merges {
			t.Errorf("%s: model %q, pre %q, %d tokens, %d types, %d merges", c.name, v.Model, v.Pre, len(v.Tokens), len(v.Types), len(v.Merges))
		}
	}
}
