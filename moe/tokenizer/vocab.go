package tokenizer

import (
	"errors"
	"fmt"
	"math"
)

// Token types, as in the array tokenizer.ggml.token_type.
const (
	Undefined   int32 = 0
	Normal      int32 = 1
	Unknown     int32 = 2
	Control     int32 = 3
	UserDefined int32 = 4
	Unused      int32 = 5
	Byte        int32 = 6
)

// ErrModel is wrapped by the error for a vocabulary of a model that New does not
// support.
var ErrModel = errors.New("unsupported tokenizer model")

// Vocab is a vocabulary as plain data. New keeps the slices: they must not be
// changed afterwards.
type Vocab struct {
	// Model is the algorithm: "gpt2" for byte-level BPE, "llama" for SentencePiece
	// BPE, "gemma4" for BPE over text whose spaces are "▁".
	Model string
	// Pre names how text is cut into pieces before BPE, "qwen2" for example. It
	// means nothing to "llama" and "gemma4".
	Pre string

	Tokens []string  // by id, as the file has them
	Types  []int32   // by id; nil where unknown, which is taken as all Normal
	Scores []float32 // by id; "llama" merges the pair of the highest score first
	Merges []string  // "left right" in order of rank, for "gpt2" and "gemma4"

	// Ids of special tokens, -1 where absent. The model "llama" then takes 1 for
	// BOS, 2 for EOS and 0 for UNK, as its files leave them out.
	BOS, EOS, EOT, EOM, UNK, PAD, SEP int32

	// AddBOS and AddEOS say whether Options.AddSpecial adds those tokens. Where nil,
	// BOS is added for "llama", "gemma4" and a few values of Pre, and EOS never.
	AddBOS, AddEOS *bool
	// AddSpacePrefix says whether a space goes before text that begins the input or
	// follows a special token. Where nil, it does for "llama" alone; others ignore
	// it.
	AddSpacePrefix *bool
	// StripAfter drops white space after control and user-defined tokens in the
	// text, except after <s>, <unk> and <|endoftext|>. Phi-3 is trained so; no key
	// of a GGUF says it.
	StripAfter bool
}

// check finds what would make ids point outside of the vocabulary.
func (v *Vocab) check() error {
	n := len(v.Tokens)
	if n == 0 {
		return errors.New("vocabulary has no tokens")
	}
	if n > math.MaxInt32 {
		return fmt.Errorf("vocabulary has %d tokens, want at most %d", n, math.MaxInt32)
	}
	if len(v.Types) != 0 && len(v.Types) != n {
		return fmt.Errorf("token types: found %d, want one for each of %d tokens", len(v.Types), n)
	}
	if len(v.Scores) != 0 && len(v.Scores) != n {
		return fmt.Errorf("scores: found %d, want one for each of %d tokens", len(v.Scores), n)
	}
	for _, s := range []struct {
		name string
		id   int32
	}{{"bos", v.BOS}, {"eos", v.EOS}, {"eot", v.EOT}, {"eom", v.EOM}, {"unk", v.UNK}, {"pad", v.PAD}, {"sep", v.SEP}} {
		if s.id < -1 || int(s.id) >= n {
			return fmt.Errorf("%s token: found id %d, want -1 or less than %d", s.name, s.id, n)
		}
	}
	return nil
}

// kind is the type of a token that exists.
func (v *Vocab) kind(id int32) int32 {
	if len(v.Types) == 0 {
		return Normal
	}
	return v.Types[id]
}

// ordinary reports whether plain text may become the token. Control tokens are
// kept out, so that no text can forge one, and so are those that stand for
// something else than their own text.
func (v *Vocab) ordinary(id int32) bool {
	switch v.kind(id) {
	case Control, Unknown, Byte:
		return false
	}
	return true
}
