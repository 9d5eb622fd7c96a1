package daemon

import "slices"

// Histogram counts durations in seconds. The zero value is empty.
type Histogram struct {
	Counts [len(bounds) + 1]int64 // of values at most Bounds()[i]; the last is of all above
	Sum    float64
}

var bounds = [...]float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600}

// HistogramBounds are the upper ends of a Histogram's buckets but the last, in
// seconds.
func HistogramBounds() []float64 { return slices.Clone(bounds[:]) }

// Add counts one value.
func (h *Histogram) Add(seconds float64) {
	i, _ := slices.BinarySearch(bounds[:], seconds)
	h.Counts[i]++
	h.Sum += seconds
}

// Count is how many values were added.
func (h *Histogram) Count() (n int64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}
