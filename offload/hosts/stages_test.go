package hosts_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"moed/moe"
	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/offload/hosts"
)

// stage runs some layers of the file whole.
func stage(t testing.TB, path string, layers []bool, kv int64) *moe.Stage {
	t.Helper()
	st, _ := store(t, path, 1<<20)
	im, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := moe.NewStage(im, path, moe.Options{Threads: 1, Batch: hosts.MostTransit, Experts: st}, layers, kv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// restart has a host forget all sessions.
func (s *setup) restart(name string) {
	next := s.stages[name]()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stage[name] = next
}

// rows is a plan in which tokens move: the first layer is here, the others lie on
// the two hosts in turn, by threes.
func (s *setup) rows(revision uint64) hosts.Plan {
	p := hosts.Plan{Revision: revision, Hosts: names, Moving: true}
	for l, n := range s.shape.Experts {
		at := int16(hosts.Here)
		if l > 0 {
			at = int16(min(1, (l+int(revision))%3))
			if l%3 == int(at) { // that host does not run it
				at = 1 - at
			}
		}
		layer := make([][]int16, n)
		for e := range layer {
			layer[e] = []int16{at}
		}
		p.Where = append(p.Where, layer)
	}
	return p
}

// moving has tokens move, after the trials.
func (s *setup) moving(t testing.TB) {
	t.Helper()
	s.follow(t, s.rows(1))
	s.ready(t)
	for range 1000 {
		before := s.state("box1").Moved
		s.same(t, nil)
		if s.state("box1").Moved > before+100 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("no tokens move: %+v", s.experts.Stats())
}

func TestMove(t *testing.T) {
	for _, payload := range []int{1 << 20, 9000} { // the prompt in one message, and in many
		s := start(t, payload, hosts.Options{Patience: time.Minute, Least: time.Minute})
		s.moving(t)
		s.same(t, func(step int) { s.follow(t, s.rows(uint64(2+step))) })
		s.same(t, func(step int) { // sessions are forgotten
			if step%7 == 3 {
				s.restart(names[step%2])
			}
		})
		for _, h := range s.experts.Stats() {
			if h.Failed > 0 || h.Late > 0 || h.Moved == 0 {
				t.Errorf("%+v", h)
			}
		}
	}
}

// TestMoveBack: what a host holds of a session is not used for what the session is
// no longer, after a rewind, a failed pass, a pass that another took over, and in a
// session that began with a prefix.
func TestMoveBack(t *testing.T) {
	s := start(t, 1<<20, hosts.Options{Patience: time.Minute, Least: time.Minute, Pause: time.Nanosecond})
	s.moving(t)
	prompt := ids()
	session, err := s.model.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	other := append([]int32{}, prompt...)
	for i := range other[10:] {
		other[10+i] = 7
	}
	if _, err := session.Prefill(t.Context(), other, moe.PrefillOptions{}); err != nil {
		t.Fatal(err)
	}
	session.Reuse(prompt)
	s.harm("box1", func(context.Context, int, func() ([]byte, error)) ([]byte, error) { return nil, errors.New("down") })
	if _, err := session.Prefill(t.Context(), other[10:40], moe.PrefillOptions{}); err != nil { // box1's part is run here
		t.Fatal(err)
	}
	s.harm("box1", nil)
	s.ready(t)
	if err := session.Rewind(30); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.harm("box2", func(ctx context.Context, _ int, answer func() ([]byte, error)) ([]byte, error) {
		b, err := answer()
		cancel()
		return b, err
	})
	if _, err := session.Prefill(ctx, other[:20], moe.PrefillOptions{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	s.harm("box2", nil)
	if n := len(session.Tokens()); n != 30 {
		t.Fatalf("%d tokens after a pass that failed", n)
	}
	session.Reuse(prompt)
	prefix := session.Keep()
	defer prefix.Close()
	second, err := s.model.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.Adopt(prefix, 10); err != nil {
		t.Fatal(err)
	}
	for _, one := range []*moe.Session{session, second} {
		logits, err := one.Prefill(t.Context(), prompt[len(one.Tokens()):], moe.PrefillOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range s.want[0] {
			if math.Float32bits(logits[k]) != math.Float32bits(v) {
				t.Fatalf("logit %d: %v, want %v", k, logits[k], v)
			}
		}
	}
}

// TestMoveFaults: a host that fails, hangs or answers nonsense costs no bit.
func TestMoveFaults(t *testing.T) {
	hang := func(ctx context.Context, _ int, _ func() ([]byte, error)) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	short := func(_ context.Context, _ int, answer func() ([]byte, error)) ([]byte, error) {
		b, err := answer()
		return b[:len(b)/2], err
	}
	for name, f := range map[string]fault{"hangs": hang, "answers less": short} {
		t.Run(name, func(t *testing.T) {
			s := start(t, 1<<20, hosts.Options{Patience: 50 * time.Millisecond, Pause: 10 * time.Millisecond})
			s.moving(t)
			before := s.state("box1")
			s.harm("box1", f)
			s.same(t, nil)
			if h := s.state("box1"); h.Late+h.Failed == before.Late+before.Failed {
				t.Errorf("%+v", h)
			}
		})
	}
}

// TestMoveDiffers: a host that computes other numbers in whole layers is refused
// before any of them is used.
func TestMoveDiffers(t *testing.T) {
	s := start(t, 1<<20, hosts.Options{Patience: time.Minute, Least: time.Minute})
	s.follow(t, s.rows(1))
	s.harm("box1", func(_ context.Context, _ int, answer func() ([]byte, error)) ([]byte, error) {
		b, err := answer()
		if len(b) > 20 && string(b[:4]) == "MoEu" {
			b[18] ^= 1
		}
		return b, err
	})
	s.experts.Present(map[string]string{"box1": "a", "box2": "a"})
	for range 1000 {
		s.same(t, nil)
		if s.state("box1").State == hosts.Refused {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%+v", s.state("box1"))
}

// TestStageRoom: sessions that were not served of late make room for others, and
// one that is too long is refused and nothing else.
func TestStageRoom(t *testing.T) {
	s := start(t, 1<<20, hosts.Options{})
	st := s.stages["box2"]()
	d := s.shape.Hidden
	pass := func(key uint64, pos, n int) error {
		p := &expert.Transit{From: 3, To: 4, X: make([]float32, n*d)}
		for i := range n {
			p.Keys, p.Pos = append(p.Keys, key), append(p.Pos, pos+i)
		}
		return st.Run(t.Context(), p)
	}
	for key := range uint64(500) {
		if err := pass(key, 0, 100); err != nil {
			t.Fatal(err)
		}
	}
	if err := pass(499, 100, 20); err != nil {
		t.Error(err)
	}
	if err := pass(0, 100, 20); !errors.Is(err, expert.ErrMissing) {
		t.Errorf("the oldest session: got %v", err)
	}
	if b := st.Bytes(); b == 0 || b > 1<<20 {
		t.Errorf("%d bytes of keys and values", b)
	}
	for _, bad := range []*expert.Transit{
		{From: 3, To: 3}, {From: 0, To: 1}, {From: 3, To: 99}, {From: -1, To: 4}, {From: 3, To: 4},
		{From: 3, To: 4, Keys: []uint64{1}, Pos: []int{0}, X: make([]float32, d-1)},
		{From: 3, To: 4, Keys: []uint64{1}, Pos: []int{-1}, X: make([]float32, d)},
		{From: 3, To: 4, Keys: []uint64{1}, Pos: []int{1 << 30}, X: make([]float32, d)},
		{From: 3, To: 4, Keys: []uint64{1, 1}, Pos: []int{0, 2}, X: make([]float32, 2*d)},
		{From: 3, To: 4, Keys: []uint64{1}, Pos: []int{0}, X: make([]float32, d), KVType: 9},
	} {
		if err := st.Run(t.Context(), bad); err == nil {
			t.Errorf("%+v was run", bad)
		}
	}
	for _, bad := range []*expert.Fill{{From: 3, To: 4}, {From: 3, To: 4, Rows: make([]byte, 3)}, {From: 3, To: 4, First: 1 << 30, Rows: make([]byte, 1<<16)}} {
		if err := st.Fill(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
