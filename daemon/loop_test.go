package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// asks are requests of different lengths and settings, of some callers.
func asks(n int) []*Request {
	words := strings.Fields("once upon a time there was a little dog who liked to run in the park with his friend and one day he saw a big red ball")
	rs := make([]*Request, n)
	for i := range rs {
		prompt := strings.Join(words[:3+i*7%(len(words)-3)], " ")
		if i%5 == 4 {
			prompt = strings.Repeat(prompt+" ", 6)
		}
		rs[i] = &Request{Prompt: prompt, MaxTokens: 5 + i*11%60, Caller: Caller{UID: uint32(i % 3)}}
		if i%2 == 1 {
			rs[i].Sampling = DefaultSampling()
			rs[i].Sampling.Seed = uint64(i)
		}
	}
	return rs
}

func answerOf(e *Engine, ctx context.Context, r *Request) (Result, error) {
	var shown strings.Builder
	got, err := e.Generate(ctx, r, func(p Piece) error { shown.WriteString(p.Text); return nil })
	if err == nil && shown.String() != got.Text {
		err = fmt.Errorf("emitted %q of %q", shown.String(), got.Text)
	}
	return got, err
}

// together asks all at once.
func together(t *testing.T, e *Engine, rs []*Request) []Result {
	t.Helper()
	got := make([]Result, len(rs))
	var wg sync.WaitGroup
	for i, r := range rs {
		wg.Go(func() {
			var err error
			if got[i], err = answerOf(e, t.Context(), r); err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	return got
}

// TestTogetherEqualsAlone: requests that are stepped together give what each
// gives alone, to the token, whatever memory experts have.
func TestTogetherEqualsAlone(t *testing.T) {
	rs := asks(24)
	check := func(t *testing.T, c Config, rs []*Request) {
		var want []Result
		alone := opened(t, c)
		for _, r := range rs {
			one, err := answerOf(alone, t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, one)
		}
		for i, got := range together(t, opened(t, c), rs) {
			if !slices.Equal(got.IDs, want[i].IDs) || got.Text != want[i].Text || got.Finish != want[i].Finish {
				t.Errorf("request %d: %v %q, alone %v %q", i, got.IDs, got.Text, want[i].IDs, want[i].Text)
			}
		}
	}
	t.Run("stories", func(t *testing.T) { check(t, Config{}, rs) })
	path := modelFile(t, routed("qwen3moe"), "stock")
	for _, share := range []float64{0.2, 4} {
		t.Run(fmt.Sprintf("qwen3moe/share=%v", share), func(t *testing.T) {
			few := asks(10)
			for _, r := range few {
				r.Raw, r.IDs, r.Prompt = true, []int32{3, 5, 7, int32(len(r.Prompt)) % 200}, ""
			}
			check(t, least(t, Config{Model: path, Context: 512, Flash: quick}, share), few)
		})
	}
}

// TestPreempted: where the KV caches of all do not fit, requests wait and start
// again, and still give what they give alone.
func TestPreempted(t *testing.T) {
	path := modelFile(t, routed("qwen3moe"), "stock")
	c := least(t, Config{Model: path, Context: 512, Flash: quick}, 0)
	var rs []*Request
	for i := range 8 {
		rs = append(rs, &Request{Raw: true, IDs: []int32{int32(i + 1), 9, 4}, MaxTokens: 200, Sampling: Sampling{LogitBias: nothingEnds(t, path)}})
	}
	e := opened(t, c)
	got := together(t, e, rs)
	if err := kept(e); err != nil {
		t.Error(err)
	}
	alone := opened(t, c)
	for i, r := range rs {
		want, err := answerOf(alone, t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[i].IDs, want.IDs) {
			t.Errorf("request %d has %d tokens, alone %d, or others", i, len(got[i].IDs), len(want.IDs))
		}
	}
}

// nothingEnds bans the tokens that end a text.
func nothingEnds(t *testing.T, path string) map[int32]float64 {
	t.Helper()
	e := opened(t, Config{Model: path, Flash: quick})
	return endless(e, 1).Sampling.LogitBias
}

// TestLeaving: whoever leaves, while waiting, reading or answering, is gone from
// the loop when Generate returns, and the others are not disturbed.
func TestLeaving(t *testing.T) {
	e := opened(t, Config{})
	want, err := answerOf(e, t.Context(), &Request{Prompt: "The dog", MaxTokens: 60})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			_, err := e.Generate(ctx, &Request{Prompt: strings.Repeat("Once upon a time ", 1+i%3*20), MaxTokens: 200, ID: fmt.Sprint(i), Progress: func(p PromptProgress) {
				if i%3 == 0 && p.Read > 0 {
					cancel()
				}
			}}, func(Piece) error {
				if n++; n == i%7 {
					cancel()
				}
				return nil
			})
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("%d: %v", i, err)
			}
			for _, r := range e.Requests() {
				if r.ID == fmt.Sprint(i) {
					t.Errorf("request %d is still there", i)
				}
			}
		})
	}
	got, err := answerOf(e, t.Context(), &Request{Prompt: "The dog", MaxTokens: 60})
	if err != nil || !slices.Equal(got.IDs, want.IDs) {
		t.Errorf("beside those who leave: %q, %v; want %q", got.Text, err, want.Text)
	}
	wg.Wait()
	if s := e.Stats(); s.Queued+s.Running != 0 {
		t.Errorf("%d wait and %d run with nobody left", s.Queued, s.Running)
	}
}

