package flashio

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
)

// instant is a source that takes no time, or its own.
type instant struct {
	takes time.Duration
	clock *time.Time
	err   error
}

func (s *instant) ReadVec(bufs [][]byte, _ int64) (n int, err error) {
	*s.clock = s.clock.Add(s.takes)
	for _, b := range bufs {
		for i := range b {
			b[i] = 0x5a
		}
		n += len(b)
	}
	return n, s.err
}

func (s *instant) Check() error { return nil }
func (s *instant) Close() error { return nil }

// TestThrottle: when each of several reads, one after the other, ends on a
// clock that only reads and waits move.
func TestThrottle(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		rate    int64
		latency time.Duration
		takes   time.Duration // by the source below
		pause   time.Duration // before each read
		want    []time.Duration
	}{
		{"rate", 1_000_000, 0, 0, 0, []time.Duration{4 * ms, 8 * ms, 12 * ms}},
		{"latency", 0, 2 * ms, 0, 0, []time.Duration{2 * ms, 4 * ms, 6 * ms}},
		{"both", 1_000_000, 2 * ms, 0, 0, []time.Duration{6 * ms, 12 * ms, 18 * ms}},
		{"the source is slower", 1_000_000, 2 * ms, 10 * ms, 0, []time.Duration{10 * ms, 20 * ms, 30 * ms}},
		{"part of it is the source's", 1_000_000, 0, 3 * ms, 0, []time.Duration{4 * ms, 8 * ms, 12 * ms}},
		{"what was not used is lost", 1_000_000, 0, 0, 5 * ms, []time.Duration{9 * ms, 18 * ms, 27 * ms}},
	} {
		begin := time.Unix(0, 0)
		clock := begin
		s := newThrottle(&instant{c.takes, &clock, nil}, Options{Rate: c.rate, Latency: c.latency})
		s.now = func() time.Time { return clock }
		s.sleep = func(d time.Duration) { clock = clock.Add(d) }
		for i, want := range c.want {
			clock = clock.Add(c.pause)
			if n, err := s.ReadVec([][]byte{make([]byte, 3000), make([]byte, 1000)}, 0); n != 4000 || err != nil {
				t.Fatalf("%s: %d bytes and error %v", c.name, n, err)
			}
			if got := clock.Sub(begin); got != want {
				t.Errorf("%s: read %d ends after %v, want %v", c.name, i, got, want)
			}
		}
	}
}

// TestThrottleShares: reads at the same time share the rate and not the latency.
func TestThrottleShares(t *testing.T) {
	now := time.Unix(0, 0)
	s := newThrottle(nil, Options{Rate: 1 << 20, Latency: time.Second})
	s.now = func() time.Time { return now }
	for i := range 4 {
		if got, want := s.book(1<<20).Sub(now), time.Duration(i+2)*time.Second; got != want {
			t.Errorf("read %d ends after %v, want %v", i, got, want)
		}
	}
}

func TestThrottleError(t *testing.T) {
	clock := time.Unix(0, 0)
	s := newThrottle(&instant{0, &clock, io.ErrNoProgress}, Options{Rate: 1})
	s.now, s.sleep = func() time.Time { return clock }, func(time.Duration) {}
	if _, err := s.ReadVec(nil, 0); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("found error %v, want %v", err, io.ErrNoProgress)
	}
}

// TestThrottledReader: the options reach the source, the bytes are the same,
// and Info says so.
func TestThrottledReader(t *testing.T) {
	clock := time.Unix(0, 0)
	arena, err := NewArena(Alignment, ArenaOptions{SmallPages: true})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Rate: 1 << 40, Latency: time.Nanosecond, InFlight: 1}
	r := NewReader(&instant{0, &clock, nil}, "made", Alignment, o)
	if _, is := r.src.(*throttle); !is {
		t.Errorf("reads come from a %T", r.src)
	}
	if i := r.Info(); i.Rate != o.Rate || i.Latency != o.Latency {
		t.Errorf("found %+v, want %+v", i, o)
	}
	done := make(chan error, 1)
	q := &Request{Parts: []Part{{Into: arena.Buffer(0, Alignment), Need: Alignment}}, Done: func(_ *Request, err error) { done <- err }}
	r.Submit(q)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if want := bytes.Repeat([]byte{0x5a}, Alignment); !bytes.Equal(arena.Bytes(0, Alignment), want) {
		t.Error("the bytes are not the source's")
	}
	if err := errors.Join(r.Close(), arena.Close()); err != nil {
		t.Error(err)
	}
	if r := NewReader(&instant{0, &clock, nil}, "made", 1, Options{}); r.Info().Rate != 0 || r.Close() != nil {
		t.Error("throttled though nobody asked")
	} else if _, is := r.src.(*throttle); is {
		t.Error("throttled though nobody asked")
	}
}
