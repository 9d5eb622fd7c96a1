package daemon

import (
	"fmt"
	"strings"

	"moed/moe/tokenizer"
)

// Infill asks for the text between Prefix and Suffix.
type Infill struct {
	Prefix, Suffix string
	// Files stand before it, where the vocabulary has a form for that; where it
	// has none, as text.
	Files []InfillFile
}

// InfillFile is a further file, or a part of one.
type InfillFile struct{ Name, Text string }

// CanInfill reports whether the model's vocabulary has the tokens that mark a
// gap in a text, so that Suffix can be asked of it.
func (e *Engine) CanInfill() bool {
	_, ok := e.gap()
	return ok
}

// InfillIDs is the prompt that asks for the text of a gap. The error is a
// *RequestError where the vocabulary has no tokens for one.
func (e *Engine) InfillIDs(in Infill) ([]int32, error) {
	g, ok := e.gap()
	if !ok {
		return nil, &RequestError{Param: "suffix", Err: fmt.Errorf("model %s has no tokens for filling in the middle; leave the suffix out, or use a model that has them", e.name)}
	}
	tok := e.model.Tokenizer()
	var ids []int32
	if tok.AddsBOS() && tok.BOS() >= 0 {
		ids = append(ids, tok.BOS())
	}
	ids = g.files(ids, tok, in.Files)
	if g.middle < 0 { // the suffix comes first, and the gap behind the prefix
		ids = tok.Encode(append(ids, g.suffix), in.Suffix, tokenizer.Options{})
		return tok.Encode(append(ids, g.prefix), in.Prefix, tokenizer.Options{}), nil
	}
	ids = tok.Encode(append(ids, g.prefix), in.Prefix, tokenizer.Options{})
	ids = tok.Encode(append(ids, g.suffix), in.Suffix, tokenizer.Options{})
	return append(ids, g.middle), nil
}

// infill is InfillIDs for a request with a suffix.
func (e *Engine) infill(r *Request) ([]int32, error) {
	switch {
	case r.Messages != nil:
		return nil, &RequestError{Param: "suffix", Err: fmt.Errorf("it goes with a prompt, not with messages")}
	case r.System != "":
		return nil, &RequestError{Param: "suffix", Err: fmt.Errorf("it cannot go with a system text")}
	}
	return e.InfillIDs(Infill{Prefix: r.Prompt, Suffix: r.Suffix})
}

// gap is how a vocabulary marks a gap, -1 for what it lacks.
type gap struct {
	prefix, suffix, middle int32 // middle is -1 where the suffix comes first
	repo, file             int32
}

// gap looks for the tokens by the keys of the file, and else by their spelling.
func (e *Engine) gap() (gap, bool) {
	g := gap{
		prefix: e.marker([]string{"fim_pre_token_id", "prefix_token_id"},
			"<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>", "<PRE>", "▁<PRE>", "<｜fim▁begin｜>", "<|code_prefix|>"),
		suffix: e.marker([]string{"fim_suf_token_id", "suffix_token_id"},
			"<|fim_suffix|>", "<fim_suffix>", "<fim-suffix>", "<SUF>", "▁<SUF>", "<｜fim▁hole｜>", "<|code_suffix|>"),
		middle: e.marker([]string{"fim_mid_token_id", "middle_token_id"},
			"<|fim_middle|>", "<fim_middle>", "<fim-middle>", "<MID>", "▁<MID>", "<｜fim▁end｜>", "<|code_middle|>"),
		repo: e.marker([]string{"fim_rep_token_id"}, "<|fim_repo|>", "<|repo_name|>", "<fim_repo>", "<fim-repo>", "<REPO>", "<reponame>"),
		file: e.marker([]string{"fim_sep_token_id"}, "<|file_sep|>", "<file_sep>"),
	}
	if g.prefix >= 0 && g.suffix >= 0 && g.middle >= 0 {
		return g, true
	}
	g.prefix, g.suffix, g.middle = e.marker(nil, "[PREFIX]"), e.marker(nil, "[SUFFIX]"), -1
	return g, g.prefix >= 0 && g.suffix >= 0
}

// marker is the token that one of the keys names or that has one of the
// spellings, or -1.
func (e *Engine) marker(keys []string, spellings ...string) int32 {
	tok, file := e.model.Tokenizer(), e.model.File()
	for _, key := range keys {
		if id, err := file.Int("tokenizer.ggml." + key); err == nil && id >= 0 && id < int64(tok.Len()) {
			return int32(id)
		}
	}
	for _, s := range spellings {
		if id, ok := tok.ID(s); ok {
			return id
		}
	}
	return -1
}

// files appends what stands before the gap. Where there are no tokens for files,
// each stands as text under its name.
func (g *gap) files(ids []int32, tok *tokenizer.Tokenizer, files []InfillFile) []int32 {
	if len(files) == 0 {
		return ids
	}
	if g.file < 0 {
		var b strings.Builder
		for _, f := range files {
			fmt.Fprintf(&b, "%s\n%s\n\n", f.Name, f.Text)
		}
		return tok.Encode(ids, b.String(), tokenizer.Options{})
	}
	if g.repo >= 0 {
		ids = tok.Encode(append(ids, g.repo), "repository\n", tokenizer.Options{})
	}
	for _, f := range files {
		ids = tok.Encode(append(ids, g.file), f.Name+"\n"+f.Text, tokenizer.Options{})
	}
	return append(ids, g.file)
}
