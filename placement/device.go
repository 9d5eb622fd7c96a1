package placement

import (
	"fmt"
	"math"
	"time"
)

// Device holds experts and serves them one after another: a disk that reads
// them, or the memory of a host that computes with them.
type Device struct {
	Name string `json:"name"`
	Host string `json:"host"`           // devices of one host share its messages
	Site string `json:"site,omitempty"` // hosts of one site are near each other; says only in what order to solve

	Path     string        `json:"path,omitempty"`      // of a directory on it, where it is a disk; means nothing here
	Capacity int64         `json:"capacity"`            // bytes of experts
	PerLayer int           `json:"per_layer,omitempty"` // most experts of one layer; 0: no limit
	Rate     float64       `json:"rate"`                // bytes per second that it reads, or computes with
	Latency  time.Duration `json:"latency"`             // for each expert served
}

// Link is what a message between two hosts costs, in either direction.
type Link struct {
	A       string        `json:"a"`
	B       string        `json:"b"`
	Latency time.Duration `json:"latency"` // one way
	Rate    float64       `json:"rate"`    // bytes per second; 0: sizes do not matter
	// Answers is how a host at one end answers the other: "", with every bit, or
	// F16, rounded, in half the bytes.
	Answers string `json:"answers,omitempty"`
}

// F16 is answers of half precision.
const F16 = "f16"

// answer is the bytes of an expert's answer, of which so many have every bit.
func (l *Link) answer(bytes int64) int64 {
	if l.Answers == F16 {
		return bytes / 2
	}
	return bytes
}

// serves is how long the device takes for one expert of so many bytes.
func (d *Device) serves(bytes int64) time.Duration {
	return d.Latency + transfer(bytes, d.Rate)
}

// sends is how long a message of so many bytes takes.
func (l *Link) sends(bytes int64) time.Duration {
	return l.Latency + transfer(bytes, l.Rate)
}

// transfer is bytes at a rate, 0 where the rate is unknown. Times are whole
// nanoseconds so that sums of them are the same on every processor.
func transfer(bytes int64, rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(math.Round(min(float64(bytes)/rate*1e9, float64(longest))))
}

// longest bounds every single time, so that sums over a trace do not overflow.
const longest = time.Hour

func (d *Device) check() error {
	switch {
	case d.Capacity < 0:
		return fmt.Errorf("device %q: found a capacity of %d bytes", d.Name, d.Capacity)
	case d.PerLayer < 0:
		return fmt.Errorf("device %q: found a limit of %d experts per layer", d.Name, d.PerLayer)
	case !(d.Rate > 0) || math.IsInf(d.Rate, 0):
		return fmt.Errorf("device %q: found a rate of %v bytes per second, want more than 0", d.Name, d.Rate)
	case d.Latency < 0 || d.Latency > longest:
		return fmt.Errorf("device %q: found a latency of %v, want 0 to %v", d.Name, d.Latency, longest)
	}
	return nil
}

func (l *Link) check() error {
	switch {
	case l.Latency < 0 || l.Latency > longest:
		return fmt.Errorf("link %q-%q: found a latency of %v, want 0 to %v", l.A, l.B, l.Latency, longest)
	case l.Rate < 0 || math.IsNaN(l.Rate) || math.IsInf(l.Rate, 0):
		return fmt.Errorf("link %q-%q: found a rate of %v bytes per second", l.A, l.B, l.Rate)
	case l.Answers != "" && l.Answers != F16:
		return fmt.Errorf("link %q-%q: found answers in %q, want %q or nothing", l.A, l.B, l.Answers, F16)
	}
	return nil
}