// TestCancel: a request is cancelled by its caller and by administrators, by
// nobody else.
func TestCancel(t *testing.T) {
	e := opened(t, Config{})
	begun := make(chan struct{})
	var once sync.Once
	ended := make(chan error)
	go func() {
		_, err := e.Generate(t.Context(), &Request{Prompt: "The dog", ID: "mine", Caller: Caller{UID: 7}, MaxTokens: 500}, func(Piece) error {
			once.Do(func() { close(begun) })
			return nil
		})
		ended <- err
	}()
	<-begun
	if e.Cancel("mine", Caller{UID: 8}) {
		t.Error("another user has cancelled it")
	}
	if e.Cancel("other", Caller{UID: 7}) {
		t.Error("there is no such request")
	}
	done := e.Cancel("mine", Caller{UID: 7})
	if err := <-ended; done && !errors.Is(err, ErrCancelled) {
		t.Errorf("cancelled: got %v", err)
	} else if !done && err != nil {
		t.Errorf("ended before: got %v", err)
	}
}

// TestSlowReader: a caller that takes nothing holds up nobody else.
func TestSlowReader(t *testing.T) {
	e := opened(t, Config{})
	hold := make(chan struct{})
	slow := make(chan error)
	go func() {
		first := true
		_, err := e.Generate(t.Context(), &Request{Prompt: "Once", MaxTokens: 400, LogProbs: 1}, func(Piece) error {
			if first {
				<-hold
			}
			first = false
			return nil
		})
		slow <- err
	}()
	if _, err := answerOf(e, t.Context(), &Request{Prompt: "The dog", MaxTokens: 100}); err != nil {
		t.Error(err)
	}
	close(hold)
	if err := <-slow; err != nil {
		t.Error(err)
	}
}

// TestDrain: what runs is finished, what comes later refused.
func TestDrain(t *testing.T) {
	e := opened(t, Config{})
	begun := make(chan struct{})
	var once sync.Once
	ended := make(chan error)
	go func() {
		_, err := e.Generate(t.Context(), &Request{Prompt: "The dog", MaxTokens: 100}, func(Piece) error {
			once.Do(func() { close(begun) })
			return nil
		})
		ended <- err
	}()
	<-begun
	drained := make(chan error)
	go func() { drained <- e.Drain(t.Context()) }()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if _, err := answerOf(e, t.Context(), &Request{Prompt: "The dog"}); !errors.Is(err, ErrDraining) {
		t.Errorf("after draining: got %v", err)
	}
}

func TestBusy(t *testing.T) {
	e := opened(t, Config{})
	hold := make(chan struct{})
	var wg sync.WaitGroup
	refused := make(chan *BusyError, 400)
	for range maxCallers + maxParallel + 40 {
		wg.Go(func() {
			_, err := e.Generate(t.Context(), &Request{Prompt: "The dog", MaxTokens: 400, LogProbs: 1}, func(Piece) error { <-hold; return nil })
			var busy *BusyError
			switch {
			case errors.As(err, &busy):
				refused <- busy
			case err != nil:
				t.Error(err)
			}
		})
	}
	if busy := <-refused; busy.After <= 0 {
		t.Errorf("refused with %+v, want a time to come back", busy)
	}
	close(hold)
	wg.Wait()
}

