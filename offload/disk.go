package offload

import (
	"errors"
	"fmt"
	"time"

	"moed/flashio"
	"moed/flashio/bundle"
	"moed/moe/expert"
)

// Disk is one more file with experts of the model, on another device than the
// model's own file as a rule. The caller keeps its reader and closes it after
// the store.
type Disk struct {
	Name   string // for Stats and Options.Lost
	Reader *flashio.Reader
	Shard  *expert.Shard
}

// mostDisks is how many there may be beside the model's own file: a read keeps
// a bit for each that it has tried.
const mostDisks = 63

// Bounds of what a disk may do wrong.
const (
	// mostStrikes is how many reads in a row may fail before a disk is down.
	mostStrikes = 3
	// A disk that is down is tried again after so many reads that it would have
	// had a share in, and after more each time that it fails.
	firstRest   = 256
	longestRest = 1 << 14
)

// disk is a file that experts are read from. Number 0 is the model's own, which
// has all of them; the store's lock guards what is below layers.
type disk struct {
	number int
	name   string
	reader *flashio.Reader
	layers []diskLayer

	queued  int64   // bytes of reads that have not ended
	rate    float64 // bytes per second, moving average
	strikes int     // reads that have failed since the last that has not
	state   health
	rest    int // while it is down: reads still to pass it by
	pause   int // how long the next rest is
	failed  int64
	read    flashio.Stats // when the pass at hand began
}

type health uint8

const (
	well health = iota
	down        // tried again now and then
	lost        // its file is another: never tried again
)

// diskLayer is where a disk has the experts of a layer.
type diskLayer struct {
	bundles expert.Bundles
	packed  *bundle.Geometry // nil where they lie in stacks, or nowhere
	place   []int32          // [experts] number among the disk's, -1 for none; nil: all, in order
}

// has reports whether the disk has an expert.
func (d *disk) has(layer int, e int32) bool {
	place := d.layers[layer].place
	return d.number == 0 || int(e) < len(place) && place[e] != none
}

// offset is where the bundles of an expert begin that the disk has.
func (l *diskLayer) offset(e int32) int64 {
	if l.place != nil {
		e = l.place[e]
	}
	return l.bundles.Offset + int64(e)*l.bundles.Stride
}

// makeDisks takes the model's own file and the others.
func (s *Store) makeDisks(r *flashio.Reader, others []Disk) error {
	if len(others) > mostDisks {
		return fmt.Errorf("%d disks, at most %d are allowed", len(others), mostDisks)
	}
	own := &disk{reader: r, layers: make([]diskLayer, len(s.layers)), rate: firstRate}
	for i := range s.layers {
		own.layers[i].bundles = s.layers[i].Bundles
	}
	s.disks = []*disk{own}
	for i := range others {
		o := &others[i]
		if len(o.Shard.Layers) != len(s.layers) {
			return fmt.Errorf("disk %q: %d layers, the model has %d", o.Name, len(o.Shard.Layers), len(s.layers))
		}
		d := &disk{number: i + 1, name: o.Name, reader: o.Reader, layers: make([]diskLayer, len(s.layers)), rate: firstRate, pause: firstRest}
		for k := range d.layers {
			l := &o.Shard.Layers[k]
			if len(l.Place) > s.layers[k].Experts {
				return fmt.Errorf("disk %q: places for %d experts of layer %d, which has %d", o.Name, len(l.Place), k, s.layers[k].Experts)
			}
			d.layers[k] = diskLayer{bundles: l.Bundles, place: l.Place}
		}
		s.disks = append(s.disks, d)
	}
	return nil
}

// pick is the disk to read an expert from, nil where all that have it were
// tried: of those that are well the one that would have it first, by what waits
// for each; else the model's own file; else one that is down. Of equal ones it
// is the first.
func (s *Store) pick(layer int, e int32, tried uint64) *disk {
	var best *disk
	least := 0.0
	for _, d := range s.disks[1:] {
		if tried>>d.number&1 != 0 || !d.has(layer, e) || d.state == lost {
			continue
		}
		if d.state == down {
			if tried != 0 {
				continue
			}
			if d.rest > 0 {
				d.rest--
				continue
			}
			d.rest = d.pause // until this read has ended
			return d
		}
		bytes := d.queued + d.layers[layer].bundles.Stride
		if wait := float64(bytes) / d.rate; best == nil || wait < least {
			best, least = d, wait
		}
	}
	switch {
	case best != nil:
		return best
	case tried&1 == 0:
		return s.disks[0]
	}
	for _, d := range s.disks[1:] {
		if tried>>d.number&1 == 0 && d.state == down && d.has(layer, e) {
			return d
		}
	}
	return nil
}

// praise notes a read that was well, and reports whether that brings a disk
// back that was down.
func (d *disk) praise() (back bool) {
	d.strikes = 0
	if d.state != down {
		return false
	}
	d.state, d.pause = well, firstRest
	return true
}

// blame notes a read that has failed, and reports whether that takes the disk
// out of use. The model's own file stays in use whatever happens: there is no
// other with all experts.
func (d *disk) blame(err error) (out bool) {
	d.failed++
	d.strikes++
	switch {
	case d.number == 0 || d.state == lost || errors.Is(err, flashio.ErrClosed):
		return false
	case errors.Is(err, flashio.ErrChanged):
		d.state = lost
		return true
	case d.state == down:
		d.pause = min(2*d.pause, longestRest)
		d.rest = d.pause
		return false
	case d.strikes < mostStrikes:
		return false
	}
	d.state, d.rest = down, d.pause
	return true
}

// measure takes in what the disks have read since the last pass.
func (s *Store) measure(now time.Time) {
	var bytes int64
	var busy time.Duration // of all disks, added up
	for _, d := range s.disks {
		r := d.reader.Stats()
		got, took := r.Bytes-d.read.Bytes, r.Busy-d.read.Busy
		d.read = r
		bytes, busy = bytes+got, busy+took
		if took > time.Millisecond && got > 0 {
			d.rate += passPace * (float64(got)/took.Seconds() - d.rate)
		}
	}
	together := busy
	if len(s.disks) > 1 {
		if s.underWay > 0 {
			s.working += now.Sub(s.since)
			s.since = now
		}
		together = min(busy, s.working)
	}
	s.working = 0
	s.ledger.measure(bytes, busy, together)
}

// inFlight is how many reads may be under way at once, on all disks.
func (s *Store) inFlight() int {
	n := 0
	for _, d := range s.disks {
		n += d.reader.Info().InFlight
	}
	return n
}
