package offload

import (
	"fmt"
	"time"

	"moed/flashio"
)

// read is one expert on its way from the file. Reads are used again, so that a
// steady state allocates nothing.
type read struct {
	flashio.Request
	store  *Store
	class  *class
	slot   int32
	layer  int32
	expert int32
	guess  bool // nobody has asked for it yet
	warm   bool // begun by Warm
	parts  [3]flashio.Part
	place  place // where a packed expert lands
}

// begin reads expert e of layer l into slot i, which must be empty. A packed
// one needs a place to land; begin is false while there is none.
func (s *Store) begin(l int, e int32, i int32, p flashio.Priority) bool {
	ly := &s.layers[l]
	c := ly.class
	packed := ly.Bundles.Group > 0
	if packed && !s.bounces.free() {
		return false
	}
	rd := s.newRead()
	rd.class, rd.slot, rd.layer, rd.expert = c, i, int32(l), e
	rd.Priority, rd.guess = p, p == flashio.Prefetch
	if packed {
		rd.place = s.bounces.take(ly.Bundles.Stride)
		rd.parts[0] = flashio.Part{Offset: ly.Bundles.Offset + int64(e)*ly.Bundles.Stride, Into: rd.place.used, Need: ly.Bundles.Stride}
		rd.Parts = rd.parts[:1]
	} else {
		rd.Parts = rd.parts[:]
		for k := range rd.parts {
			h := &ly.shape
			start, length, skip := flashio.Window(h.stacks[k].Offset+int64(e)*h.stacks[k].Size, h.stacks[k].Size)
			into := c.arena.Buffer(int64(i)*c.slot+h.at[k], length)
			rd.parts[k] = flashio.Part{Offset: start, Into: into, Need: int64(skip) + h.stacks[k].Size}
		}
	}
	number := int32(l*s.experts) + e
	c.number[i], c.state[i], c.reading[i] = number, reading, rd
	c.pins[i]++ // the read's own
	c.guessed[i] = rd.guess
	s.where[number] = i
	s.underWay++
	if !rd.guess {
		s.passing.reads(1, time.Now())
		if s.warming != nil {
			s.warming.yield()
		}
	}
	s.reader.Submit(&rd.Request)
	return true
}

func (s *Store) newRead() *read {
	if n := len(s.idle); n > 0 {
		rd := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return rd
	}
	rd := &read{store: s}
	rd.Done = func(_ *flashio.Request, err error) { rd.done(err) }
	return rd
}

// done is called by the Reader when the read has ended.
func (rd *read) done(err error) {
	s, c, i := rd.store, rd.class, rd.slot
	if err == nil && rd.place.whole.Len() > 0 {
		err = s.land(rd)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(rd)
	if err == nil {
		c.state[i] = held
		s.held++
	} else {
		c.state[i] = failed
		c.failure[i] = fmt.Errorf("read expert %d of layer %d: %w", rd.expert, rd.layer, err)
		s.stats.Failed++
	}
	s.finish(rd)
	for _, st := range s.streams {
		if st.waiting {
			st.signal()
		}
	}
}

// withdraw cancels a read that has not begun and empties its slot.
func (s *Store) withdraw(rd *read) bool {
	if !s.reader.Cancel(&rd.Request) {
		return false
	}
	c, i := rd.class, rd.slot
	c.state[i] = failed // with nobody waiting: the last pin empties it
	s.finish(rd)
	return true
}

// finish ends a read: its slot's pin and its place to land are given back.
func (s *Store) finish(rd *read) {
	if rd.place.whole.Len() > 0 {
		s.bounces.give(rd.place)
		rd.place = place{}
	}
	c, i := rd.class, rd.slot
	c.reading[i] = nil
	s.idle = append(s.idle, rd)
	s.underWay--
	if !rd.guess {
		s.passing.reads(-1, time.Now())
	}
	if s.warming != nil {
		s.warming.ended(rd)
	}
	s.unpin(c, i)
	if s.underWay == 0 {
		s.quiet.Broadcast()
	}
}
