package server

import (
	"sync"

	"moed/daemon"
)

// underway counts the requests of each caller.
type underway struct {
	mu  sync.Mutex
	all int
	of  map[daemon.CallerKey]int
}

// reserve is how many more requests of the native kind there may be, so that who
// has asked for too much can still look and cancel.
const reserve = 16

// enter counts one until leave is called, or says why there are too many.
func (u *underway) enter(of daemon.CallerKey, l Limits, native bool) (leave func(), busy string) {
	more := 0
	if native {
		more = reserve
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all >= l.Requests+more {
		return nil, "too many requests are under way; come again later"
	}
	if u.of[of] >= l.PerCaller+more {
		return nil, "too many requests of yours are under way; come again later"
	}
	if u.of == nil {
		u.of = map[daemon.CallerKey]int{}
	}
	u.all++
	u.of[of]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.all--
		if u.of[of]--; u.of[of] == 0 {
			delete(u.of, of)
		}
	}, ""
}

func (u *underway) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.all
}
