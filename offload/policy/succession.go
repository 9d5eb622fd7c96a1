package policy

// succession counts, within each layer, which experts a token chose after the
// token before it had chosen a given one. It needs to know whose choice came
// before, so that it learns from tokens that come alone.
type succession struct {
	shape    Shape
	follows  []uint8   // [(layer*Experts+before)*Experts+after]: halved before it overflows
	times    []uint16  // [layer*Experts+before]: tokens that followed, halved with it
	previous []int32   // [layer*Experts+i]: the last token's experts
	last     []int     // [layer]: how many of those
	next     []float32 // [layer*Experts+expert]: probability that the next token wants it, less the unknown part
	unknown  float32   // share of the last layer noted of which next says nothing
}

// priorTokens is how many tokens must have followed an expert until they count
// for as much as what is known without it.
const priorTokens = 1.5

// mostPairs bounds the counts' bytes. A model with more pairs does without.
const mostPairs = 64 << 20

func newSuccession(s Shape) succession {
	n := s.Layers * s.Experts
	f := succession{shape: s, next: make([]float32, n)}
	if n <= mostPairs/s.Experts {
		f.follows, f.times = make([]uint8, n*s.Experts), make([]uint16, n)
		f.previous, f.last = make([]int32, n), make([]int, s.Layers)
	}
	return f
}

// note takes in a visit and sets next and unknown for its layer.
func (s *succession) note(layer int, experts []int32, tokens int) {
	at := layer * s.shape.Experts
	next := s.next[at : at+s.shape.Experts]
	clear(next)
	s.unknown = 1
	if s.follows == nil {
		return
	}
	previous := s.previous[at : at+s.last[layer]]
	s.last[layer] = 0
	if tokens > 1 {
		return
	}
	for _, before := range previous {
		s.count(at+int(before), experts)
	}
	kept := s.previous[at : at : at+s.shape.Experts]
	for _, e := range experts {
		if e >= 0 && int(e) < s.shape.Experts && len(kept) < cap(kept) {
			kept = append(kept, e)
		}
	}
	s.last[layer] = len(kept)
	s.predict(at, kept, next)
}

// count notes what followed the expert of cell before.
func (s *succession) count(before int, experts []int32) {
	row := s.row(before)
	s.times[before]++
	for _, e := range experts {
		if e < 0 || int(e) >= s.shape.Experts {
			continue
		}
		row[e]++
		if row[e] == 255 {
			s.halve(before)
		}
	}
	if s.times[before] == 1<<16-1 {
		s.halve(before)
	}
}

func (s *succession) halve(before int) {
	s.times[before] /= 2
	for i := range s.row(before) {
		s.row(before)[i] /= 2
	}
}

func (s *succession) row(before int) []uint8 {
	return s.follows[before*s.shape.Experts:][:s.shape.Experts]
}

// predict averages what followed the given experts of the layer that begins at
// cell at.
func (s *succession) predict(at int, experts []int32, next []float32) {
	if len(experts) == 0 {
		return
	}
	s.unknown = 0
	each := 1 / float32(len(experts))
	for _, e := range experts {
		weight := each / (float32(s.times[at+int(e)]) + priorTokens)
		s.unknown += weight * priorTokens
		for after, n := range s.row(at + int(e)) {
			next[after] += weight * float32(n)
		}
	}
}
