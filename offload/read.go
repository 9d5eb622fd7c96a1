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
	disk   *disk
	tried  uint64 // numbers of the disks that have failed it, as bits
	size   int64  // bytes that are read
	parts  [3]flashio.Part
	place  place // where a packed expert lands
}

// begin reads expert e of layer l into slot i, which must be empty. A packed
// one needs a place to land; begin is false while there is none.
func (s *Store) begin(l int, e int32, i int32, p flashio.Priority) bool {
	c := s.layers[l].class
	if s.bounces != nil && !s.bounces.free() {
		return false
	}
	rd := s.newRead()
	rd.class, rd.slot, rd.layer, rd.expert = c, i, int32(l), e
	rd.Priority, rd.guess, rd.tried = p, p == flashio.Prefetch, 0
	number := int32(l*s.experts) + e
	c.number[i], c.state[i], c.reading[i] = number, reading, rd
	c.pins[i]++ // the read's own
	c.guessed[i] = rd.guess
	s.where[number] = i
	if s.underWay == 0 && len(s.disks) > 1 {
		s.since = time.Now()
	}
	s.underWay++
	if !rd.guess {
		s.passing.reads(1, time.Now())
		if s.warming != nil {
			s.warming.yield()
		}
	}
	s.submit(rd, s.pick(l, e, 0))
	return true
}

// submit has d read what rd is to hold. Where that is packed, rd has a place or
// one is free.
func (s *Store) submit(rd *read, d *disk) {
	rd.disk = d
	if l := &d.layers[rd.layer]; l.packed != nil {
		if rd.place.whole.Len() > 0 {
			s.bounces.give(rd.place)
		}
		rd.place = s.bounces.take(l.bundles.Stride)
		rd.parts[0] = flashio.Part{Offset: l.offset(rd.expert), Into: rd.place.used, Need: l.bundles.Stride}
		rd.Parts, rd.size = rd.parts[:1], l.bundles.Stride
	} else {
		s.release(rd)
		ly := &s.layers[rd.layer]
		rd.Parts, rd.size = rd.parts[:], 0
		for k := range rd.parts {
			h, c := &ly.shape, ly.class
			start, length, skip := flashio.Window(h.stacks[k].Offset+int64(rd.expert)*h.stacks[k].Size, h.stacks[k].Size)
			into := c.arena.Buffer(int64(rd.slot)*c.slot+h.at[k], length)
			rd.parts[k] = flashio.Part{Offset: start, Into: into, Need: int64(skip) + h.stacks[k].Size}
			rd.size += length
		}
	}
	d.queued += rd.size
	d.reader.Submit(&rd.Request)
}

// release gives back where a packed expert landed.
func (s *Store) release(rd *read) {
	if rd.place.whole.Len() > 0 {
		s.bounces.give(rd.place)
		rd.place = place{}
	}
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
	s, d := rd.store, rd.disk
	if err == nil && rd.place.whole.Len() > 0 {
		err = s.land(rd)
	}
	s.mu.Lock()
	d.queued -= rd.size
	turned := false
	if err == nil {
		turned = d.praise()
	} else {
		turned = d.blame(err)
	}
	if err == nil || !s.elsewhere(rd) {
		s.conclude(rd, err)
	}
	s.mu.Unlock()
	if turned && s.lost != nil {
		s.lost(d.name, err)
	}
}

// elsewhere reads what a disk has failed to give from another that has it.
func (s *Store) elsewhere(rd *read) bool {
	if s.closed {
		return false
	}
	rd.tried |= 1 << rd.disk.number
	d := s.pick(int(rd.layer), rd.expert, rd.tried)
	if d == nil || d.layers[rd.layer].packed != nil && rd.place.whole.Len() == 0 && !s.bounces.free() {
		return false
	}
	if !rd.guess {
		rd.Priority = flashio.Demand
	}
	s.submit(rd, d)
	return true
}

// conclude ends a read, well or not.
func (s *Store) conclude(rd *read, err error) {
	c, i := rd.class, rd.slot
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
	if !rd.disk.reader.Cancel(&rd.Request) {
		return false
	}
	rd.disk.queued -= rd.size
	c, i := rd.class, rd.slot
	c.state[i] = failed // with nobody waiting: the last pin empties it
	s.finish(rd)
	return true
}

// finish ends a read: its slot's pin and its place to land are given back.
func (s *Store) finish(rd *read) {
	s.release(rd)
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
		if len(s.disks) > 1 {
			s.working += time.Since(s.since)
		}
		s.quiet.Broadcast()
	}
}
