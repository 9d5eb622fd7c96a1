package daemon

import (
	"slices"
	"sync"

	"moed/moe/expert"
)

// listeners are told of each demand of a model before its experts are fetched.
// The zero value has nobody to tell.
type listeners struct {
	mu  sync.Mutex
	all []*listener
}

type listener struct{ hear func(*expert.Demand) }

// add tells hear of demands from now on, until stop. It must neither call the
// model nor keep the demand.
func (l *listeners) add(hear func(*expert.Demand)) (stop func()) {
	x := &listener{hear}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, x)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = slices.DeleteFunc(l.all, func(y *listener) bool { return x == y })
	}
}

// tell is what the forward pass calls.
func (l *listeners) tell(d *expert.Demand) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.all {
		x.hear(d)
	}
}
