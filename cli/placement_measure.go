package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"

	"moed/flashio"
)

var errNoRate = errors.New("no rate is given, and moed doctor has not measured its disk")

// measured fills in rates that are left out from what moed doctor, or place
// --measure, has kept of the disks.
func (l *deviceList) measured() error {
	for i := range l.Devices {
		d := &l.Devices[i]
		if d.Rate > 0 {
			continue
		}
		if d.Path == "" {
			return fmt.Errorf("device %q: %w", d.Name, errNoRate)
		}
		kept, err := flashio.LoadDevice(d.Path)
		if err != nil {
			return fmt.Errorf("device %q: %w", d.Name, errNoRate)
		}
		d.take(kept)
	}
	return nil
}

// take sets what was measured: how long the first bytes take, and the rate of
// the way to read that was chosen.
func (d *listedDevice) take(m *flashio.Device) {
	points := slices.DeleteFunc(slices.Clone(m.Points), func(p flashio.Point) bool { return p.Backend != m.Backend })
	for _, p := range points {
		if p.Size == m.MaxRead && p.InFlight == m.InFlight {
			d.Rate = listedRate(p.Rate)
		}
	}
	if len(points) == 0 {
		return
	}
	if d.Rate == 0 {
		d.Rate = listedRate(slices.MaxFunc(points, func(a, b flashio.Point) int { return cmp.Compare(a.Rate, b.Rate) }).Rate)
	}
	if d.Latency == 0 {
		least := slices.MinFunc(points, func(a, b flashio.Point) int {
			return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.InFlight, b.InFlight))
		})
		d.Latency = listedWait(least.P50.Round(time.Microsecond))
	}
}

// measureDisks measures and prints a file of devices.
func measureDisks(c *cli.Context, u *ui, o *placementOptions) error {
	list, err := o.toMeasure()
	if err != nil {
		return err
	}
	if err := o.free(); err != nil {
		return err
	}
	seen := map[string]string{} // identity of a file system: name
	for i := range list.Devices {
		d := &list.Devices[i]
		if d.Rate > 0 || d.Path == "" {
			continue
		}
		m, err := measureDisk(c, u, d)
		if err != nil {
			return err
		}
		if other := seen[m.Key]; other != "" && m.Key != "" {
			u.sayf("%s and %s are on one disk, and would wait for each other", clean(other), clean(d.Name))
		}
		seen[m.Key] = d.Name
		d.take(m)
	}
	text, err := yaml.Marshal(list)
	if err != nil {
		return err
	}
	switch {
	case o.out != "":
		return writeNew(o.out, text)
	case c.Bool("json"):
		return writeJSON(u.std.Out, list.rates())
	}
	_, err = u.std.Out.Write(text)
	return err
}

// toMeasure is the list of --devices and the directories that were named.
func (o *placementOptions) toMeasure() (*deviceList, error) {
	list := &deviceList{}
	if o.devices != "" {
		var err error
		if list, err = readDevices(o.devices); err != nil {
			return nil, err
		}
	}
	for _, path := range o.dirs {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		list.Devices = append(list.Devices, listedDevice{Path: path})
		if err := list.settle(len(list.Devices) - 1); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func measureDisk(c *cli.Context, u *ui, d *listedDevice) (*flashio.Device, error) {
	info, err := os.Stat(d.Path)
	if err != nil {
		return nil, err
	}
	var now atomic.Pointer[string]
	say := func(line string) { line = clean(d.Name) + ": " + line; now.Store(&line) }
	say("measuring")
	done := u.whileWaiting(func() string { return *now.Load() })
	m, err := flashio.Calibration{Time: time.Duration(c.Float64("seconds") * float64(time.Second)), Progress: say}.Run(c.Context, d.Path)
	done()
	switch {
	case errors.Is(err, context.Canceled):
		return nil, errInterrupted
	case err != nil:
		return nil, err
	}
	if !info.IsDir() { // a file on the disk was read; what goes there goes beside it
		d.Path = filepath.Dir(d.Path)
	}
	if _, err := flashio.SaveDevice(m); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		u.sayf("%v", err)
	}
	return m, nil
}

// measuredDevice is a device in JSON.
type measuredDevice struct {
	Name    string  `json:"name"`
	Host    string  `json:"host"`
	Path    string  `json:"path,omitempty"`
	Rate    float64 `json:"bytes_per_s"`
	Latency int64   `json:"latency_ns"`
}

func (l *deviceList) rates() []measuredDevice {
	all := []measuredDevice{}
	for _, d := range l.Devices {
		all = append(all, measuredDevice{d.Name, d.Host, d.Path, float64(d.Rate), int64(d.Latency)})
	}
	return all
}
