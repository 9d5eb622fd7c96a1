package offload

// Resize changes the memory for experts, in bytes, up to that of all of them.
// Experts that are kept stay. Where loans stand in the way of shrinking, the
// rest is given back as they end. It fails where not even one expert of each
// size would fit, and changes nothing then.
func (s *Store) Resize(bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.resize(bytes)
}

// resize sets how many slots each class should have.
func (s *Store) resize(bytes int64) error {
	classes := make([]Class, len(s.classes))
	for i, c := range s.classes {
		classes[i] = Class{Slot: c.slot, Experts: int(c.experts)}
	}
	slots, err := Divide(classes, bytes)
	if err != nil {
		return err
	}
	for i, c := range s.classes {
		c.want = slots[i]
	}
	for _, c := range s.classes {
		s.shrink(c)
		s.grow(c)
	}
	s.feed()
	return nil
}

// grow brings gone slots back.
func (s *Store) grow(c *class) {
	for i := 0; c.live < c.want; i++ {
		if c.state[i] == gone {
			c.state[i], c.pins[i] = free, 0
			c.free = append(c.free, int32(i))
			c.live++
		}
	}
}

// shrink gives slots back until as many are live as should be, or the others
// are pinned.
func (s *Store) shrink(c *class) {
	for c.live > c.want {
		i := int32(none)
		if n := len(c.free); n > 0 {
			i = c.free[n-1]
			c.free = c.free[:n-1]
		} else if i, _ = s.victim(c, 0); i != none {
			s.evict(c, i)
		}
		if i == none {
			return
		}
		if err := c.arena.Discard(int64(i)*c.slot, c.slot); err != nil {
			panic("offload: giving memory back: " + err.Error()) // the range is ours and mapped
		}
		c.state[i], c.pins[i] = gone, 1
		c.live--
	}
}

// Bytes is the memory of the slots that are live.
func (s *Store) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := int64(0)
	for _, c := range s.classes {
		n += int64(c.live) * c.slot
	}
	return n
}
