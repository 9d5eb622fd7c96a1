package offload

import (
	"slices"
	"time"
)

// Stats counts what a Store has done since it was made. All counts only grow.
type Stats struct {
	Layers []LayerStats

	Reads int64 // experts read
	Bytes int64 // read from the file for them
	Ahead int64 // of Bytes, those that nobody had asked for when their read ended

	Warmed      int64 // of Reads, those of Warm, also what was asked for before it had come
	WarmedBytes int64 // of Bytes, the same; part of Ahead where nobody had

	Failed  int64         // reads that failed
	Evicted int64         // experts that made room for others
	Stall   time.Duration // time that Next has waited
	Asking  time.Duration // time that the predictor has taken

	Disks []DiskStats // the model's own file first, then those of Options.Disks
}

// DiskStats counts what one file has given, also for other things than experts.
type DiskStats struct {
	Name   string // "" for the model's own file
	Path   string
	Down   bool          // out of use, for now or for good
	Reads  int64         // that went to the device
	Bytes  int64         // that came
	Busy   time.Duration // with at least one read under way
	Failed int64         // reads of experts that failed, or gave what was not wanted
	Queued int64         // bytes of experts asked for and not come; no count, but as it is now
}

// LayerStats counts the demands of one layer. What is wanted and neither a hit
// nor late is a miss.
type LayerStats struct {
	Wanted int64 // experts wanted
	Hits   int64 // of them, those held when they were wanted
	Late   int64 // of them, those whose read was under way

	Guessed int64         // experts whose read was put in the queue ahead of the layer's visits
	Useful  int64         // of them, those that the visit wanted
	Wrong   int64         // of them, those that it did not, when it was too late to withdraw the read
	Saved   time.Duration // by which the useful ones came earlier than if read when wanted
}

// Total adds the layers up.
func (s *Stats) Total() LayerStats {
	var t LayerStats
	for _, l := range s.Layers {
		t.Wanted += l.Wanted
		t.Hits += l.Hits
		t.Late += l.Late
		t.Guessed += l.Guessed
		t.Useful += l.Useful
		t.Wrong += l.Wrong
		t.Saved += l.Saved
	}
	return t
}

// Sub is what was counted since an earlier Stats of the same store.
func (s *Stats) Sub(earlier *Stats) Stats {
	d := *s
	d.Layers = slices.Clone(s.Layers)
	for i := range d.Layers {
		d.Layers[i].Wanted -= earlier.Layers[i].Wanted
		d.Layers[i].Hits -= earlier.Layers[i].Hits
		d.Layers[i].Late -= earlier.Layers[i].Late
		d.Layers[i].Guessed -= earlier.Layers[i].Guessed
		d.Layers[i].Useful -= earlier.Layers[i].Useful
		d.Layers[i].Wrong -= earlier.Layers[i].Wrong
		d.Layers[i].Saved -= earlier.Layers[i].Saved
	}
	d.Reads -= earlier.Reads
	d.Bytes -= earlier.Bytes
	d.Ahead -= earlier.Ahead
	d.Warmed -= earlier.Warmed
	d.WarmedBytes -= earlier.WarmedBytes
	d.Failed -= earlier.Failed
	d.Evicted -= earlier.Evicted
	d.Stall -= earlier.Stall
	d.Asking -= earlier.Asking
	d.Disks = slices.Clone(s.Disks)
	for i := range min(len(d.Disks), len(earlier.Disks)) {
		x, e := &d.Disks[i], &earlier.Disks[i]
		x.Reads -= e.Reads
		x.Bytes -= e.Bytes
		x.Busy -= e.Busy
		x.Failed -= e.Failed
	}
	return d
}

// Stats is a copy of the counts so far.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.stats
	c.Layers = slices.Clone(s.stats.Layers)
	c.Disks = make([]DiskStats, len(s.disks))
	for i, d := range s.disks {
		r := d.reader.Stats()
		c.Disks[i] = DiskStats{Name: d.name, Path: d.reader.Info().Name, Down: d.state != well,
			Reads: r.Reads, Bytes: r.Bytes, Busy: r.Busy, Failed: d.failed, Queued: d.queued}
	}
	return c
}

// count notes a read that has ended.
func (s *Store) count(rd *read) {
	s.stats.Reads++
	s.stats.Bytes += rd.Bytes
	if rd.guess {
		s.stats.Ahead += rd.Bytes
	}
}
