package offload

import (
	"slices"

	"moed/flashio"
	"moed/moe/expert"
)

// prefetch asks the predictor about the layer that lies ahead, and before the
// first demand of a pass also about those in between, and begins to read what
// is likely and not held.
//
// What is guessed is kept until its layer comes, also where it is held already;
// then the real demand decides, and what it does not want is withdrawn or goes
// to the cold end by its distance.
func (s *Store) prefetch(d *expert.Demand) {
	s.guessing.Lock()
	defer s.guessing.Unlock()
	s.mu.Lock()
	p := s.predictor
	if s.held == s.total || s.closed {
		p = nil
	}
	s.mu.Unlock()
	if p == nil {
		return
	}
	from := d.Layer + s.ahead
	if d.Layer == 0 || s.layers[d.Layer-1].class == nil {
		from = d.Layer + 1
	}
	for layer := from; layer <= d.Layer+s.ahead && layer < len(s.layers); layer++ {
		if s.layers[layer].class == nil {
			continue
		}
		s.guesses = p.Guess(s.guesses[:0], d, layer)
		s.expect(d.Layer, layer, s.guesses)
	}
}

// expect keeps or begins to read the experts that layer is likely to want.
func (s *Store) expect(now, layer int, experts []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	c := s.layers[layer].class
	for _, e := range experts {
		i := s.where[layer*s.experts+int(e)]
		if i == none {
			// A guess must be expected sooner than what it pushes out.
			if i = s.take(c, now, float32(layer-now)); i == none {
				return
			}
			if !s.begin(layer, e, i, flashio.Prefetch) {
				s.empty(c, i)
				return
			}
			s.stats.Guessed++
		}
		c.pins[i]++
		s.expected[layer] = append(s.expected[layer], i)
	}
}

// settle ends the guesses about d's layer.
func (s *Store) settle(d *expert.Demand) {
	c := s.layers[d.Layer].class
	for _, i := range s.expected[d.Layer] {
		_, wanted := slices.BinarySearch(d.Experts, c.number[i]-int32(d.Layer*s.experts))
		s.forget(c, i, !wanted)
	}
	s.expected[d.Layer] = s.expected[d.Layer][:0]
}

// forget ends the guess that keeps slot i, and its read if that is idle.
func (s *Store) forget(c *class, i int32, idle bool) {
	if rd := c.reading[i]; idle && rd != nil && rd.guess && c.pins[i] == 2 { // the read's and the guess's
		s.withdraw(rd)
	}
	s.unpin(c, i)
}

// forgetGuess gives up one guess that keeps a slot of class c, of the layer
// that lies farthest ahead, and reports whether there was one.
func (s *Store) forgetGuess(c *class, now int) bool {
	for k := range s.layers {
		layer := (now + len(s.layers) - 1 - k) % len(s.layers)
		e := s.expected[layer]
		if len(e) > 0 && s.layers[layer].class == c {
			s.expected[layer] = e[:len(e)-1]
			s.forget(c, e[len(e)-1], true)
			return true
		}
	}
	return false
}
