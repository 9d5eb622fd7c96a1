package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// table ranks pairs at random, so that new pairs may rank before old ones, which a
// trained vocabulary never does.
type table map[[2]int32][2]int32

func (t table) rank(_ string, left, right symbol) (rank, merged int32) {
	if r, ok := t[[2]int32{left.id, right.id}]; ok {
		return r[0], r[1]
	}
	return never, -1
}

// mergeSlowly is the definition: the least rank, leftmost first, until none is left.
func mergeSlowly(r ranker, s []symbol) []symbol {
	for {
		best, at, into := int32(never), -1, int32(-1)
		for i := 0; i+1 < len(s); i++ {
			if rank, merged := r.rank("", s[i], s[i+1]); rank < best {
				best, at, into = rank, i, merged
			}
		}
		if at < 0 {
			return s
		}
		s[at].end, s[at].id = s[at+1].end, into
		s = slices.Delete(s, at+1, at+2)
	}
}

func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		r := table{}
		for range rng.IntN(30) {
			r[[2]int32{rng.Int32N(6), rng.Int32N(6)}] = [2]int32{rng.Int32N(8), rng.Int32N(6)}
		}
		s := make([]symbol, 1+rng.IntN(few))
		for i := range s {
			s[i] = symbol{start: int32(i), end: int32(i + 1), id: rng.Int32N(6) - 1}
		}
		want := mergeSlowly(r, slices.Clone(s))
		got := mergeFew(r, "", slices.Clone(s))
		w := &work{symbols: slices.Clone(s)}
		many := w.mergeMany(r, "")
		for i := range many {
			many[i].prev, many[i].next = 0, 0
		}
		if !slices.Equal(got, want) || !slices.Equal(many, want) {
			t.Fatalf("table %v, %v\nfew  %v\nmany %v\nwant %v", r, s, got, many, want)
		}
	}
}

// Cutting SentencePiece text at spaces must change nothing but speed.
func TestSPMWords(t *testing.T) {
	v := Vocab{Model: "llama", BOS: -1, EOS: -1, EOT: -1, EOM: -1, UNK: -1, PAD: -1, SEP: -1}
	v.Tokens = []string{"▁", "a", "b", "▁a", "▁▁", "▁▁▁", "ab", "ba", "▁ab", "▁▁a", "aba", "▁▁▁▁"}
	for i := range v.Tokens {
		v.Scores = append(v.Scores, -float32(i*7%5))
	}
	x := newIndex(v.Tokens)
	words, whole := newSPM(&v, x, true), newSPM(&v, x, true)
	if !words.words {
		t.Fatal("no cutting at spaces")
	}
	whole.words = false
	rng := rand.New(rand.NewPCG(9, 10))
	for range 3000 {
		var b strings.Builder
		for range rng.IntN(100) {
			b.WriteString([]string{" ", "a", "b", "ab", "  ", "c", "▁"}[rng.IntN(7)])
		}
		got, want := words.encode(nil, new(work), b.String(), true), whole.encode(nil, new(work), b.String(), true)
		if !slices.Equal(got, want) {
			t.Fatalf("%q: got %v, want %v", b.String(), got, want)
		}
	}
}
