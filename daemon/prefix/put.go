package prefix

import (
	"math"
	"slices"

	"github.com/dgraph-io/ristretto/v2"
)

// Put hands a state to the Cache, which closes it sooner or later: at once where
// another state of the owner has all of its tokens, where it is larger than all
// that is to be kept, or where it is worth less than what it would displace. A
// state that s begins with all of is closed: s stands for it.
func (c *Cache[S]) Put(owner Owner, s S) {
	e := &entry[S]{state: s, owner: owner, tokens: s.Tokens(), bytes: s.Bytes()}
	c.putting.Lock()
	defer c.putting.Unlock()
	shorter, ok := c.take(e)
	if !ok {
		s.Close()
		return
	}
	if shorter != nil {
		c.remove(shorter)
	}
	c.choose(e)
	if c.insist(e) {
		c.choose(e)
	}
	c.unpin(e)
	c.trim()
}

// take has e be found, and pins it. It is not ok where e is not wanted. shorter
// is what e stands for from now on.
func (c *Cache[S]) take(e *entry[S]) (shorter *entry[S], ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.shelf[e.owner]
	if c.closed || len(e.tokens) == 0 || e.bytes > c.limit {
		return nil, false
	}
	if longer := l.container(e.tokens); longer != nil {
		c.clock++
		longer.used = c.clock
		return nil, false
	}
	if shorter = l.contained(e.tokens); shorter != nil {
		e.key = shorter.key // and what the chooser knows of it
	} else {
		e.key = c.newKey()
	}
	c.bytes += e.bytes
	c.putIn(e)
	c.pin(e)
	return shorter, true
}

// newKey is a number that is not yet in use, with bits as in a hash. The caller
// holds mu.
func (c *Cache[S]) newKey() uint64 {
	c.keys++
	return c.keys * 0x9e3779b97f4a7c15
}

// putIn has e be found. The caller holds mu.
func (c *Cache[S]) putIn(e *entry[S]) {
	l := c.shelf[e.owner]
	i, _, _ := l.search(e.tokens)
	c.shelf[e.owner] = slices.Insert(l, i, e)
	e.in = true
	c.count++
}

// insist decides about a state that the chooser has refused. It goes by how often
// the others were of use, which says little of a new one: where those used longest ago
// have not been since as many looks as there are states, they make room after
// all.
func (c *Cache[S]) insist(e *entry[S]) bool {
	c.mu.Lock()
	refused, least := e.refused && !c.closed, c.clock-min(c.clock, uint64(c.count))
	over := c.bytes - c.limit // e is among them
	c.mu.Unlock()
	if !refused {
		return false
	}
	stale := func(o *entry[S]) bool { return o.used <= least }
	for over > 0 {
		old := c.oldest(stale)
		if old == nil {
			return false
		}
		over -= c.remove(old)
		c.disown(old)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	e.refused = false
	c.putIn(e)
	return true
}

const (
	// counters is ten times the most states that are to be expected, as ristretto
	// wants it; after so many looks it halves what it has counted.
	counters = 2048
	// everyLook has ristretto count each look at once. By default it counts 64 at
	// a time, and what it has by then when it is busy it drops.
	everyLook = 1
	// noTTL keeps its goroutine from looking every few seconds for what has expired:
	// nothing does.
	noTTL = math.MaxInt32
)

// choose hands e to the chooser and waits until it has decided. Those that it
// does not want have been removed by then.
func (c *Cache[S]) choose(e *entry[S]) {
	c.life.RLock()
	defer c.life.RUnlock()
	chooser := c.begin()
	if chooser == nil {
		return
	}
	if !chooser.Set(e.key, e, e.bytes) {
		c.remove(e) // its queue was full
		return
	}
	chooser.Wait()
	c.mu.Lock()
	in := e.in
	c.mu.Unlock()
	if !in { // somebody has taken it out before it was in there
		chooser.Del(e.key)
	}
}

// begin is the chooser, made when it is first wanted; nil after Close. The caller
// holds life, and putting.
func (c *Cache[S]) begin() *ristretto.Cache[uint64, *entry[S]] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chooser != nil || c.closed {
		return c.chooser
	}
	chooser, err := ristretto.NewCache(&ristretto.Config[uint64, *entry[S]]{
		NumCounters: counters, BufferItems: everyLook, TtlTickerDurationInSec: noTTL,
		MaxCost: max(c.limit, 1), IgnoreInternalCost: true,
		OnReject: func(i *ristretto.Item[*entry[S]]) { c.refuse(i.Value) },
		OnExit: func(e *entry[S]) {
			if e != nil { // as it is for a key that was not there
				c.remove(e)
			}
		},
	})
	if err != nil { // of its options, which are ours
		panic("prefix: " + err.Error())
	}
	c.chooser = chooser
	return chooser
}

func (c *Cache[S]) refuse(e *entry[S]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.refused = true
}

// ask calls do with the chooser, where there is one.
func (c *Cache[S]) ask(do func(*ristretto.Cache[uint64, *entry[S]])) {
	c.life.RLock()
	defer c.life.RUnlock()
	c.mu.Lock()
	chooser := c.chooser
	c.mu.Unlock()
	if chooser != nil {
		do(chooser)
	}
}

// praise has the chooser know that e was of use.
func (c *Cache[S]) praise(e *entry[S]) {
	c.ask(func(r *ristretto.Cache[uint64, *entry[S]]) { r.Get(e.key) })
}

// disown has the chooser forget e, which was removed.
func (c *Cache[S]) disown(e *entry[S]) {
	c.ask(func(r *ristretto.Cache[uint64, *entry[S]]) { r.Del(e.key) })
}

// adjust has the chooser know the limit.
func (c *Cache[S]) adjust() {
	c.mu.Lock()
	limit := c.limit
	c.mu.Unlock()
	c.ask(func(r *ristretto.Cache[uint64, *entry[S]]) { r.UpdateMaxCost(max(limit, 1)) })
}

// Close closes all states; those in use then when that ends. What is put later is
// closed at once.
func (c *Cache[S]) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.putting.Lock() // waits for a Put under way
	c.mu.Lock()
	var all []*entry[S]
	for _, l := range c.shelf {
		all = append(all, l...)
	}
	c.mu.Unlock()
	c.putting.Unlock()
	for _, e := range all {
		c.remove(e)
	}
	// What ristretto still has is closed; it lets go of it without effect.
	c.life.Lock()
	defer c.life.Unlock()
	c.mu.Lock()
	chooser := c.chooser
	c.chooser = nil
	c.mu.Unlock()
	if chooser != nil {
		chooser.Close()
	}
}
