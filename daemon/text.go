package daemon

import (
	"context"

	"moed/moe/tokenizer"
)

// Facts are what is fixed about an open model.
type Facts struct {
	Architecture string
	Context      int // tokens that a request may have
	TrainContext int // that the model was made for
	Vocab        int
	Hidden       int
	Layers       int
	Experts      int // of a layer; 0 for a dense model
	TopK         int
	Template     string // source of the file's chat template, or ""
	BOS, EOS     string // as spelled in the vocabulary, or ""
	AddsBOS      bool
}

// Facts of the model.
func (e *Engine) Facts() Facts {
	c, tok := e.model.Config(), e.model.Tokenizer()
	f := Facts{Architecture: c.Architecture, Context: e.model.Options().Context, TrainContext: c.Context, Vocab: c.Vocab,
		Hidden: c.Hidden, Layers: c.Layers, Experts: c.Experts, TopK: c.TopK, AddsBOS: tok.AddsBOS(),
		BOS: string(tok.Bytes(nil, tok.BOS())), EOS: string(tok.Bytes(nil, tok.EOS()))}
	f.Template, _ = e.model.File().String("tokenizer.chat_template")
	return f
}

// TokenizeOptions say how Tokenize treats special tokens, as the tokenizer's do.
type TokenizeOptions = tokenizer.Options

// Tokenize turns text into tokens.
func (e *Engine) Tokenize(text string, o TokenizeOptions) []int32 {
	return e.model.Tokenizer().Encode(nil, text, o)
}

// Detokenize turns tokens back into text; ids out of range have none.
func (e *Engine) Detokenize(ids []int32) string { return e.model.Tokenizer().Decode(ids) }

// TokenBytes is what one token stands for, which may be part of a character.
func (e *Engine) TokenBytes(id int32) []byte { return e.model.Tokenizer().Bytes(nil, id) }

// CountPrompt is how many tokens the prompt of r has.
func (e *Engine) CountPrompt(ctx context.Context, r *Request) (int, error) {
	ids, err := e.prompt(ctx, r)
	return len(ids), err
}
