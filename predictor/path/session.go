package path

// Session follows one text. It is used by one goroutine at a time, and none of
// its methods allocates.
type Session struct {
	model  *Model
	recent [lags + 1]int32 // rows of the latest tokens, the latest first
	known  int             // how many of recent are there
	next   int             // place in the text of the token after those
	one    bool            // the pass has one token

	// The hidden layer of the token at hand, without what is zero.
	hidden []float32
	active []int32
	h      []float32 // [width], before max(0, x)

	from   []float32 // [width], sum of C over the choices for the token before
	coming []float32 // [width], the same of the pass at hand, as far as observed
	share  float32   // of one choice in the mean
	layers []passing
}

// passing is what a Session knows of a layer.
type passing struct {
	p        []float32 // [experts]
	ready    bool      // p is of the token at hand
	observed bool      // so are last and often
	last     []int32   // chosen for the token before, empty where unknown
	often    []float32 // [experts]
}

// NewSession begins a text.
func (m *Model) NewSession() *Session {
	s := &Session{
		model: m, hidden: make([]float32, 0, m.width+3), active: make([]int32, 0, m.width+3), h: make([]float32, m.width),
		from: make([]float32, m.width), coming: make([]float32, m.width),
		share:  m.share(),
		layers: make([]passing, len(m.layers)),
	}
	for i := range s.layers {
		n := m.layers[i].experts
		s.layers[i] = passing{p: make([]float32, n), often: make([]float32, n), last: make([]int32, 0, m.identity.TopK)}
	}
	return s
}

// Forget begins another text.
func (s *Session) Forget() {
	s.known, s.next, s.one = 0, 0, false
	clear(s.from)
	clear(s.coming)
	for i := range s.layers {
		l := &s.layers[i]
		l.last, l.ready, l.observed = l.last[:0], false, false
		clear(l.often)
	}
}

// Foretell begins a pass over the tokens ids, the first of which has place pos
// in its text. Where that is not the place after the tokens of the pass before,
// another text has begun.
func (s *Session) Foretell(ids []int32, pos int) {
	if pos != s.next {
		s.Forget()
	}
	s.next = pos + len(ids)
	s.one = len(ids) == 1
	for _, id := range ids[max(0, len(ids)-len(s.recent)):] {
		copy(s.recent[1:], s.recent[:])
		s.recent[0] = s.model.row(id)
		s.known = min(s.known+1, len(s.recent))
	}
	s.from, s.coming = s.coming, s.from
	clear(s.coming)
	for i := range s.layers {
		l := &s.layers[i]
		if !l.observed {
			l.last = l.last[:0]
		}
		l.ready, l.observed = false, false
	}
	if s.one {
		s.model.hide(s.h, s.recent[:s.known], s.from, s.share)
		s.hidden, s.active = compress(s.hidden[:0], s.active[:0], s.h)
	}
}

// Of is how likely the token at hand chooses each expert of layer, 0 to 1. It is
// nil for a layer without experts, in a pass of several tokens, and where the
// layer has been observed in this pass. It is valid until the next pass.
func (s *Session) Of(layer int) []float32 {
	if !s.one || layer < 0 || layer >= len(s.layers) {
		return nil
	}
	l, of := &s.layers[layer], &s.model.layers[layer]
	if of.experts == 0 || l.observed {
		return nil
	}
	if !l.ready {
		of.logits(l.p, s.hidden, s.active, l.last, l.often)
		for e, x := range l.p {
			l.p[e] = logistic(x)
		}
		l.ready = true
	}
	return l.p
}

// Observe tells what the tokens of the pass chose in layer, [tokens][top-k].
// What it is not told counts as nothing chosen.
func (s *Session) Observe(layer int, chosen []int32) {
	if layer < 0 || layer >= len(s.layers) || s.model.layers[layer].experts == 0 || s.layers[layer].observed {
		return
	}
	l, of, k := &s.layers[layer], &s.model.layers[layer], s.model.identity.TopK
	l.observed = true
	for ; len(chosen) >= k; chosen = chosen[k:] {
		for e := range l.often {
			l.often[e] *= fade
		}
		l.last = l.last[:0]
		for _, e := range chosen[:k] {
			if e >= 0 && int(e) < of.experts {
				l.often[e] += 1 - fade
				l.last = append(l.last, e)
			}
		}
	}
	of.gather(s.coming, l.last)
}
