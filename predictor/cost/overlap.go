package cost

import "math"

// Step is arithmetic with the reading that goes on beside it: a decoded token or
// a prompt's chunk.
type Step struct {
	Arithmetic float64 // seconds, of a step that reads nothing
	Bytes      float64 // read from the device
	Rate       float64 // bytes per second of the device at reads of that size
	Burden     float64 // seconds by which one byte read lengthens the arithmetic
	Ahead      bool    // reads begin layers before they are wanted
}

// Reads says how experts are read, as far as that is work for the processor.
type Reads struct {
	Direct  bool // past the page cache
	Packed  bool // in bundles, to be taken apart
	Threads int  // that compute
}

// Burden is how much longer arithmetic takes for each byte read beside it: the
// processor's time for the read, and what it costs the other threads in caches
// and memory traffic, over all threads. The figures are from the runs in
// testdata/bench/offload.csv: with two threads a GB prolongs the arithmetic by a
// fifth of a second where reads are direct, by 0.7 where they go through the
// page cache, and by another 0.2 where bundles are taken apart.
func (r Reads) Burden() float64 {
	seconds := 1.4e-9
	if r.Direct {
		seconds = 0.4e-9
	}
	if r.Packed {
		seconds += 0.4e-9
	}
	return seconds / float64(max(r.Threads, 1))
}

// Seconds is how long the step takes. Were all reads known in time it would be
// the longer of arithmetic and reading, did each wait its turn it would be the
// sum. Reading ahead gets between the two, since the tokens and layers that read
// much are not those that compute long; the root of the sum of the squares is
// what fits the runs in testdata/bench/offload.csv. Reads that begin when they
// are wanted are waited for.
func (s Step) Seconds() float64 {
	if s.Ahead {
		return math.Hypot(s.Computing(), s.Reading())
	}
	return s.Computing() + s.Reading()
}

// Computing is the arithmetic, slowed by the reading beside it.
func (s Step) Computing() float64 { return s.Arithmetic + s.Burden*s.Bytes }

// Reading is how long the device works.
func (s Step) Reading() float64 { return over(s.Bytes, s.Rate) }

// Stall is the time spent waiting for the device.
func (s Step) Stall() float64 { return s.Seconds() - s.Computing() }

// Margin is how far an estimate may be off: each kept run is within it.
const Margin = 0.2
