package tokenizer

import (
	"fmt"
	"strings"
	"sync"
)

// Tokenizer encodes and decodes with one vocabulary.
type Tokenizer struct {
	v       Vocab
	index   *index
	model   model
	texts   matcher // tokens found in any text
	special matcher // those and the control tokens
	ends    []int32 // tokens that end generation
	addBOS  bool
	addEOS  bool
	space   bool // a leading space is not part of the text
	warning string
	works   sync.Pool // of *work
}

// model encodes text that holds no special token. first says that the text begins
// the input or follows a special token.
type model interface {
	encode(dst []int32, w *work, text string, first bool) []int32
	text(dst []byte, id int32) []byte // of an ordinary token
}

// work is what one Encode needs at a time.
type work struct {
	symbols []symbol
	heap    heap
	spelled []byte
	ends    []int
	spare   []int
}

// Options say how Encode treats special tokens. The zero value takes the text as
// nothing but text.
type Options struct {
	// AddSpecial adds BOS and EOS as the vocabulary asks for.
	AddSpecial bool
	// ParseSpecial turns the texts of control tokens into these tokens. Text from
	// strangers must not be encoded so.
	ParseSpecial bool
}

// New checks and indexes a vocabulary. The error names what is wrong with it; for
// a model that is not supported it wraps ErrModel.
func New(v Vocab) (*Tokenizer, error) {
	if err := v.check(); err != nil {
		return nil, err
	}
	x := newIndex(v.Tokens)
	t := &Tokenizer{v: v, index: x}
	t.works.New = func() any { return new(work) }
	var err error
	switch v.Model {
	case "gpt2":
		p, known := preFor(v.Pre)
		if !known {
			t.warn("unknown pre-tokenizer %q: using the default, text may be cut in other places than in training", clip(v.Pre))
		}
		t.addBOS = p.addBOS
		t.model, err = newBPE(&t.v, x, p.cuts, false, p.whole)
	case "gemma4":
		t.addBOS = true
		t.model, err = newBPE(&t.v, x, cuts{lines}, true, false)
	case "llama":
		t.addBOS, t.space = true, true
		t.defaultSPM()
		override(&t.space, v.AddSpacePrefix)
		t.model = newSPM(&t.v, x, t.space)
	default:
		return nil, fmt.Errorf("%w: found %q, want gpt2 (byte-level BPE), llama (SentencePiece BPE) or gemma4", ErrModel, clip(v.Model))
	}
	if err != nil {
		return nil, err
	}
	if v.Model != "llama" && len(v.Merges) == 0 {
		t.warn("vocabulary has no merges: text becomes single bytes or characters")
	}
	override(&t.addBOS, v.AddBOS)
	override(&t.addEOS, v.AddEOS)
	t.checkAdded()
	t.findSpecial()
	return t, nil
}

func override(b *bool, by *bool) {
	if by != nil {
		*b = *by
	}
}

// defaultSPM fills in the ids that files of the model "llama" leave out.
func (t *Tokenizer) defaultSPM() {
	for _, d := range []struct {
		id   *int32
		want int32
	}{{&t.v.BOS, 1}, {&t.v.EOS, 2}, {&t.v.UNK, 0}} {
		if *d.id < 0 && int(d.want) < len(t.v.Tokens) {
			*d.id = d.want
		}
	}
	if len(t.v.Scores) == 0 {
		t.warn("vocabulary has no scores: all merges rank the same")
	}
}

// checkAdded gives up adding tokens that the vocabulary does not name.
func (t *Tokenizer) checkAdded() {
	if t.addBOS && t.v.BOS < 0 {
		t.addBOS = false
		t.warn("BOS should be added but the vocabulary names none")
	}
	if t.addEOS && t.v.EOS < 0 {
		t.addEOS = false
		t.warn("EOS should be added but the vocabulary names none")
	}
}

func (t *Tokenizer) warn(format string, args ...any) {
	if t.warning != "" {
		t.warning += "; "
	}
	t.warning += fmt.Sprintf(format, args...)
}

// Warning says what about the vocabulary is odd though usable, or nothing.
func (t *Tokenizer) Warning() string { return t.warning }

// Encode appends the tokens of text to dst.
func (t *Tokenizer) Encode(dst []int32, text string, o Options) []int32 {
	w := t.works.Get().(*work)
	defer t.works.Put(w)
	if o.AddSpecial && t.addBOS {
		dst = append(dst, t.v.BOS)
	}
	m := &t.texts
	if o.ParseSpecial {
		m = &t.special
	}
	first := true
	for text != "" {
		start, end, id := m.next(text)
		if start > 0 {
			dst = t.model.encode(dst, w, text[:start], first)
			first = false
		}
		if id >= 0 {
			dst = append(dst, id)
			first = true
		}
		text = text[end:]
		if id >= 0 && t.stripsAfter(id) {
			text = strings.TrimLeft(text, " \t\n\v\f\r")
		}
	}
	if o.AddSpecial && t.addEOS {
		dst = append(dst, t.v.EOS)
	}
	if cap(w.symbols) > 1<<16 { // keep the pool from holding the largest prompt for ever
		*w = work{}
	}
	return dst
}

// stripsAfter reports whether white space after a special token is dropped.
func (t *Tokenizer) stripsAfter(id int32) bool {
	if !t.v.StripAfter {
		return false
	}
	switch t.v.Tokens[id] {
	case "<s>", "<unk>", "<|endoftext|>":
		return false
	}
	return true
}

// Len is the number of tokens; ids are less.
func (t *Tokenizer) Len() int { return len(t.v.Tokens) }

// Token is the token as the vocabulary spells it, or nothing for an id out of
// range.
func (t *Tokenizer) Token(id int32) string {
	if !t.has(id) {
		return ""
	}
	return t.v.Tokens[id]
}

func (t *Tokenizer) has(id int32) bool { return id >= 0 && int(id) < len(t.v.Tokens) }

// ID finds a token by its spelling in the vocabulary.
func (t *Tokenizer) ID(token string) (int32, bool) {
	id := t.index.find(token)
	return id, id >= 0
}

// Type is the type of a token, Normal where the vocabulary does not say.
func (t *Tokenizer) Type(id int32) int32 {
	if !t.has(id) {
		return Undefined
	}
	return t.v.kind(id)
}

// Bytes appends the bytes that a token stands for in text, which may be part of a
// character. Control tokens stand for their own spelling; an id out of range for
// nothing.
func (t *Tokenizer) Bytes(dst []byte, id int32) []byte {
	if !t.has(id) {
		return dst
	}
	s := t.v.Tokens[id]
	switch t.v.kind(id) {
	case Unknown, Control, UserDefined:
		return append(dst, s...)
	case Byte:
		if b, ok := byteToken(s); ok {
			return append(dst, b)
		}
	}
	return t.model.text(dst, id)
}

// byteToken reads a token of the form <0x0A>.
func byteToken(s string) (byte, bool) {
	if len(s) != 6 || s[:3] != "<0x" || s[5] != '>' {
		return 0, false
	}
	hi, lo := strings.IndexByte(hexDigits, s[3]), strings.IndexByte(hexDigits, s[4])
	return byte(hi<<4 | lo), hi >= 0 && lo >= 0
}

const hexDigits = "0123456789ABCDEF"

// BOS is the token that begins a text, or -1.
func (t *Tokenizer) BOS() int32 { return t.v.BOS }

// EOS is the token that ends a text, or -1.
func (t *Tokenizer) EOS() int32 { return t.v.EOS }

// AddsBOS reports whether Options.AddSpecial adds BOS.
func (t *Tokenizer) AddsBOS() bool { return t.addBOS }
