package tokenizer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// blank stands for a space inside tokens of SentencePiece.
const blank = "▁"

// spm is the BPE of SentencePiece (Kudo and Richardson 2018): spaces become "▁",
// characters are the first symbols, and two neighbours merge if what they spell
// is a token, that of the highest score first.
type spm struct {
	v     *Vocab
	index *index
	ranks []int32 // by id, 0 for the highest score; equal scores have equal ranks
	bytes [256]int32
	whole outcomes
	words bool // no token has a "▁" after another character, so text may be cut there
	space bool // text begins with a space of its own
}

func newSPM(v *Vocab, x *index, space bool) *spm {
	m := &spm{v: v, index: x, space: space, words: true, whole: newOutcomes(len(v.Tokens)), ranks: scoreRanks(v)}
	for b := range m.bytes {
		m.bytes[b] = x.find(fmt.Sprintf("<0x%02X>", b))
		if m.bytes[b] < 0 {
			m.bytes[b] = v.UNK
		}
	}
	for id, s := range v.Tokens {
		if v.ordinary(int32(id)) && strings.Contains(strings.TrimLeft(s, blank), blank) {
			m.words = false
			break
		}
	}
	return m
}

// scoreRanks turns scores into ranks. Missing scores are all equal; not a number
// is the lowest.
func scoreRanks(v *Vocab) []int32 {
	ranks := make([]int32, len(v.Tokens))
	if len(v.Scores) == 0 {
		return ranks
	}
	order := make([]int32, len(ranks))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(v.Scores[b], v.Scores[a]) })
	rank := int32(0)
	for i, id := range order {
		if i > 0 && cmp.Compare(v.Scores[id], v.Scores[order[i-1]]) != 0 {
			rank++
		}
		ranks[id] = rank
	}
	return ranks
}

func (m *spm) rank(text string, left, right symbol) (rank, merged int32) {
	if id := m.find(text[left.start:right.end]); id >= 0 {
		return m.ranks[id], id
	}
	return never, -1
}

func (m *spm) encode(dst []int32, w *work, text string, first bool) []int32 {
	escaped := strings.ReplaceAll(text, " ", blank)
	if first && m.space {
		escaped = blank + escaped
	}
	for escaped != "" {
		n := min(len(escaped), maxPiece)
		if m.words {
			n = min(n, wordEnd(escaped))
		}
		dst = m.piece(dst, w, escaped[:n])
		escaped = escaped[n:]
	}
	return dst
}

// wordEnd is where the first "▁" follows another character, or the length of s.
func wordEnd(s string) int {
	lead := 0
	for strings.HasPrefix(s[lead:], blank) {
		lead += len(blank)
	}
	if n := strings.Index(s[lead:], blank); n >= 0 {
		return lead + n
	}
	return len(s)
}

// find is the ordinary token that is text s, or -1.
func (m *spm) find(s string) int32 {
	if id := m.index.find(s); id >= 0 && m.v.ordinary(id) {
		return id
	}
	return -1
}

// piece appends the tokens of one piece, which is not empty.
func (m *spm) piece(dst []int32, w *work, s string) []int32 {
	id := m.find(s)
	if id >= 0 && m.whole.same(id) {
		return append(dst, id)
	}
	w.symbols = slices.Grow(w.symbols[:0], len(s))
	for i := 0; i < len(s); {
		_, n := utf8.DecodeRuneInString(s[i:])
		w.symbols = append(w.symbols, symbol{start: int32(i), end: int32(i + n), id: m.find(s[i : i+n])})
		i += n
	}
	symbols := w.merge(m, s)
	if id >= 0 {
		m.whole.record(id, len(symbols) == 1 && symbols[0].id == id)
	}
	for _, y := range symbols {
		if y.id >= 0 {
			dst = append(dst, y.id)
			continue
		}
		for i := y.start; i < y.end; i++ {
			if b := m.bytes[s[i]]; b >= 0 {
				dst = append(dst, b)
			}
		}
	}
	return dst
}

func (m *spm) text(dst []byte, id int32) []byte { return appendUnescaped(dst, m.v.Tokens[id]) }

// appendUnescaped appends s with spaces for "▁".
func appendUnescaped(dst []byte, s string) []byte {
	for {
		i := strings.Index(s, blank)
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:i]...), ' ')
		s = s[i+len(blank):]
	}
}
