package moe

import (
	"errors"

	"moed/moe/chat"
	"moed/moe/gguf"
	"moed/moe/tokenizer"
)

// Template makes the chat template of a file with its tokenizer. It is nil
// where the file has none and neither its architecture nor its vocabulary tells
// that it was trained on chats: such a model continues text.
func Template(f *gguf.File, tok *tokenizer.Tokenizer) (*chat.Template, error) {
	source, err := f.String("tokenizer.chat_template")
	if err != nil && !errors.Is(err, gguf.ErrNoKey) {
		return nil, err
	}
	arch, err := f.String("general.architecture")
	if err != nil {
		return nil, err
	}
	has := func(text string) bool {
		_, ok := tok.ID(text)
		return ok
	}
	if source == "" && !has("<|im_start|>") && !has("<|start|>") {
		return nil, nil
	}
	o := chat.Options{Template: source, Architecture: arch, HasToken: has}
	if id := tok.BOS(); id >= 0 {
		o.BOS = tok.Token(id)
	}
	if id := tok.EOS(); id >= 0 {
		o.EOS = tok.Token(id)
	}
	return chat.New(o)
}
