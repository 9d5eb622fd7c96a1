package offload

// take finds a slot of c for an expert while layer now is served, or none: a
// free one, else the one whose expert is expected last.
func (s *Store) take(c *class, now int) int32 {
	if n := len(c.free); n > 0 {
		i := c.free[n-1]
		c.free = c.free[:n-1]
		return i
	}
	i, _ := s.victim(c, now)
	if i != none {
		s.evict(c, i)
	}
	return i
}

// victim is the held slot without pins whose expert is expected last, and in
// how many layers.
func (s *Store) victim(c *class, now int) (int32, float32) {
	best, farthest := int32(none), float32(-1)
	for i, pins := range c.pins {
		if pins != 0 || c.state[i] != held {
			continue
		}
		n := int(c.number[i])
		if d := s.policy.Distance(now, n/s.experts, n%s.experts); d > farthest {
			best, farthest = int32(i), d
		}
	}
	return best, farthest
}

// evict empties a held slot.
func (s *Store) evict(c *class, i int32) {
	s.where[c.number[i]] = none
	c.number[i], c.state[i] = none, free
	s.held--
	s.stats.Evicted++
	c.guessed[i] = false
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
