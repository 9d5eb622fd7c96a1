package offload

import "fmt"

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

// resize sets how many slots each class should have: shares in proportion to
// the bytes of its experts, at least one slot each.
func (s *Store) resize(bytes int64) error {
	if least := s.least(); bytes < least {
		return fmt.Errorf("%d bytes for experts, want at least %d: one of each size", bytes, least)
	}
	total := int64(0)
	for _, c := range s.classes {
		total += c.slot * c.experts
	}
	left := bytes
	for _, c := range s.classes {
		share := c.experts
		if bytes < total {
			share = int64(float64(c.experts) * float64(bytes) / float64(total))
		}
		c.want = int(max(share, 1))
		left -= int64(c.want) * c.slot
	}
	for left < 0 { // the ones that had to have at least one slot
		largest := s.classes[0]
		for _, c := range s.classes {
			if c.want > largest.want {
				largest = c
			}
		}
		largest.want--
		left += largest.slot
	}
	for _, c := range s.classes {
		s.shrink(c)
		s.grow(c)
	}
	s.feed()
	return nil
}

// least is the smallest memory a store works in: one slot of each size.
func (s *Store) least() int64 {
	n := int64(0)
	for _, c := range s.classes {
		n += c.slot
	}
	return n
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
		} else if i = s.victim(c, 0, demand); i != none {
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
