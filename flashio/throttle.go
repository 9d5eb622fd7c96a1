package flashio

import (
	"sync"
	"time"
)

// throttle is a Source that pretends to be a slower device: one that moves its
// bytes one read after the other, at a given rate, and takes a given time more
// for each read, in which it already serves the next. It can only be slower than
// the Source below.
type throttle struct {
	Source
	rate    float64 // bytes per second; 0 is what the source below does
	latency time.Duration
	now     func() time.Time
	sleep   func(time.Duration)

	mu   sync.Mutex
	free time.Time // when the device has moved all that was asked for
}

func newThrottle(under Source, o Options) *throttle {
	return &throttle{Source: under, rate: float64(o.Rate), latency: o.Latency, now: time.Now, sleep: time.Sleep}
}

// ReadVec reads, and returns when the slower device would have.
func (t *throttle) ReadVec(bufs [][]byte, off int64) (int, error) {
	var want int64
	for _, b := range bufs {
		want += int64(len(b))
	}
	end := t.book(want)
	n, err := t.Source.ReadVec(bufs, off)
	if left := end.Sub(t.now()); left > 0 {
		t.sleep(left)
	}
	return n, err
}

// book takes the device for n bytes, behind what it was taken for before, and
// returns when the read will have ended.
func (t *throttle) book(n int64) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.now(); t.free.Before(now) {
		t.free = now
	}
	if t.rate > 0 {
		t.free = t.free.Add(time.Duration(float64(n) / t.rate * float64(time.Second)))
	}
	return t.free.Add(t.latency)
}
