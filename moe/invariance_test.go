package moe

import (
	"context"
	"math"
	"path/filepath"
	"testing"
)

// TestInvariance runs the same tokens in one batch, in chunks, beside other
// sessions and on other thread counts: every logit must have the same bits.
func TestInvariance(t *testing.T) {
	for _, path := range goldenFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			g := readGolden(t, path)
			ids := append(append([]int32{}, g.Prompt...), g.Greedy...)
			ids = append(ids, ids[:20]...) // over the edge of a KV block
			one := openGolden(t, path, Options{Threads: 1, Context: 256})
			want := whole(t, one, ids)
			two := openGolden(t, path, Options{Threads: 2, Context: 256})
			sameBits(t, "two threads", want, whole(t, two, ids))
			for _, chunk := range []int{1, 7, 64} {
				s := newSession(t, two)
				sameBits(t, "chunks", want, feed(t, s, ids, chunk))
			}
			sameBits(t, "beside others", want, beside(t, two, ids))
			s := newSession(t, one)
			feed(t, s, ids[:30], 30)
			if err := s.Rewind(11); err != nil {
				t.Fatal(err)
			}
			sameBits(t, "rewound", want[11:], feed(t, s, ids[11:], 9))
		})
	}
}

func newSession(t testing.TB, m *Model) *Session {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func whole(t testing.TB, m *Model, ids []int32) [][]float32 {
	return feed(t, newSession(t, m), ids, len(ids))
}

// beside feeds ids in uneven chunks, each in one batch with tokens of two other
// sessions, some before and some between them.
func beside(t testing.TB, m *Model, ids []int32) [][]float32 {
	t.Helper()
	s, other, third := newSession(t, m), newSession(t, m), newSession(t, m)
	var all [][]float32
	for at, n := 0, 1; at < len(ids); n = n%5 + 1 {
		batch := []Token{{Session: other, ID: ids[len(ids)-1-at]}}
		for i := at; i < min(at+n, len(ids)); i++ {
			logits := make([]float32, m.config.Vocab)
			batch = append(batch, Token{Session: s, ID: ids[i], Logits: logits}, Token{Session: third, ID: ids[i/2]})
			all = append(all, logits)
		}
		if err := m.Forward(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		at += n
	}
	return all
}

func sameBits(t *testing.T, what string, want, got [][]float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: logits of %d positions, want %d", what, len(got), len(want))
	}
	for pos := range want {
		for i := range want[pos] {
			if math.Float32bits(got[pos][i]) != math.Float32bits(want[pos][i]) {
				t.Fatalf("%s: position %d logit %d is %v, want %v", what, pos, i, got[pos][i], want[pos][i])
			}
		}
	}
}
