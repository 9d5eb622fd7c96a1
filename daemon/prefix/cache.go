package prefix

import (
	"cmp"
	"slices"
	"sync"

	"github.com/dgraph-io/ristretto/v2"
)

// Options of a Cache.
type Options struct {
	Bytes int64 // of states; 0 keeps none
}

// Cache keeps states. All methods may be called by many goroutines.
//
// Locks: putting is held by one Put at a time, and life, for reading, while
// ristretto is called, which ends under it. ristretto's goroutine takes mu, so
// that mu is not held across a call of it, nor across a call of a State.
type Cache[S State] struct {
	putting sync.Mutex
	life    sync.RWMutex
	chooser *ristretto.Cache[uint64, *entry[S]] // nil until the first Put, and after Close

	mu     sync.Mutex // guards what follows
	shelf  map[Owner]shelf[S]
	limit  int64
	bytes  int64 // of states that are not closed
	count  int
	clock  uint64
	keys   uint64
	closed bool
}

// New makes an empty Cache. Who makes it closes it.
func New[S State](o Options) *Cache[S] {
	return &Cache[S]{shelf: map[Owner]shelf[S]{}, limit: max(o.Bytes, 0)}
}

// Longest finds the state of an owner that has the longest beginning in common
// with ids, of n tokens, and calls use, during which the state is not closed. n
// may be less than the state has. Where there is none it is 0, and use is not
// called.
func (c *Cache[S]) Longest(owner Owner, ids []int32, use func(s S, n int)) (n int) {
	c.mu.Lock()
	e, n := c.shelf[owner].longest(ids)
	if e == nil {
		c.mu.Unlock()
		return 0
	}
	c.pin(e)
	c.mu.Unlock()
	defer c.unpin(e)
	c.praise(e)
	use(e.state, n)
	return n
}

// pin keeps e from being closed and notes its use. The caller holds mu.
func (c *Cache[S]) pin(e *entry[S]) {
	e.pins++
	c.clock++
	e.used = c.clock
}

func (c *Cache[S]) unpin(e *entry[S]) {
	c.mu.Lock()
	e.pins--
	last := e.pins == 0 && !e.in
	c.mu.Unlock()
	if last {
		c.end(e)
	}
}

// end closes a state that nobody can find any more nor uses.
func (c *Cache[S]) end(e *entry[S]) {
	e.state.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes -= e.bytes
}

// remove takes e out, and closes it unless it is in use: then that happens after
// the use. It may be called again. freed is what was closed by this call.
func (c *Cache[S]) remove(e *entry[S]) (freed int64) {
	c.mu.Lock()
	was := e.in
	if was {
		c.takeOut(e)
	}
	now := was && e.pins == 0
	c.mu.Unlock()
	if !now {
		return 0
	}
	c.end(e)
	return e.bytes
}

// takeOut has e not be found any more. The caller holds mu.
func (c *Cache[S]) takeOut(e *entry[S]) {
	l := c.shelf[e.owner]
	i := slices.Index(l, e)
	l = slices.Delete(l, i, i+1)
	c.shelf[e.owner] = l
	if len(l) == 0 {
		delete(c.shelf, e.owner)
	}
	e.in = false
	c.count--
}

// oldest is the entry used longest ago of those that may be, and are not in use;
// or nil.
func (c *Cache[S]) oldest(may func(*entry[S]) bool) (old *entry[S]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.shelf {
		for _, e := range l {
			if e.pins == 0 && may(e) && (old == nil || e.used < old.used) {
				old = e
			}
		}
	}
	return old
}

// Shrink closes states until they have given back that many bytes, those used
// longest ago first, and returns how many it were: less where there are no more,
// or where they are in use at this moment. It waits for nobody but the states.
func (c *Cache[S]) Shrink(bytes int64) (freed int64) {
	for freed < bytes {
		e := c.oldest(func(*entry[S]) bool { return true })
		if e == nil {
			break
		}
		freed += c.remove(e)
		c.disown(e)
	}
	return freed
}

// Resize changes how much is kept, and closes what is too much.
func (c *Cache[S]) Resize(bytes int64) {
	c.mu.Lock()
	c.limit = max(bytes, 0)
	c.mu.Unlock()
	c.adjust()
	c.trim()
}

// trim has the states fit the limit, where the chooser has not seen to that.
func (c *Cache[S]) trim() {
	c.mu.Lock()
	over := c.bytes - c.limit
	c.mu.Unlock()
	if over > 0 {
		c.Shrink(over)
	}
}

// Drop closes the states of an owner.
func (c *Cache[S]) Drop(owner Owner) {
	c.mu.Lock()
	all := slices.Clone(c.shelf[owner])
	c.mu.Unlock()
	for _, e := range all {
		c.remove(e)
		c.disown(e)
	}
}

// Bytes is the memory of all states, those included that are in use but can no
// longer be found.
func (c *Cache[S]) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// Len is how many states can be found.
func (c *Cache[S]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// Each calls do with each state, the one used longest ago first, during which it
// is not closed. States that come meanwhile are left out. In that order Save gives
// the files of those used latest the latest times.
func (c *Cache[S]) Each(do func(owner Owner, s S)) {
	c.mu.Lock()
	var all []*entry[S]
	for _, l := range c.shelf {
		all = append(all, l...)
	}
	for _, e := range all {
		e.pins++
	}
	c.mu.Unlock()
	slices.SortFunc(all, func(a, b *entry[S]) int { return cmp.Compare(a.used, b.used) })
	for _, e := range all {
		func() {
			defer c.unpin(e)
			do(e.owner, e.state)
		}()
	}
}
