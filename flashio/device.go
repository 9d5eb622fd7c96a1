package flashio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Device is what a calibration measured of one file system on one device, and
// what it chose.
type Device struct {
	Version  int       `json:"version"` // of this form
	Key      string    `json:"key"`     // identifies the file system; empty where the system does not tell
	Measured time.Time `json:"measured"`

	Backend  Backend `json:"backend"`
	InFlight int     `json:"in_flight"`
	MaxRead  int64   `json:"max_read"` // bytes
	Why      string  `json:"why"`      // these, in words

	Alignment int     `json:"alignment"`         // that direct reads want; 0 where it is not known
	Refused   string  `json:"refused,omitempty"` // why there are no direct reads
	Points    []Point `json:"points"`
}

// A Point is one measurement: random reads of one size, so many at once.
type Point struct {
	Backend  Backend       `json:"backend"`
	Size     int64         `json:"size"` // of a read, in bytes
	InFlight int           `json:"in_flight"`
	Reads    int64         `json:"reads"`
	Rate     float64       `json:"bytes_per_s"`
	P50      time.Duration `json:"p50_ns"` // of a read
	P99      time.Duration `json:"p99_ns"`
}

const (
	deviceVersion = 1
	mostDeviceDoc = 1 << 20 // bytes of a kept Device
)

// ErrNoDevice says that nothing was kept of the device that a path lies on.
var ErrNoDevice = errors.New("the device has not been measured")

// LoadDevice returns what SaveDevice has kept of the file system that the file
// or directory at path lies on. One that is broken, or from another form of
// this file, is as good as none: the error is ErrNoDevice then too.
func LoadDevice(path string) (*Device, error) {
	key, err := deviceKey(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrNoDevice, err)
	}
	name, err := devicePath(key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrNoDevice, err)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrNoDevice, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostDeviceDoc))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, ErrNoDevice, err)
	}
	d, err := parseDevice(text, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s: %w", path, ErrNoDevice, name, err)
	}
	return d, nil
}

// parseDevice reads a kept Device and refuses what Open could not use.
func parseDevice(text []byte, key string) (*Device, error) {
	d := new(Device)
	if err := json.Unmarshal(text, d); err != nil {
		return nil, err
	}
	switch {
	case d.Version != deviceVersion:
		return nil, fmt.Errorf("version %d, want %d", d.Version, deviceVersion)
	case d.Key != key:
		return nil, fmt.Errorf("it is of %q, not of %q", d.Key, key)
	case d.Backend == Auto:
		return nil, errors.New("it names no backend")
	case d.InFlight < 1 || d.InFlight > mostInFlight:
		return nil, fmt.Errorf("%d reads in flight, want 1 to %d", d.InFlight, mostInFlight)
	case d.MaxRead < Alignment || d.MaxRead > mostMaxRead || d.MaxRead%Alignment != 0:
		return nil, fmt.Errorf("reads of %d bytes, want multiples of %d up to %d", d.MaxRead, Alignment, mostMaxRead)
	}
	return d, nil
}

// SaveDevice keeps d in the user's cache directory, for LoadDevice and for Open
// with Auto. A reader of the file sees the old one or the new one.
func SaveDevice(d *Device) (path string, err error) {
	if d.Key == "" {
		return "", fmt.Errorf("keep a measurement: the device has no identity here: %w", errors.ErrUnsupported)
	}
	if path, err = devicePath(d.Key); err != nil {
		return "", fmt.Errorf("keep a measurement: %w", err)
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return "", fmt.Errorf("keep a measurement: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("keep a measurement: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return "", fmt.Errorf("keep a measurement: %w", err)
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return "", fmt.Errorf("keep a measurement: %w", err)
	}
	return path, nil
}

// devicePath returns where the Device of that key is kept:
// moed/devices/KEY.json in the user's cache directory.
func devicePath(key string) (string, error) {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }) {
		return "", fmt.Errorf("device key %q: want letters, digits and dashes", key)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "moed", "devices", key+".json"), nil
}

// fill puts what d chose where o leaves it open. Another backend than d's goes
// with other sizes, so that these are left to the defaults then.
func (d *Device) fill(o Options) Options {
	if o.Backend == Auto {
		o.Backend = d.Backend
	}
	if o.Backend != d.Backend {
		return o
	}
	if o.InFlight <= 0 {
		o.InFlight = d.InFlight
	}
	if o.MaxRead <= 0 {
		o.MaxRead = d.MaxRead
	}
	return o
}
