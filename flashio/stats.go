package flashio

import (
	"math/bits"
	"time"
)

// Stats counts what a Reader has done since it was opened.
type Stats struct {
	Requests int64 // ended, well or not
	Failed   int64 // of these, those that ended with an error
	Canceled int64
	Raised   int64
	Reads    int64 // that went to the device, second attempts left out
	Merged   int64 // pieces that rode along with another
	Retries  int64 // second attempts
	Bytes    int64 // that came

	Busy  time.Duration // with at least one read under way
	Queue Histogram     // a request's wait until its first read began
	Read  Histogram     // a read's time, second attempts included
}

// Bandwidth returns the bytes per second of the time with reads under way.
func (s *Stats) Bandwidth() float64 {
	if s.Busy <= 0 {
		return 0
	}
	return float64(s.Bytes) / s.Busy.Seconds()
}

// A Histogram counts durations in steps that grow by a quarter of a power of
// two, from a microsecond to an hour. The zero value is empty.
type Histogram struct {
	Count int64
	Total time.Duration
	steps [4 * 32]int64
}

func (h *Histogram) add(d time.Duration) {
	h.Count++
	h.Total += d
	h.steps[step(d)]++
}

// merge adds what other has counted.
func (h *Histogram) merge(other *Histogram) {
	h.Count += other.Count
	h.Total += other.Total
	for i, n := range other.steps {
		h.steps[i] += n
	}
}

// step returns the place of d: four steps for each power of two microseconds.
func step(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < 4 {
		return int(us)
	}
	power := bits.Len64(us) - 1
	return min(4*(power-1)+int(us>>(power-2)&3), len(Histogram{}.steps)-1)
}

// upper returns the end of a step.
func upper(i int) time.Duration {
	if i < 3 {
		return time.Duration(i+1) * time.Microsecond
	}
	i++
	return time.Duration(4+i%4) << (i/4 - 1) * time.Microsecond
}

// Mean returns the average, or zero where nothing was counted.
func (h *Histogram) Mean() time.Duration {
	if h.Count == 0 {
		return 0
	}
	return h.Total / time.Duration(h.Count)
}

// Quantile returns a duration that the share p of those counted does not
// exceed, too long by a quarter at most; zero where nothing was counted.
func (h *Histogram) Quantile(p float64) time.Duration {
	want := int64(p * float64(h.Count))
	var seen int64
	for i, n := range h.steps {
		if seen += n; n > 0 && seen >= want {
			return upper(i)
		}
	}
	return 0
}
