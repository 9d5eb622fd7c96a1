package grammar

import (
	"bytes"
	"slices"
)

// Vocabulary is the tokens of a model.
type Vocabulary interface {
	Len() int
	// Bytes appends what token id stands for in text.
	Bytes(dst []byte, id int32) []byte
	// IsEnd reports whether the token ends an answer.
	IsEnd(id int32) bool
	// IsControl reports whether the token stands for no text.
	IsControl(id int32) bool
}

// Index is a vocabulary as a trie of bytes, for finding all tokens that may follow
// at once. It takes some 12 bytes for each node and 4 for each token (7 MB for Qwen's), does
// not change, and is itself a Vocabulary: given to Grammar.Matcher, it is used as
// it is, so that all matchers of a model share it.
type Index struct {
	Vocabulary
	ends []int32

	nodes []trieNode // in depth-first order, and one behind the last
	ids   []int32    // of tokens, in the order of the nodes they end at

	deepest int
}

// trieNode is a byte of tokens. The tokens that end with it are ids[first:] up to
// the next node's first.
type trieNode struct {
	skip  int32 // the node behind all that are below
	first int32
	depth uint16 // bytes above
	c     byte
}

const longestToken = 1 << 12 // bytes; longer ones are never chosen

// NewIndex indexes a vocabulary, which takes a fraction of a second.
func NewIndex(v Vocabulary) *Index {
	x := &Index{Vocabulary: v}
	type token struct {
		from, to int
		id       int32
	}
	var all []byte
	var tokens []token
	for id := range int32(v.Len()) {
		if v.IsEnd(id) {
			x.ends = append(x.ends, id)
			continue
		}
		if v.IsControl(id) {
			continue
		}
		from := len(all)
		all = v.Bytes(all, id)
		if n := len(all) - from; n > 0 && n <= longestToken {
			tokens = append(tokens, token{from, len(all), id})
		}
	}
	slices.SortFunc(tokens, func(a, b token) int {
		if c := bytes.Compare(all[a.from:a.to], all[b.from:b.to]); c != 0 {
			return c
		}
		return int(a.id - b.id)
	})
	var path []int32 // nodes above
	var last []byte
	for _, t := range tokens {
		text := all[t.from:t.to]
		same := 0
		for same < len(last) && same < len(text) && last[same] == text[same] {
			same++
		}
		for _, above := range path[same:] {
			x.nodes[above].skip = int32(len(x.nodes))
		}
		path = path[:same]
		for i := same; i < len(text); i++ {
			path = append(path, int32(len(x.nodes)))
			x.nodes = append(x.nodes, trieNode{first: int32(len(x.ids)), depth: uint16(i), c: text[i]})
		}
		x.ids = append(x.ids, t.id)
		last, x.deepest = text, max(x.deepest, len(text))
	}
	for _, above := range path {
		x.nodes[above].skip = int32(len(x.nodes))
	}
	x.nodes = append(x.nodes, trieNode{first: int32(len(x.ids))})
	return x
}
