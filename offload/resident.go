package offload

// Resident sets dst, [layers][experts] with as many experts a layer as the layer
// that has most, to 1 where an expert is held and 0 elsewhere, and returns it;
// it allocates where dst has another length.
func (s *Store) Resident(dst []uint8) []uint8 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(dst) != len(s.where) {
		dst = make([]uint8, len(s.where))
	}
	clear(dst)
	for i := range s.layers {
		c := s.layers[i].class
		if c == nil {
			continue
		}
		for e := range s.layers[i].Experts {
			if slot := s.where[i*s.experts+e]; slot != none && c.state[slot] == held {
				dst[i*s.experts+e] = 1
			}
		}
	}
	return dst
}
