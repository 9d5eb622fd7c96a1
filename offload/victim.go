package offload

// demand is the limit of take for what is wanted now: any victim will do.
const demand = -1

// take finds a slot of c for an expert that layer now wants, or none: a free
// one, else the one whose expert is expected last. A guess takes the place only
// of an expert that is expected later than in limit layers; a demand has the
// limit demand and may also take slots that are kept for guesses.
func (s *Store) take(c *class, now int, limit float32) int32 {
	if n := len(c.free); n > 0 {
		i := c.free[n-1]
		c.free = c.free[:n-1]
		return i
	}
	i := s.victim(c, now, limit)
	if i == none && limit == demand && s.forgetGuess(c, now) {
		return s.take(c, now, limit)
	}
	if i != none {
		s.evict(c, i)
	}
	return i
}

// victim is the held slot without pins whose expert is expected last, later
// than in limit layers.
func (s *Store) victim(c *class, now int, limit float32) int32 {
	best, farthest := int32(none), limit
	for i, pins := range c.pins {
		if pins != 0 || c.state[i] != held {
			continue
		}
		n := int(c.number[i])
		if d := s.policy.Distance(now, n/s.experts, n%s.experts); d > farthest || best == none && limit == demand {
			best, farthest = int32(i), d
		}
	}
	return best
}

// evict empties a held slot.
func (s *Store) evict(c *class, i int32) {
	s.where[c.number[i]] = none
	c.number[i], c.state[i] = none, free
	s.held--
	if c.guessed[i] {
		c.guessed[i] = false
		s.stats.Wasted++
	}
	poison(c.arena.Bytes(int64(i)*c.slot, c.slot))
}

// unpin takes one reason away that slot i must stay.
func (s *Store) unpin(c *class, i int32) {
	c.pins[i]--
	if c.pins[i] < 0 {
		panic("offload: a slot was let go more often than held")
	}
	if c.pins[i] > 0 {
		return
	}
	if c.state[i] == failed {
		s.empty(c, i)
	}
	if c.live > c.want {
		s.shrink(c)
	}
	s.feed()
}

// feed wakes the streams that wait for a slot.
func (s *Store) feed() {
	for _, st := range s.streams {
		if st.starved {
			st.signal()
		}
	}
}

// empty makes a slot without pins free, whatever was in it.
func (s *Store) empty(c *class, i int32) {
	if c.number[i] != none {
		s.where[c.number[i]] = none
	}
	c.number[i], c.state[i], c.failure[i], c.guessed[i] = none, free, nil, false
	c.free = append(c.free, i)
}