func TestFair(t *testing.T) {
	f := newFair()
	a, b, c := CallerKey{UID: 1}, CallerKey{UID: 2}, CallerKey{UID: 2, Token: "phone"}
	of := func(k CallerKey, n uint64) *generation {
		return &generation{number: n, request: &Request{Caller: Caller{UID: k.UID, Token: k.Token}}}
	}
	f.enter(a)
	f.charge(a, 100)
	f.enter(b)
	if f.charged[b] != 100 {
		t.Errorf("who comes later begins with %d, want the 100 of those present", f.charged[b])
	}
	f.charge(b, 10)
	f.enter(c)
	f.charge(c, 5)
	if !f.before(of(a, 9), of(c, 1)) || !f.before(of(c, 9), of(b, 1)) || !f.before(of(a, 1), of(a, 2)) {
		t.Error("want the order a, c, b, and of one caller that of arrival")
	}
	f.leave(a)
	f.leave(b)
	f.leave(c)
	if len(f.charged)+len(f.present) != 0 {
		t.Error("who has left is remembered")
	}
}

func TestPace(t *testing.T) {
	p := pace{layers: 48, most: 512}
	if !p.rests(1) || p.tokens(1) != firstChunk || p.through(16, 1) != 6 {
		t.Errorf("with nothing known: %d tokens, %d layers", p.tokens(1), p.through(16, 1))
	}
	for range 5 {
		p.step(1, 100*time.Millisecond)
		p.step(8, 300*time.Millisecond)
	}
	if p.rests(1) || !p.rests(2) || p.rests(7) {
		t.Error("the chunk rests where the pace is known, or not where it is not")
	}
	// In memory: 16 tokens through 6 layers took 24 ms more, so 4 ms a layer; there
	// is room for 80 ms.
	for range 3 {
		p.chunk(16, 6, 1, 124*time.Millisecond)
	}
	if n := p.tokens(1); n != 256 || p.layer(n) > p.room(1) {
		t.Errorf("in memory: %d tokens, of which a layer takes %v of %v s", n, p.layer(n), p.room(1))
	}
	if got, want := p.through(64, 1), 5; got != want {
		t.Errorf("in memory: 64 tokens go %d layers, want %d", got, want)
	}
	// It was less: more fit.
	p.chunk(256, 1, 1, 120*time.Millisecond)
	if n := p.tokens(1); n != 512 {
		t.Errorf("in memory: %d tokens where 256 took a quarter of the room", n)
	}
	// One step in which another process had its turn changes nothing.
	p.chunk(256, 1, 1, 119*time.Millisecond)
	p.chunk(256, 1, 1, 4*time.Second)
	if n := p.tokens(1); n != 512 {
		t.Errorf("in memory: %d tokens after a step that took long", n)
	}
	// From flash: a layer of 16 takes 200 ms, of 512 hardly more, and there is room
	// for 400.
	p.tight = true
	for range recentChunks {
		p.chunk(512, 1, 1, 320*time.Millisecond)
		p.chunk(16, 1, 1, 300*time.Millisecond)
	}
	if n := p.tokens(1); n != 512 {
		t.Errorf("from flash: %d tokens, of which a layer takes %v of %v s: a short chunk would read as much", n, p.layer(n), p.room(1))
	}
	if got := p.through(512, 1); got != 1 {
		t.Errorf("from flash: 512 tokens go %d layers, want 1", got)
	}
	// Slow flash: even one layer is too much, and still it has to go on. A long
	// chunk costs as much.
	p.cost = [lengths]recent{}
	for range recentChunks {
		p.chunk(4, 1, 1, 2100*time.Millisecond)
		p.chunk(512, 1, 1, 2200*time.Millisecond)
	}
	if p.tokens(1) != 512 || p.through(16, 1) != 1 {
		t.Errorf("from slow flash: %d tokens, %d layers", p.tokens(1), p.through(16, 1))
	}
	// A slow processor: the shortest is too long, and longer ones cost more.
	p.tight, p.cost = false, [lengths]recent{}
	for range recentChunks {
		p.chunk(512, 1, 1, 22*time.Second)
		p.chunk(4, 1, 1, 220*time.Millisecond)
	}
	if n := p.tokens(1); n != leastChunk {
		t.Errorf("on a slow processor: %d tokens", n)
	}
}
