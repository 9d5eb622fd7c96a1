package server

import (
	"sync"
	"time"

	"moed/daemon"
)

// rates makes bytes per second of counts that are looked at now and then.
type rates struct {
	mu sync.Mutex
	at map[*daemon.Engine]*reading
}

type reading struct {
	at, seen time.Time
	bytes    int64
	rate     float64
}

// A rate is over at least this time, and a count that was not looked at for
// longer than that is forgotten.
const (
	rateOver = time.Second
	rateLife = 10 * time.Second
)

// of is the rate of a model whose count is that now: 0 at the first look.
func (r *rates) of(e *daemon.Engine, bytes int64, now time.Time) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[*daemon.Engine]*reading{}
	}
	last := r.at[e]
	if last == nil || now.Sub(last.seen) > rateLife {
		r.at[e] = &reading{at: now, seen: now, bytes: bytes}
		return 0
	}
	last.seen = now
	if over := now.Sub(last.at); over >= rateOver {
		last.rate = float64(bytes-last.bytes) / over.Seconds()
		last.at, last.bytes = now, bytes
	}
	return last.rate
}

// forget drops what was not looked at for long, so that no model is held that is
// gone.
func (r *rates) forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e, last := range r.at {
		if now.Sub(last.seen) > rateLife {
			delete(r.at, e)
		}
	}
}
