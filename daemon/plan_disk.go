package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"moed/flashio"
	"moed/moe/expert"
	"moed/predictor/cost"
)

// DiskRate is how fast experts are read from a model's disk.
type DiskRate struct {
	Source  string  `json:"source"`      // where the figures are from, in words
	Backend string  `json:"backend"`     // direct, buffered or mapped
	Read    int64   `json:"read_bytes"`  // of one read of an expert
	Rate    float64 `json:"bytes_per_s"` // of such reads
}

// quickRate is how long a disk is measured that has not been before.
const quickRate = time.Second

// diskRate takes what moed doctor has kept of the disk, or else measures it by
// reading from the model.
func diskRate(ctx context.Context, h *header, c *FlashConfig, t *expert.Table, say func(string)) (DiskRate, error) {
	o, err := c.options()
	if err != nil {
		return DiskRate{}, err
	}
	device, err := flashio.LoadDevice(h.path)
	if err != nil && !errors.Is(err, flashio.ErrNoDevice) {
		return DiskRate{}, err
	}
	if err == nil && (o.reader.Backend == flashio.Auto || o.reader.Backend == device.Backend) {
		var points []cost.Point
		for _, p := range device.Points {
			if p.Backend == device.Backend {
				points = append(points, cost.Point{Size: p.Size, InFlight: p.InFlight, Rate: p.Rate})
			}
		}
		if f, err := cost.NewFlash(points, device.InFlight); err == nil {
			d := DiskRate{Source: "measured by moed doctor on " + device.Measured.Format(time.DateOnly), Backend: device.Backend.String(),
				Read: readSize(t, device.MaxRead)}
			d.Rate = f.Throughput(d.Read)
			return d, nil
		}
	}
	say("measuring the disk")
	return quickDisk(ctx, h, o, t)
}

// quickDisk measures the rate at which a reader gets about an expert at a time.
func quickDisk(ctx context.Context, h *header, o flashOptions, t *expert.Table) (d DiskRate, err error) {
	open := flashio.Open
	if o.open != nil {
		open = o.open
	}
	r, err := open(h.path, o.reader)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	info := r.Info()
	d = DiskRate{Source: fmt.Sprintf("measured now for %v; moed doctor measures better", quickRate), Backend: info.Backend.String(),
		Read: readSize(t, info.MaxRead)}
	d.Rate, err = r.Rate(ctx, quickRate)
	return d, err
}

// readSize is how much of the first layer's experts comes in one read: a matrix
// of a stock file, a whole expert of a packed one.
func readSize(t *expert.Table, most int64) int64 {
	for i := range t.Layers {
		l := &t.Layers[i]
		switch {
		case l.Experts == 0:
		case l.Bundles.Group > 0:
			return min(l.Bundles.Stride, most)
		default:
			return min(max(l.Bytes()/3, 1), most)
		}
	}
	return most
}
