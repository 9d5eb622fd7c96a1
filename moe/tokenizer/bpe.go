package tokenizer

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// bpe is byte-pair encoding: text is cut into pieces, pieces into bytes (or, for
// "gemma4", into characters), and neighbours merge by rank. Sennrich et al. 2016,
// over bytes as in Radford et al. 2019.
type bpe struct {
	v      *Vocab
	index  *index
	pairs  *pairs
	cuts   cuts
	letter spelling
	bytes  [256]int32 // token of each byte, or -1
	whole  outcomes
	plain  bool // tokens are plain text with "▁" for space, not letters
	direct bool // a piece that is a token is that token, whatever the merges say
}

func newBPE(v *Vocab, x *index, c cuts, plain, direct bool) (*bpe, error) {
	m := &bpe{v: v, index: x, cuts: c, plain: plain, direct: direct, whole: newOutcomes(len(v.Tokens)), letter: newSpelling()}
	for b := range m.bytes {
		if plain {
			m.bytes[b] = x.find(fmt.Sprintf("<0x%02X>", b))
		} else {
			m.bytes[b] = x.findBytes(m.letter[b].b[:m.letter[b].n])
		}
	}
	m.pairs = newPairs(len(v.Merges))
	var both []byte
	for rank, s := range v.Merges {
		// A space may be the first character of the left side, never the whole of it.
		cut := -1
		if s != "" {
			cut = strings.IndexByte(s[1:], ' ') + 1
		}
		if cut < 1 || cut+1 == len(s) {
			return nil, fmt.Errorf("merge %d: found %q, want two tokens with a space between", rank, clip(s))
		}
		left, right := x.find(s[:cut]), x.find(s[cut+1:])
		if left < 0 || right < 0 {
			continue
		}
		both = append(append(both[:0], s[:cut]...), s[cut+1:]...)
		if id := x.findBytes(both); id >= 0 && v.ordinary(id) {
			m.pairs.add(left, right, int32(rank), id)
		}
	}
	return m, nil
}

// clip shortens text from a file for an error.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}

func (m *bpe) rank(_ string, left, right symbol) (rank, merged int32) {
	return m.pairs.find(left.id, right.id)
}

func (m *bpe) encode(dst []int32, w *work, text string, _ bool) []int32 {
	if m.plain {
		text = strings.ReplaceAll(text, " ", "▁")
	}
	start := 0
	for _, end := range m.cuts.split(w, text) {
		dst = m.piece(dst, w, text[start:end])
		start = end
	}
	return dst
}

// piece appends the tokens of one piece, which is not empty.
func (m *bpe) piece(dst []int32, w *work, s string) []int32 {
	id := m.find(w, s)
	if id >= 0 {
		// Line feeds of "gemma4" come as tokens that its merges do not reach.
		if m.direct || m.whole.same(id) || m.plain && strings.Trim(s, "\n") == "" {
			return append(dst, id)
		}
	}
	symbols := m.symbols(w, s)
	if id >= 0 {
		m.whole.record(id, len(symbols) == 1 && symbols[0].id == id)
	}
	for _, y := range symbols {
		if y.id >= 0 {
			dst = append(dst, y.id)
		} else {
			dst = m.bytewise(dst, s[y.start:y.end])
		}
	}
	return dst
}

// find is the ordinary token that is text s, or -1.
func (m *bpe) find(w *work, s string) int32 {
	id := int32(-1)
	if m.plain {
		id = m.index.find(s)
	} else if len(s) <= m.index.length { // letters are no fewer than bytes
		w.spelled = m.letter.append(w.spelled[:0], s)
		id = m.index.findBytes(w.spelled)
	}
	if id >= 0 && !m.v.ordinary(id) {
		return -1
	}
	return id
}

// symbols cuts a piece into bytes or characters and merges them.
func (m *bpe) symbols(w *work, s string) []symbol {
	w.symbols = slices.Grow(w.symbols[:0], len(s))
	for i := 0; i < len(s); {
		n, id := 1, int32(-1)
		if m.plain {
			_, n = utf8.DecodeRuneInString(s[i:])
			id = m.find(w, s[i:i+n])
		} else {
			id = m.bytes[s[i]]
		}
		w.symbols = append(w.symbols, symbol{start: int32(i), end: int32(i + n), id: id})
		i += n
	}
	return w.merge(m, s)
}

// bytewise appends the tokens of single bytes. A byte that has none becomes the
// unknown token, or nothing where that is absent too.
func (m *bpe) bytewise(dst []int32, s string) []int32 {
	for i := 0; i < len(s); i++ {
		id := m.bytes[s[i]]
		if id < 0 {
			id = m.v.UNK
		}
		if id >= 0 {
			dst = append(dst, id)
		}
	}
	return dst
}

func (m *bpe) text(dst []byte, id int32) []byte {
	if m.plain {
		return appendUnescaped(dst, m.v.Tokens[id])
	}
	return appendSpelled(dst, m.v.Tokens[id])
}
