package offload

import (
	"slices"
	"time"

	"moed/flashio"
	"moed/moe/expert"
)

// expected is an expert whose read was put in the queue for a layer to come.
type expected struct {
	number int32
	slot   int32
	began  time.Time
}

// prefetch shows a demand to the predictor, asks it about the layer that lies
// ahead, and before the first demand of a pass also about those in between, and
// begins to read what is worth it.
//
// When the layer comes, the real demand decides: what it wants jumps the queue,
// and what it does not want is withdrawn, or goes when its distance says so.
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
	began := time.Now()
	p.Observe(d)
	from := d.Layer + s.ahead
	if d.Layer == 0 || s.layers[d.Layer-1].class == nil {
		from = d.Layer + 1
	}
	for layer := from; layer <= d.Layer+s.ahead && layer < len(s.layers); layer++ {
		if s.layers[layer].class == nil || !s.asks(d, layer) {
			continue
		}
		s.guesses = p.Guess(s.guesses[:0], d, layer)
		s.expect(d, layer, began)
		began = time.Now()
	}
}

// Foretell takes in guesses that others make about a layer to come, for tokens that
// are at an earlier one: as those of a Predictor, what is worth it is read. What
// makes no sense is left out.
func (s *Store) Foretell(now, layer, tokens int, guesses []expert.Guess) {
	s.guessing.Lock()
	defer s.guessing.Unlock()
	if now < 0 || now >= layer || layer >= len(s.layers) || tokens < 1 || s.layers[now].class == nil || s.layers[layer].class == nil {
		return
	}
	d := &expert.Demand{Layer: now, Tokens: tokens}
	if !s.asks(d, layer) {
		return
	}
	s.guesses = s.guesses[:0]
	for _, g := range guesses {
		if g.Expert >= 0 && int(g.Expert) < s.layers[layer].Experts && g.P >= 0 && g.P <= 1 {
			s.guesses = append(s.guesses, g)
		}
	}
	s.expect(d, layer, time.Now())
}

// asks reports whether the predictor should be asked about a layer.
func (s *Store) asks(d *expert.Demand, layer int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.Tokens > 1 || s.ledger.asks(layer)
}

// expect takes in the guesses about a layer, which somebody has begun to make
// at began: the policy should know them, and those that are not held and worth
// it are read, the likeliest first.
func (s *Store) expect(d *expert.Demand, layer int, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.foreseen, s.likely = s.foreseen[:0], s.likely[:0]
	for _, g := range s.guesses {
		s.foreseen, s.likely = append(s.foreseen, g.Expert), append(s.likely, g.P)
	}
	s.policy.Foresee(layer, s.foreseen, s.likely)
	slices.SortStableFunc(s.guesses, func(a, b expert.Guess) int {
		switch {
		case a.P > b.P:
			return -1
		case a.P < b.P:
			return 1
		}
		return 0
	})
	for _, g := range s.guesses {
		if s.where[layer*s.experts+int(g.Expert)] == none && !s.guess(d, layer, g) {
			break
		}
	}
	took := time.Since(began)
	s.stats.Asking += took
	if d.Tokens == 1 {
		s.ledger.asked(layer, took)
		s.passing.asking += took
	}
}

// guess begins to read an expert for a layer to come, unless that is not worth
// it: then it is not for any that is less likely either.
func (s *Store) guess(d *expert.Demand, layer int, g expert.Guess) bool {
	c, bytes := s.layers[layer].class, s.layers[layer].Bytes()
	if !s.worth(d, g.P, 0, bytes) { // nor would it be for a victim, which takes long to find
		return false
	}
	i := int32(none)
	if len(c.free) > 0 {
		i = s.take(c, d.Layer)
	} else {
		var distance float32
		if i, distance = s.victim(c, d.Layer); i == none || !s.worth(d, g.P, s.soon(distance), bytes) {
			return false
		}
		s.evict(c, i)
	}
	if !s.begin(layer, g.Expert, i, flashio.Prefetch) {
		s.empty(c, i)
		return false
	}
	s.stats.Layers[layer].Guessed++
	s.ledger.spent += bytes
	s.expected[layer] = append(s.expected[layer], expected{number: c.number[i], slot: i, began: time.Now()})
	return true
}

func (s *Store) worth(d *expert.Demand, p float32, victim float64, bytes int64) bool {
	if d.Tokens > 1 { // the disk is busy throughout
		return s.ledger.flash.Worth(float64(p), victim, 1, bytes) > 0
	}
	return s.ledger.worth(float64(p), victim, bytes)
}

// soon is how likely an expert of that distance is wanted within a token.
func (s *Store) soon(distance float32) float64 {
	return min(1, float64(len(s.layers))/float64(max(distance, 1)))
}

// settle ends the guesses about d's layer.
func (s *Store) settle(d *expert.Demand, now time.Time) (o outcome) {
	c, ls := s.layers[d.Layer].class, &s.stats.Layers[d.Layer]
	o.bytes = s.layers[d.Layer].Bytes()
	read := time.Duration(s.ledger.flash.Seconds(o.bytes) * float64(time.Second))
	for _, x := range s.expected[d.Layer] {
		i := x.slot
		_, wanted := slices.BinarySearch(d.Experts, x.number-int32(d.Layer*s.experts))
		rd := c.reading[i]
		switch here := c.number[i] == x.number && c.guessed[i]; {
		case here && wanted:
			o.useful++
			o.saved += min(now.Sub(x.began), read)
		case here && rd != nil && c.pins[i] == 1 && s.withdraw(rd): // the pin is the read's
			continue
		default:
			o.wrong++
		}
		if c.number[i] == x.number {
			c.guessed[i] = false
		}
	}
	s.expected[d.Layer] = s.expected[d.Layer][:0]
	ls.Useful += int64(o.useful)
	ls.Wrong += int64(o.wrong)
	ls.Saved += o.saved
	return o
}
