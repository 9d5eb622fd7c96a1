package moe

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"moed/moe/gguf"
	"moed/moe/tokenizer"
)

// maxVocab is twice the largest known number of tokens, and more than the
// largest of merges; it keeps a hostile file from costing much more memory than
// its header.
const maxVocab = 1 << 19

// Vocab reads a file's vocabulary. The error names the key that is missing or
// wrong. That the vocabulary makes sense is for tokenizer.New to say.
func Vocab(f *gguf.File) (tokenizer.Vocab, error) {
	for _, key := range []string{"tokenizer.ggml.tokens", "tokenizer.ggml.merges"} {
		if list, ok := f.Value(key); ok && list.Len() > maxVocab {
			return tokenizer.Vocab{}, fmt.Errorf("key %q: %d entries, want at most %d", key, list.Len(), maxVocab)
		}
	}
	r := vocabReader{f: f}
	v := tokenizer.Vocab{
		Model:          need(&r, "model", f.String),
		Pre:            optional(&r, "pre", f.String),
		Tokens:         need(&r, "tokens", f.Strings),
		Types:          r.types(),
		Scores:         optional(&r, "scores", f.Floats),
		AddBOS:         r.flag("add_bos_token"),
		AddEOS:         r.flag("add_eos_token"),
		AddSpacePrefix: r.flag("add_space_prefix"),
		StripAfter:     stripsAfter(f),
	}
	if v.Model == "gpt2" || v.Model == "gemma4" {
		v.Merges = need(&r, "merges", f.Strings)
	}
	n := len(v.Tokens)
	v.BOS, v.EOS = r.id("bos_token_id", n), r.id("eos_token_id", n)
	v.EOT, v.EOM = r.id("eot_token_id", n), r.id("eom_token_id", n)
	v.UNK, v.PAD = r.id("unknown_token_id", n), r.id("padding_token_id", n)
	v.SEP = r.id("seperator_token_id", n) // so spelled in files
	return v, r.err
}

// stripsAfter reports whether the model's tokenizer drops white space after
// special tokens. No key says so; llama.cpp goes by the name, too.
func stripsAfter(f *gguf.File) bool {
	name, err := f.String("general.name")
	name = strings.ToLower(name)
	return err == nil && (strings.Contains(name, "phi-3") || strings.Contains(name, "phi3"))
}

// vocabReader reads keys of the tokenizer and keeps the first error.
type vocabReader struct {
	f   *gguf.File
	err error
}

func (r *vocabReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// need reads a key that must be there.
func need[T any](r *vocabReader, key string, read func(string) (T, error)) T {
	v, err := read("tokenizer.ggml." + key)
	if err != nil {
		r.fail(err)
	}
	return v
}

// optional reads a key that may be missing, as the zero value.
func optional[T any](r *vocabReader, key string, read func(string) (T, error)) T {
	v, err := read("tokenizer.ggml." + key)
	if err != nil && !errors.Is(err, gguf.ErrNoKey) {
		r.fail(err)
	}
	return v
}

func (r *vocabReader) types() []int32 {
	wide := optional(r, "token_type", r.f.Ints)
	if wide == nil {
		return nil
	}
	types := make([]int32, len(wide))
	for i, t := range wide {
		if t < math.MinInt32 || t > math.MaxInt32 {
			r.fail(fmt.Errorf("key %q: token %d has type %d", "tokenizer.ggml.token_type", i, t))
		}
		types[i] = int32(t)
	}
	return types
}

// id is a special token of a vocabulary of n, -1 for none.
func (r *vocabReader) id(key string, n int) int32 {
	if !r.f.Has("tokenizer.ggml." + key) {
		return -1
	}
	id := need(r, key, r.f.Int)
	if id == -1 || id == math.MaxUint32 { // as files say, signed or not, that there is none
		return -1
	}
	if id < 0 || id >= int64(n) {
		r.fail(fmt.Errorf("key %q: token %d, the vocabulary has %d", "tokenizer.ggml."+key, id, n))
		return -1
	}
	return int32(id)
}

func (r *vocabReader) flag(key string) *bool {
	if !r.f.Has("tokenizer.ggml." + key) {
		return nil
	}
	b := need(r, key, r.f.Bool)
	return &b
}
