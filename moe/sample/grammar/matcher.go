package grammar

import (
	"fmt"
	"math"
	"slices"
)

// Matcher follows one text of a grammar, token by token. It is for one goroutine.
type Matcher struct {
	v     Vocabulary
	index *Index // nil until it is needed

	m      machine
	now    *state
	states map[string]*state
	masks  int
	key    []byte
	bytes  []byte
	walk   []*state
	ended  bool // an end token has been taken
}

// state is a set of frames, with what is known to follow it.
type state struct {
	frames []*frame
	whole  bool         // the text may end here
	next   *[256]*state // nil before the first step
	mask   []uint64     // of allowed tokens, or nil
}

const (
	maxStates = 4096 // of 2 KiB each, and up to twice as many within one Mask
	maxMasks  = 64

	// maxWork bounds what one Mask computes, at some tenths of a second; schemas are
	// far from it unless they are made to take long. What lies beyond is not allowed.
	maxWork = 1 << 18
)

// Matcher begins a text. The vocabulary is indexed when Mask is first called,
// unless v is an *Index.
func (g *Grammar) Matcher(v Vocabulary) *Matcher {
	m := &Matcher{v: v}
	m.index, _ = v.(*Index)
	m.forget()
	// Before the text is a place that its first byte leaves, or one blank before it,
	// as many vocabularies have the first word of a text only with a space.
	m.now = m.intern([]*frame{m.m.one(frame{node: g.root, at: beforeText})})
	return m
}

// beforeText is the place of a frame whose value has not begun.
const beforeText place = 255

func (m *Matcher) forget() {
	m.m.reset()
	m.states, m.masks = map[string]*state{}, 0
}

// intern is the state of some frames.
func (m *Matcher) intern(frames []*frame) *state {
	m.key = m.key[:0]
	for _, f := range frames {
		id := m.m.ids[f]
		m.key = append(m.key, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	if s := m.states[string(m.key)]; s != nil {
		return s
	}
	s := &state{frames: slices.Clone(frames)}
	for _, f := range frames {
		s.whole = s.whole || f.at != beforeText && m.m.ended(f)
	}
	if len(m.states) < 2*maxStates {
		m.states[string(m.key)] = s
	}
	return s
}

// step is the state that byte c leads to; it has no frames if c may not follow.
func (m *Matcher) step(s *state, c byte) *state {
	if s.next == nil {
		s.next = new([256]*state)
	}
	if next := s.next[c]; next != nil {
		return next
	}
	m.m.out = m.m.out[:0]
	for _, f := range s.frames {
		switch {
		case f.at == beforeText && f.gap == 0 && (c == ' ' || c == '\n'):
			m.m.emit(frame{node: f.node, at: beforeText, gap: 1})
		case f.at == beforeText:
			m.m.open(f.node, nil, 0, c)
		default:
			m.m.step(f, c)
		}
	}
	next := m.intern(m.m.out)
	s.next[c] = next
	return next
}

// trim bounds what is remembered.
func (m *Matcher) trim() {
	if len(m.states) < maxStates && len(m.m.frames) <= 16*maxStates {
		return
	}
	frames := m.now.frames
	m.forget()
	again := make([]*frame, len(frames))
	for i, f := range frames {
		again[i] = m.m.again(f)
	}
	m.now = m.intern(again)
}

// again takes a frame over from what was forgotten.
func (m *machine) again(f *frame) *frame {
	var stack []*frame
	for ; f != nil; f = f.up {
		stack = append(stack, f)
	}
	var up *frame
	for i := len(stack) - 1; i >= 0; i-- {
		g := *stack[i]
		g.up = up
		up = m.one(g)
	}
	return up
}

// Allows reports whether token id may come next.
func (m *Matcher) Allows(id int32) bool {
	m.trim()
	next, ok := m.after(id)
	return ok && (next == nil || len(next.frames) > 0)
}

// after is the state behind a token; nil behind one that ends the text.
func (m *Matcher) after(id int32) (*state, bool) {
	switch {
	case id < 0 || int(id) >= m.v.Len() || m.ended:
		return nil, false
	case m.v.IsEnd(id):
		return nil, m.now.whole
	case m.v.IsControl(id):
		return nil, false
	}
	m.bytes = m.v.Bytes(m.bytes[:0], id)
	if len(m.bytes) == 0 || len(m.bytes) > longestToken {
		return nil, false
	}
	s := m.now
	for _, c := range m.bytes {
		if s = m.step(s, c); len(s.frames) == 0 {
			return nil, false
		}
	}
	return s, true
}

// Accept takes the next token. It fails, and changes nothing, where the token is
// not allowed.
func (m *Matcher) Accept(id int32) error {
	m.trim()
	next, ok := m.after(id)
	if !ok {
		return fmt.Errorf("token %d cannot come next", id)
	}
	if next == nil {
		m.ended = true
		return nil
	}
	m.now = next
	return nil
}

// Done reports whether the value is complete, so that only an end token is
// allowed. A number that stands alone is never Done: another digit may follow.
func (m *Matcher) Done() bool {
	if m.ended {
		return true
	}
	for _, f := range m.now.frames {
		if f.node != nil {
			return false
		}
	}
	return true
}

// Mask sets the logits of all tokens that may not come next to -Inf. logits is
// indexed by token id; what is beyond the vocabulary may not come either.
func (m *Matcher) Mask(logits []float32) {
	m.trim()
	if m.index == nil {
		m.index = NewIndex(m.v)
	}
	mask := m.mask()
	inf := float32(math.Inf(-1))
	for i := 0; i < len(logits); i += 64 {
		word := uint64(0)
		if i/64 < len(mask) {
			word = mask[i/64]
		}
		part := logits[i:min(i+64, len(logits))]
		for j := range part {
			if word>>j&1 == 0 {
				part[j] = inf
			}
		}
	}
}

// mask is the set of tokens that are allowed now.
func (m *Matcher) mask() []uint64 {
	words := (m.v.Len() + 63) / 64
	if m.ended {
		return nil
	}
	if m.now.mask != nil {
		return m.now.mask
	}
	x := m.index
	mask := make([]uint64, words)
	if m.now.whole {
		for _, id := range x.ends {
			mask[id/64] |= 1 << (id % 64)
		}
	}
	if len(m.walk) < x.deepest+1 {
		m.walk = make([]*state, x.deepest+1)
	}
	m.walk[0] = m.now
	dead, found, most := m.intern(nil), m.now.whole, m.m.work+maxWork
	for i := 0; i < len(x.nodes)-1; {
		at := &x.nodes[i]
		from := m.walk[at.depth]
		var s *state
		if from.next != nil {
			s = from.next[at.c]
		}
		if s == nil {
			if m.m.work > most && found {
				i = int(at.skip)
				continue
			}
			s = m.step(from, at.c)
		}
		if s == dead || len(s.frames) == 0 {
			i = int(at.skip)
			continue
		}
		m.walk[at.depth+1] = s
		i++
		for j := at.first; j < x.nodes[i].first; j++ {
			id := x.ids[j]
			mask[id>>6] |= 1 << (id & 63)
			found = true
		}
	}
	if m.masks < maxMasks {
		m.masks++
		m.now.mask = mask
	}
	return mask
}
