package grammar_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"moed/moe/gguf"
	"moed/moe/sample/grammar"
	"moed/moe/tokenizer"
)

// tokens is a tokenizer as a Vocabulary.
type tokens struct{ *tokenizer.Tokenizer }

func (t tokens) IsControl(id int32) bool {
	kind := t.Type(id)
	return kind == tokenizer.Control || kind == tokenizer.Unknown
}

// qwen is the vocabulary of Qwen2, 151 936 tokens.
func qwen(t testing.TB) tokens {
	t.Helper()
	f, err := os.Open("../../../testdata/tokenizers/ggml-vocab-qwen2.gguf.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	file, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	v := tokenizer.Vocab{Model: "gpt2", Pre: "qwen2", BOS: -1, EOS: -1, EOT: -1, EOM: -1, UNK: -1, PAD: -1, SEP: -1}
	if v.Tokens, err = file.Strings("tokenizer.ggml.tokens"); err != nil {
		t.Fatal(err)
	}
	if v.Merges, err = file.Strings("tokenizer.ggml.merges"); err != nil {
		t.Fatal(err)
	}
	types, err := file.Ints("tokenizer.ggml.token_type")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range types {
		v.Types = append(v.Types, int32(kind))
	}
	tok, err := tokenizer.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return tokens{tok}
}

const person = `{"type":"object","properties":{"name":{"type":"string"},"nick":{"type":"string","maxLength":20},"code":{"type":"string","pattern":"^[A-Z]{2}-[0-9]+$"},
	"age":{"type":"integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"enum":["red","green","blue"]}},"more":{"type":"object"}},"required":["name","age"]}`

// With a real vocabulary too, Mask and Allows agree, and a document goes through
// in the tokens that the vocabulary would have for it.
func TestRealVocabulary(t *testing.T) {
	v := qwen(t)
	m := compile(t, person).Matcher(grammar.NewIndex(v))
	logits := make([]float32, v.Len())
	document := `{"name": "Jos\u00e9 Müller 日本", "age": 42, "nick": "Zé", "code": "DE-007", "tags": ["red", "blue"], "more": {"a": [1.5e3, null]}}`
	for i, id := range v.Encode(nil, document, tokenizer.Options{}) {
		clear(logits)
		m.Mask(logits)
		if logits[id] != 0 {
			t.Fatalf("token %d, %q, is not allowed", i, v.Token(id))
		}
		for other := int32(i); int(other) < v.Len(); other += 97 {
			if m.Allows(other) != (logits[other] == 0) {
				t.Fatalf("before token %d: Allows(%q) is %v", i, v.Token(other), m.Allows(other))
			}
		}
		if err := m.Accept(id); err != nil {
			t.Fatal(err)
		}
	}
	end, _ := v.ID("<|im_end|>")
	if !m.Done() || !m.Allows(end) || m.Accept(end) != nil || !m.Done() || m.Allows(end) {
		t.Error("the document is not done")
	}
}

// BenchmarkMask is one Mask behind each prefix of a document: cold, where nothing
// is remembered of the text, and one token later.
func BenchmarkMask(b *testing.B) {
	v := qwen(b)
	index := grammar.NewIndex(v)
	g := compile(b, person)
	logits := make([]float32, v.Len())
	for _, c := range []struct{ name, prefix, next string }{
		{"start", ``, `{`}, {"string", `{"name":"a`, `b`}, {"short", `{"nick":"a`, `b`}, {"pattern", `{"code":"AB`, `-`}, {"number", `{"age":1`, `2`}, {"key", `{"`, `n`}, {"any", `{"more":{"a":`, `[`},
	} {
		prefix := v.Encode(nil, c.prefix, tokenizer.Options{})
		b.Run(c.name+"/cold", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				m := g.Matcher(index)
				for _, id := range prefix {
					if err := m.Accept(id); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				m.Mask(logits)
			}
		})
		b.Run(c.name+"/next", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				m := g.Matcher(index)
				for _, id := range prefix {
					if err := m.Accept(id); err != nil {
						b.Fatal(err)
					}
				}
				m.Mask(logits)
				if err := m.Accept(v.Encode(nil, c.next, tokenizer.Options{})[0]); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				m.Mask(logits)
			}
		})
	}
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			grammar.NewIndex(v)
		}
	})
	b.Run("allows", func(b *testing.B) {
		m := g.Matcher(index)
		ids := v.Encode(nil, `{`, tokenizer.Options{})
		for b.Loop() {
			m.Allows(ids[0])
		}
	})
}

// Schemas that are made to take long do not.
func TestHostileMask(t *testing.T) {
	v := qwen(t)
	index := grammar.NewIndex(v)
	var patterns []string
	for i := range 400 {
		patterns = append(patterns, fmt.Sprintf(`{"type":"string","pattern":"[a-%c]{%d}x|(é?.){12}$"}`, 'b'+i%24, i%20+1))
	}
	arrays := strings.Repeat(`{"type":"array","items":{"$ref":"#"}},`, 300)
	ways := `{"$ref":"#/0","900":{"type":"array"}`
	for i := range 900 {
		ways += fmt.Sprintf(`,"%d":{"anyOf":[{"$ref":"#/%d"},{"$ref":"#/%d"}]}`, i, i+1, i+1)
	}
	ways += "}"
	for _, c := range []struct{ schema, prefix string }{
		{`{"anyOf":[` + strings.Join(patterns, ",") + `]}`, `"ab`},
		{ways, ``},
		{`{"anyOf":[` + arrays + `{"const":1}]}`, `[[[`},
	} {
		m := compile(t, c.schema).Matcher(index)
		for _, id := range v.Encode(nil, c.prefix, tokenizer.Options{}) {
			if err := m.Accept(id); err != nil {
				t.Fatal(err)
			}
		}
		logits := make([]float32, v.Len())
		start := time.Now()
		m.Mask(logits)
		took := time.Since(start)
		if took > 10*time.Second {
			t.Errorf("%.60s: a mask takes %v", c.schema, took)
		}
		if slices.Max(logits) != 0 {
			t.Errorf("%.60s: nothing is allowed", c.schema)
		}
	}
}
