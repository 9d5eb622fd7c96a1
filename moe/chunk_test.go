package moe

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
)

// byLayers feeds ids in chunks of 13 that go a few layers at a time, each Step
// beside a token of another session, and returns the logits of both.
func byLayers(t testing.TB, m *Model, ids []int32) (own, beside [][]float32) {
	t.Helper()
	s, other := newSession(t, m), newSession(t, m)
	for at, layers := 0, 1; at < len(ids); at += 13 {
		var tokens []Token
		for _, id := range ids[at:min(at+13, len(ids))] {
			logits := make([]float32, m.config.Vocab)
			own = append(own, logits)
			tokens = append(tokens, Token{Session: s, ID: id, Logits: logits})
		}
		c, err := m.Begin(tokens)
		if err != nil {
			t.Fatal(err)
		}
		for c.Layers() > 0 {
			var batch []Token
			if n := len(beside); n < len(ids) {
				logits := make([]float32, m.config.Vocab)
				beside = append(beside, logits)
				batch = []Token{{Session: other, ID: ids[n], Logits: logits}}
			}
			if err := m.Step(context.Background(), batch, c, layers); err != nil {
				t.Fatal(err)
			}
			layers = layers%3 + 1
		}
	}
	return own, beside
}

// TestChunkInvariance: a prompt taken through a few layers at a time gives the
// bits of one pass, and so do the tokens beside it.
func TestChunkInvariance(t *testing.T) {
	for _, path := range goldenFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			g := readGolden(t, path)
			ids := slices.Concat(g.Prompt, g.Greedy, g.Prompt)
			m := openGolden(t, path, Options{Threads: 2, Context: 256})
			want := whole(t, m, ids)
			own, beside := byLayers(t, m, ids)
			sameBits(t, "the chunk", want, own)
			sameBits(t, "beside it", want[:len(beside)], beside)
		})
	}
}

// TestLeave: a session that leaves is gone from the batch and from the chunk,
// the others do not notice, and what it held stays.
func TestLeave(t *testing.T) {
	m := openGolden(t, smallModel, Options{Context: 256})
	ids := sequence(40)
	want := whole(t, m, ids)
	a, b, c := newSession(t, m), newSession(t, m), newSession(t, m)
	feed(t, a, ids[:20], 20)
	feed(t, b, ids[:20], 20)
	feed(t, c, ids[:20], 20)
	var tokens []Token
	var logits [][]float32
	for i := 20; i < 30; i++ {
		logits = append(logits, make([]float32, m.config.Vocab))
		tokens = append(tokens, Token{Session: a, ID: ids[39-i]}, Token{Session: b, ID: ids[i], Logits: logits[i-20]})
	}
	chunk, err := m.Begin(tokens)
	if err != nil {
		t.Fatal(err)
	}
	one := make([]float32, m.config.Vocab)
	if err := m.Step(context.Background(), []Token{{Session: c, ID: ids[20], Logits: one}}, chunk, 1); err != nil {
		t.Fatal(err)
	}
	a.Leave()
	c.Leave()
	if err := m.Step(context.Background(), []Token{{Session: c, ID: ids[21]}}, chunk, m.config.Layers); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "who stayed", want[20:30], logits)
	sameBits(t, "before leaving", want[20:21], [][]float32{one})
	if len(a.Tokens()) != 20 || len(b.Tokens()) != 30 || len(c.Tokens()) != 21 {
		t.Errorf("sessions hold %d, %d and %d tokens, want 20, 30 and 21", len(a.Tokens()), len(b.Tokens()), len(c.Tokens()))
	}
	if chunk.Layers() != 0 {
		t.Errorf("%d layers are left of a chunk that is through", chunk.Layers())
	}
}

func TestChunkErrors(t *testing.T) {
	m := openGolden(t, smallModel, Options{Context: 64, Batch: 16})
	s, other := newSession(t, m), newSession(t, m)
	ids := sequence(16)
	tokens := make([]Token, 12)
	for i := range tokens {
		tokens[i] = Token{Session: s, ID: ids[i]}
	}
	chunk, err := m.Begin(tokens)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Begin(tokens); !errors.Is(err, ErrChunk) {
		t.Errorf("a second chunk: got %v", err)
	}
	crowd := make([]Token, 5)
	for i := range crowd {
		crowd[i] = Token{Session: other, ID: 1}
	}
	if err := m.Step(context.Background(), crowd, chunk, 1); err == nil {
		t.Error("a batch of 5 beside a chunk of 12 went into room for 16")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.Step(ctx, nil, chunk, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	chunk.Drop()
	if err := m.Step(context.Background(), nil, chunk, 1); err == nil {
		t.Error("a dropped chunk goes on")
	}
	if len(s.Tokens()) != 0 {
		t.Errorf("the session holds %d tokens of a dropped chunk", len(s.Tokens()))
	}
	sameBits(t, "after a dropped chunk", whole(t, m, ids), feed(t, s, ids, 5))
}

// TestPrefix: sessions that share blocks do not see what the others write, and
// the memory is counted once and given back once.
func TestPrefix(t *testing.T) {
	held := int64(0)
	m := openGolden(t, smallModel, Options{Context: 256, Admit: func(n int64) error { held += n; return nil }})
	ids := sequence(100)
	want := whole(t, m, ids)
	first, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	feed(t, first, ids[:80], 80)
	p := first.Keep()
	block := int64(m.kv.blockBytes)
	if m.Memory().KV-want0(t, m) != 2*block || p.Bytes() != 2*block {
		t.Errorf("a prefix of 80 tokens holds %d bytes, the model %d; want %d", p.Bytes(), m.Memory().KV, 2*block)
	}
	// The second goes another way in the middle of a shared block, the third on.
	second, third := newSession(t, m), newSession(t, m)
	if err := second.Adopt(p, 70); err != nil {
		t.Fatal(err)
	}
	feed(t, second, sequence(30), 30)
	if err := third.Adopt(p, 80); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "who kept it", want[80:], feed(t, first, ids[80:], 3))
	sameBits(t, "who adopted it", want[80:], feed(t, third, ids[80:], 20))
	if err := third.Adopt(p, 10); err == nil {
		t.Error("a session with tokens adopted a prefix")
	}

	var kept bytes.Buffer
	if n, err := p.WriteTo(&kept); err != nil || n != p.Bytes() {
		t.Fatalf("wrote %d bytes of %d: %v", n, p.Bytes(), err)
	}
	again, err := m.ReadPrefix(p.Tokens(), bytes.NewReader(kept.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	fourth := newSession(t, m)
	if err := fourth.Adopt(again, 75); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "who read it", want[75:], feed(t, fourth, ids[75:], 25))
	if _, err := m.ReadPrefix(p.Tokens(), bytes.NewReader(kept.Bytes()[:kept.Len()-1])); err == nil {
		t.Error("a prefix that is cut short was read")
	}
	for _, s := range []*Session{first, second, third, fourth} {
		s.Close()
	}
	p.Close()
	again.Close()
	if m.Memory().KV != want0(t, m) || held != m.Memory().KV {
		t.Errorf("%d bytes are held at the end, %d admitted; want %d", m.Memory().KV, held, want0(t, m))
	}
}

// want0 is what the sessions hold that the test's helpers leave open.
func want0(t *testing.T, m *Model) int64 {
	t.Helper()
	return 2 * int64(m.kv.blockBytes) // of whole: 100 tokens
}
