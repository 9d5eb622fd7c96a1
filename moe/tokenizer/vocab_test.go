package tokenizer_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"moed/moe/gguf"
	"moed/moe/tokenizer"
)

const vocabularies = "../../testdata/tokenizers"

// names are the vocabularies that have test vectors.
var names = []string{
	"qwen2", "llama-bpe", "gpt-2", "llama-spm", "phi-3", "deepseek-llm", "deepseek-coder", "starcoder", "falcon",
}

// vocabOf reads the vocabulary of a GGUF.
func vocabOf(f *gguf.File) (tokenizer.Vocab, error) {
	var v tokenizer.Vocab
	var errs []error
	missing := func(err error) bool {
		if err != nil && !errors.Is(err, gguf.ErrNoKey) {
			errs = append(errs, err)
		}
		return err != nil
	}
	var err error
	if v.Model, err = f.String("tokenizer.ggml.model"); err != nil {
		return v, err
	}
	if v.Tokens, err = f.Strings("tokenizer.ggml.tokens"); err != nil {
		return v, err
	}
	v.Pre, err = f.String("tokenizer.ggml.pre")
	missing(err)
	v.Merges, err = f.Strings("tokenizer.ggml.merges")
	missing(err)
	v.Scores, err = f.Floats("tokenizer.ggml.scores")
	missing(err)
	types, err := f.Ints("tokenizer.ggml.token_type")
	if !missing(err) {
		v.Types = make([]int32, len(types))
		for i, t := range types {
			v.Types[i] = int32(t)
		}
	}
	for key, id := range map[string]*int32{
		"bos": &v.BOS, "eos": &v.EOS, "eot": &v.EOT, "eom": &v.EOM,
		"unknown": &v.UNK, "padding": &v.PAD, "seperator": &v.SEP,
	} {
		*id = -1
		n, err := f.Uint("tokenizer.ggml." + key + "_token_id")
		if !missing(err) && n < uint64(len(v.Tokens)) { // files write 2^32-1 for none
			*id = int32(n)
		}
	}
	for key, b := range map[string]**bool{
		"add_bos_token": &v.AddBOS, "add_eos_token": &v.AddEOS, "add_space_prefix": &v.AddSpacePrefix,
	} {
		set, err := f.Bool("tokenizer.ggml." + key)
		if !missing(err) {
			*b = &set
		}
	}
	return v, errors.Join(errs...)
}

func unzipped(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join(vocabularies, "ggml-vocab-"+name+".gguf.gz"))
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
	return data
}

func loadVocab(t testing.TB, name string) tokenizer.Vocab {
	t.Helper()
	data := unzipped(t, name)
	f, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vocabOf(f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func load(t testing.TB, name string) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.New(loadVocab(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}
