package moe

import (
	"errors"
	"fmt"

	"moed/moe/gguf"
	"moed/moe/tokenizer"
)

// Vocab reads a file's vocabulary. The error names the key that is missing or
// wrong.
func Vocab(f *gguf.File) (tokenizer.Vocab, error) {
	v := tokenizer.Vocab{}
	var err error
	if v.Model, err = f.String("tokenizer.ggml.model"); err != nil {
		return v, err
	}
	if v.Tokens, err = f.Strings("tokenizer.ggml.tokens"); err != nil {
		return v, err
	}
	r := vocabReader{f: f, tokens: len(v.Tokens)}
	optional(&r, "pre", f.String, &v.Pre)
	optional(&r, "scores", f.Floats, &v.Scores)
	optional(&r, "merges", f.Strings, &v.Merges)
	v.Types = r.types()
	for key, id := range map[string]*int32{
		"bos_token_id": &v.BOS, "eos_token_id": &v.EOS, "eot_token_id": &v.EOT, "eom_token_id": &v.EOM,
		"unknown_token_id": &v.UNK, "padding_token_id": &v.PAD, "seperator_token_id": &v.SEP,
	} {
		*id = r.id(key)
	}
	v.AddBOS, v.AddEOS, v.AddSpacePrefix = r.flag("add_bos_token"), r.flag("add_eos_token"), r.flag("add_space_prefix")
	return v, r.err
}

// vocabReader reads keys that may be missing and keeps the first error.
type vocabReader struct {
	f      *gguf.File
	tokens int
	err    error
}

// optional sets dst from a key of the tokenizer, where it is there.
func optional[T any](r *vocabReader, key string, read func(string) (T, error), dst *T) bool {
	v, err := read("tokenizer.ggml." + key)
	switch {
	case err == nil:
		*dst = v
		return true
	case !errors.Is(err, gguf.ErrNoKey) && r.err == nil:
		r.err = err
	}
	return false
}

func (r *vocabReader) types() []int32 {
	var wide []int64
	if !optional(r, "token_type", r.f.Ints, &wide) {
		return nil
	}
	types := make([]int32, len(wide))
	for i, t := range wide {
		types[i] = int32(t)
	}
	return types
}

// id is a special token, -1 for none.
func (r *vocabReader) id(key string) int32 {
	var id uint64
	if !optional(r, key, r.f.Uint, &id) {
		return -1
	}
	if id >= uint64(r.tokens) {
		// Converters write 2^32-1 for a token that the model does not have.
		if id != 1<<32-1 && r.err == nil {
			r.err = fmt.Errorf("key %q: token %d, the vocabulary has %d", "tokenizer.ggml."+key, id, r.tokens)
		}
		return -1
	}
	return int32(id)
}

func (r *vocabReader) flag(key string) *bool {
	var b bool
	if !optional(r, key, r.f.Bool, &b) {
		return nil
	}
	return &b
}
