package daemon

import (
	"errors"
	"math"
	"time"

	"moed/moe"
	"moed/offload/budget"
)

// tenant is one model that has a share of the budget: it is being loaded, or
// there, or about to go. There is never more than one of a model. Its fields are
// guarded by the shelf's mu, but for those that a comment says otherwise of.
type tenant struct {
	stocked // does not change, and so the next three
	info    ModelInfo
	began   time.Time
	gone    chan struct{} // closed when it has no share any more

	state   string
	engine  *Engine
	err     error // why it could not be loaded
	share   int64 // of the budget, in bytes
	need    need
	loans   int
	waits   map[*waiter]bool // those who wait while it is loading
	cancel  func()           // ends the loading
	keep    time.Duration    // as the latest caller wants it
	used    time.Time
	expires time.Time     // zero: never
	ending  bool          // to go as soon as nobody uses it
	loaded  chan struct{} // closed when loading has ended

	waiting     string    // what for, before anything is read
	hungry      time.Time // since when it waits for memory; zero when it does not
	reading     time.Time
	done, bytes int64 // of what is read while loading
}

// need is what a model wants of a budget, told from its header.
type need struct {
	least, most int64
	fixed       bool
	small       *TooSmallError // says what of; nil for the built-in
}

func (t *tenant) running() Running {
	r := Running{ModelInfo: t.info, State: t.state, Since: t.began, InUse: t.loans, Engine: t.engine, Loaded: 1}
	if t.state == StateLoading {
		r.Loaded = 0
		if t.bytes > 0 {
			r.Loaded = float64(t.done) / float64(t.bytes)
		}
		if took := time.Since(t.reading).Seconds(); t.done > 0 && took > 0 {
			r.Rate = float64(t.done) / took
		}
		return r
	}
	if t.loans == 0 {
		r.Expires = t.expires
	} else if t.keep >= 0 {
		r.Expires = time.Now().Add(t.keep) // if it were given back now
	}
	return r
}

// steps are those of its engine, and of loading it the bytes.
func (t *tenant) steps() uint64 {
	n := uint64(t.done)
	if t.engine != nil {
		n += t.engine.Steps()
	}
	return n
}

// idle reports whether nobody would notice if it went.
func (t *tenant) idle() bool { return t.state == StateReady && t.loans == 0 && len(t.waits) == 0 }

// claim is what t asks of the budget now.
func (t *tenant) claim(now time.Time) claim {
	c := claim{least: t.need.least, most: t.need.most, busy: !t.idle(), used: t.used.UnixNano(),
		rests: t.idle() && now.Sub(t.used) >= restsAfter}
	switch {
	case t.state != StateReady, t.need.fixed: // its share is spoken for
		c.least, c.most, c.fixed = t.share, t.share, true
	default:
		c.least = max(c.least, t.engine.memory.least())
	}
	return c
}

// used is what the engine holds, in bytes.
func (e *Engine) used() int64 {
	if e.memory == nil {
		m := e.model.Memory()
		return m.KV + m.Scratch + heapInUse()
	}
	return e.memory.account.Usage().Used()
}

func heapInUse() int64 { return budget.HeapInUse() }

// builtInNeed is the most that the built-in model has been seen to want beside
// its weights, which are part of the program.
const builtInNeed = 64 << 20

// measure is what a model needs, before anything but its header is read.
func measure(c Config, path string, total int64) (need, error) {
	if path == "" {
		n := min(total, builtInNeed)
		return need{least: n, most: n, fixed: true}, nil
	}
	c.Model = path
	h, err := readHeader(path)
	if err != nil {
		return need{}, err
	}
	kv, err := c.kv()
	if err != nil {
		return need{}, err
	}
	if c.Threads == 0 {
		c.Threads = processors
	}
	o := moe.Options{Threads: c.Threads, Context: c.Context, KV: kv}
	m := &memory{share: 1, team: c.Team != nil}
	var small *TooSmallError
	if err := m.divide(h, &o, 0); !errors.As(err, &small) {
		return need{}, err
	}
	o.Batch = 0
	if err := m.divide(h, &o, math.MaxInt64); err != nil {
		return need{}, err
	}
	return need{least: small.Smallest, most: max(m.most(h), small.Smallest), small: small}, nil
}

// most is the budget above which the model has no use for more but for the
// contexts of several texts: all of its experts, and one whole context.
func (m *memory) most(h *header) int64 {
	n, p := m.need(h), m.plan
	most := p.Dense + p.Scratch + p.Heap + p.Slack + p.AllExperts
	if kv := n.KVPerToken * int64(n.Context); kv < math.MaxInt64-most {
		return most + kv
	}
	return math.MaxInt64
}

// tell wakes all who wait for a change. The caller holds mu.
func (s *Shelf) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// nudge has the keeper look.
func (s *Shelf) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
