package cost

import (
	"errors"
	"fmt"
	"math"
)

// Flash is a device as the time of its reads: one read takes a fixed latency and
// then its bytes at the rate of one stream, and all reads that are under way
// together get no more than the device's rate. That latency and bandwidth
// suffice is from LLM in a flash (Alizadeh et al. 2023, arXiv 2312.11514, §2.2).
// The zero value is a device that takes no time.
type Flash struct {
	Latency float64 // seconds before the first byte of a read
	Stream  float64 // bytes per second of one read at a time, latency apart
	Rate    float64 // bytes per second of all reads together, at most
	Reads   int     // in flight at once; below 1 is 1
}

// A Point is one measurement of a device: random reads of Size bytes, InFlight
// of them at once, gave Rate bytes per second.
type Point struct {
	Size     int64
	InFlight int
	Rate     float64
}

// ErrNoPoints says that there is nothing to make a Flash of.
var ErrNoPoints = errors.New("no measurement of the device")

// NewFlash fits a Flash to what was measured: latency and stream to the points
// with one read in flight, by least squares of the relative error, and the rate
// of all to the quickest point. reads is how many there will be in flight.
// Points that are not positive and finite are left out.
func NewFlash(points []Point, reads int) (Flash, error) {
	f := Flash{Reads: max(reads, 1)}
	var alone []Point
	for _, p := range points {
		if p.Size <= 0 || p.InFlight <= 0 || !(p.Rate > 0) || math.IsInf(p.Rate, 1) {
			continue
		}
		f.Rate = max(f.Rate, p.Rate)
		if p.InFlight == 1 {
			alone = append(alone, p)
		}
	}
	if f.Rate == 0 {
		return Flash{}, fmt.Errorf("%w: found %d points", ErrNoPoints, len(points))
	}
	f.Latency, f.Stream = line(alone)
	if f.Stream == 0 {
		f.Stream = f.Rate
	}
	return f, nil
}

// line fits seconds = latency + size/stream. With the time t of each point as
// its unit, both sides over t, the sum of (1 - latency/t - size/(stream*t))²
// is least. A part that would be negative is left out.
func line(points []Point) (latency, stream float64) {
	var aa, ab, bb, a1, b1, quickest float64
	for _, p := range points {
		a, b := p.Rate/float64(p.Size), p.Rate // 1/t and size/t
		aa, ab, bb, a1, b1 = aa+a*a, ab+a*b, bb+b*b, a1+a, b1+b
		quickest = max(quickest, p.Rate)
	}
	if det := aa*bb - ab*ab; det > 1e-9*aa*bb {
		latency = (a1*bb - b1*ab) / det
		perByte := (b1*aa - a1*ab) / det
		if latency >= 0 && perByte > 0 {
			return latency, 1 / perByte
		}
	}
	return 0, quickest
}

// Seconds is how long one read of that many bytes takes when no other is under
// way.
func (f Flash) Seconds(bytes int64) float64 {
	return f.Latency + over(float64(bytes), min(f.Stream, f.Rate))
}

// Throughput is the bytes per second of reads of that size when f.Reads of them
// are always under way; +Inf for a device that takes no time.
func (f Flash) Throughput(size int64) float64 {
	if size <= 0 {
		return f.Rate
	}
	return float64(size) / f.each(size)
}

// each is the seconds per read of that size with f.Reads under way.
func (f Flash) each(size int64) float64 {
	return max(f.Seconds(size)/float64(max(f.Reads, 1)), over(float64(size), f.Rate))
}

// Worth is what it is expected to save, in seconds of waiting, to read an expert
// of that many bytes on a guess: positive is worth reading. p is the probability
// that it is wanted in the time looked ahead, victim that of the expert that
// would make room for it (0 for an empty slot), busy the share of time, 0 to 1,
// in which the disk works for demands.
//
// A guess that comes true saves the wait for its read. One that does not holds
// up a demand by as much, if there is one at that time; and what it pushed out
// has to be read again, if that was wanted.
func (f Flash) Worth(p, victim, busy float64, bytes int64) float64 {
	p, victim, busy = unit(p), unit(victim), unit(busy)
	t := f.Seconds(bytes)
	return p*t - (1-p)*t*busy - victim*t
}

// unit keeps x, which callers estimate, in 0 to 1; no number is 0.
func unit(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	return min(x, 1)
}

// over is amount/rate, 0 where the rate is not known.
func over(amount, rate float64) float64 {
	if rate <= 0 {
		return 0
	}
	return amount / rate
}
