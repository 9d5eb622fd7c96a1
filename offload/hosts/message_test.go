package hosts

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"moed/moe/expert"
)

func job() *expert.Job {
	return &expert.Job{Layer: 3, Experts: []int32{1, 5}, Counts: []int32{2, 1}, Rows: []int32{0, 1, 1}, Hidden: []float32{1, -2, 3, 4.5}}
}

func TestMessages(t *testing.T) {
	b := appendRequest([]byte("kept"), job(), 2)[4:]
	if len(b) != requestSize(2, 2, 3, 2) {
		t.Errorf("%d bytes, want %d", len(b), requestSize(2, 2, 3, 2))
	}
	got, err := readRequest(b, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := job()
	if got.Layer != 3 || !slices.Equal(got.Experts, want.Experts) || !slices.Equal(got.Counts, want.Counts) || !slices.Equal(got.Rows, want.Rows) || !slices.Equal(got.Hidden, want.Hidden) {
		t.Errorf("%+v", got)
	}
	for n := range b {
		if _, err := readRequest(b[:n], 2); !errors.Is(err, ErrMessage) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := readRequest(append(slices.Clone(b), 0), 2); !errors.Is(err, ErrMessage) {
		t.Error(err)
	}
	if _, err := readRequest(b, 3); !errors.Is(err, ErrMessage) {
		t.Error(err)
	}

	out := []float32{1, 2, 3, 4, 5, 6}
	for _, half := range []bool{false, true} {
		a := appendAnswer(nil, 3, half, out)
		found := make([]float32, 6)
		if err := readAnswer(a, 3, half, found); err != nil || !slices.Equal(found, out) {
			t.Errorf("%v %v", found, err)
		}
		for n := range a {
			if err := readAnswer(a[:n], 3, half, found); !errors.Is(err, ErrMessage) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
		if err := readAnswer(a, 2, half, found[:4]); !errors.Is(err, ErrMessage) {
			t.Error(err)
		}
		for _, at := range []int{0, 4} { // magic, version
			bad := slices.Clone(a)
			bad[at]++
			if err := readAnswer(bad, 3, half, found); !errors.Is(err, ErrMessage) {
				t.Error(err)
			}
		}
	}
}

type limited struct{ rows, pairs int }

func (l limited) Rows() int                                { return l.rows }
func (l limited) Pairs() int                               { return l.pairs }
func (limited) Compute(context.Context, *expert.Job) error { return nil }

// TestAnswerBounded: what a small message could have allocated is bounded by what
// the computer takes, not by what the message says.
func TestAnswerBounded(t *testing.T) {
	j := &expert.Job{Experts: []int32{0}, Counts: []int32{1 << 20}, Rows: make([]int32, 1<<20), Hidden: make([]float32, 4096)}
	if _, err := Answer(t.Context(), limited{4, 64}, nil, 4096, appendRequest(nil, j, 4096)); !errors.Is(err, ErrMessage) {
		t.Errorf("got %v", err)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(appendRequest(nil, job(), 2))
	f.Add(appendAnswer(nil, 1, false, []float32{1, 2}))
	f.Add([]byte("MoEq\x02\x00\x00\x00"))
	f.Add(appendTransit(nil, &expert.Transit{From: 1, To: 3, Keys: []uint64{7}, Pos: []int{4}, X: []float32{1, 2}, KVType: 1}))
	f.Add(append(appendFill(nil, &expert.Fill{Key: 7, From: 1, To: 3, First: 4}), 1, 2, 3))
	f.Add(appendPassed(nil, passed, &expert.Transit{Keys: []uint64{7}, X: []float32{1, 2}, Rows: []byte{1}}))
	f.Add(appendHint(nil, &Hint{Now: 1, Layer: 3, Tokens: 1, Guesses: []expert.Guess{{Expert: 7, P: 0.5}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := readHint(b); err == nil {
			if again := appendHint(nil, h); !bytes.Equal(again, b) {
				t.Errorf("%x was read as %x", b, again)
			}
		}
		if p, err := readTransit(b, 2); err == nil {
			if again := appendTransit(nil, p); !bytes.Equal(again, b) {
				t.Errorf("%x was read as %x", b, again)
			}
		}
		if p, err := readFill(b); err == nil {
			if again := append(appendFill(nil, p), p.Rows...); !bytes.Equal(again, b) {
				t.Errorf("%x was read as %x", b, again)
			}
		}
		x := make([]float32, 2)
		if s, rows, err := readPassed(b, x, 1, 1); err == nil && s == passed && len(rows) != 1 {
			t.Errorf("%x has rows %x", b, rows)
		}
		if j, err := readRequest(b, 2); err == nil {
			if again := appendRequest(nil, j, 2); !bytes.Equal(again, b) {
				t.Errorf("%x was read as %x", b, again)
			}
			if _, err := Answer(t.Context(), limited{8, 8}, nil, 2, b); err == nil && len(j.Rows) > 8 {
				t.Error("answered too much")
			}
		}
		out := make([]float32, 2)
		for size, half := range map[int]bool{8: false, 4: true} {
			if err := readAnswer(b, 1, half, out); err == nil && len(b) != answerHeader+size {
				t.Errorf("read %d bytes", len(b))
			}
		}
	})
}
