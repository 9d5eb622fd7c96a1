package flashio

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Backend is a way to get bytes out of a file.
type Backend uint8

const (
	Auto     Backend = iota // what the device's calibration chose, else Direct, else Buffered
	Direct                  // blocking reads past the page cache, in a pool
	Buffered                // blocking reads that give the page cache back behind them, in a pool
	Mapped                  // copies out of a mapping, in a pool
)

var backendNames = [...]string{Auto: "auto", Direct: "direct", Buffered: "buffered", Mapped: "mapped"}

// String returns the backend's name, as ParseBackend takes it.
func (b Backend) String() string {
	if int(b) < len(backendNames) {
		return backendNames[b]
	}
	return fmt.Sprintf("backend %d", uint8(b))
}

// Backends lists all that Open may be asked for, Auto left out; not every system
// and file system has them all.
func Backends() []Backend { return []Backend{Direct, Buffered, Mapped} }

// ParseBackend returns the backend of that name.
func ParseBackend(name string) (Backend, error) {
	i := slices.Index(backendNames[:], name)
	if i < 0 {
		return Auto, fmt.Errorf("backend %q: want one of %s", name, strings.Join(backendNames[:], ", "))
	}
	return Backend(i), nil
}

// MarshalText returns the name.
func (b Backend) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText is ParseBackend.
func (b *Backend) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBackend(string(text))
	return err
}

const (
	defaultInFlight = 4
	defaultMaxRead  = 4 << 20
	mostInFlight    = 64
	mostMaxRead     = 64 << 20
)

// Options of a Reader. Where a field is zero the device's calibration decides,
// if there is one, and else what suits most devices: four reads at a time, of
// 4 MiB at most, since splitting costs more than it gains (measured in
// testdata/bench/flash.csv).
type Options struct {
	Backend  Backend
	InFlight int   // reads under way at once, at most 64
	MaxRead  int64 // longest read, in bytes, rounded up to Alignment, at most 64 MiB

	// Rate and Latency make the device seem slower than it is, for measuring:
	// no more than Rate bytes per second in all, 0 for no bound, and each read
	// takes Latency more, during which others go on.
	Rate    int64
	Latency time.Duration
}

func (o Options) withDefaults() Options {
	if o.InFlight <= 0 {
		o.InFlight = defaultInFlight
	}
	if o.MaxRead <= 0 {
		o.MaxRead = defaultMaxRead
	}
	o.InFlight = min(o.InFlight, mostInFlight)
	o.MaxRead = alignUp(min(o.MaxRead, mostMaxRead), Alignment)
	return o
}

// Info tells how a Reader reads.
type Info struct {
	Name       string  `json:"name"`       // the path, or what NewReader was given
	Size       int64   `json:"size"`       // of the file when it was opened
	Backend    Backend `json:"backend"`    // in use; Auto for a Source from outside
	Why        string  `json:"why"`        // this backend, in words
	Alignment  int     `json:"alignment"`  // that the device wants for direct reads; 0 where it is not known
	InFlight   int     `json:"in_flight"`  // reads under way at once
	MaxRead    int64   `json:"max_read"`   // bytes
	Calibrated bool    `json:"calibrated"` // some of this comes from a kept Device

	Rate    int64         `json:"throttled_bytes_per_s,omitempty"` // of Options
	Latency time.Duration `json:"throttled_latency_ns,omitempty"`  // of Options
}
