package flashio

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

const (
	calibrateTime   = 8 * time.Second
	calibrateSample = 1 << 30
	calibratePasses = 2 // over all points, so that a slow second of the disk does not decide about one
	leastFileSize   = 64 << 20
	spareSpace      = 2 // times what is written must be free
)

func calibrateSizes() []int64 {
	return []int64{4 << 10, 32 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20}
}

func calibrateDepths() []int { return []int{1, 2, 4, 8} }

// A Calibration says how to measure a device. The zero value suits.
type Calibration struct {
	Time     time.Duration // for each backend; 0 is 8 seconds
	Sample   int64         // bytes of the file that is written where only a directory is given; 0 is 1 GiB
	Progress func(string)  // is told what goes on, now and then, unless nil
}

// Calibrate is a Calibration's Run with nothing special but progress.
func Calibrate(ctx context.Context, path string, progress func(string)) (*Device, error) {
	return Calibration{Progress: progress}.Run(ctx, path)
}

// Run measures random reads of the file at path, of 64 MiB or more, or, where
// path is a directory, of a file that it writes there and removes again; then
// it chooses. It keeps nothing: SaveDevice does. What the page cache holds of
// the file is given up.
func (c Calibration) Run(ctx context.Context, path string) (*Device, error) {
	if c.Time <= 0 {
		c.Time = calibrateTime
	}
	if c.Sample <= 0 {
		c.Sample = calibrateSample
	}
	c.Sample = max(alignUp(c.Sample, 1<<20), leastFileSize)
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		if path, err = c.writeSample(ctx, path); err != nil {
			return nil, err
		}
		defer os.Remove(path)
	} else if info.Size() < leastFileSize {
		return nil, fmt.Errorf("%s has %d bytes: want a file of at least %d, or a directory", path, info.Size(), leastFileSize)
	}
	m := &measurement{Calibration: c, path: path, rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))}
	return m.run(ctx)
}

// writeSample writes a file of noise to dir, since a device may treat zeros or
// repetitions in a way of its own.
func (c Calibration) writeSample(ctx context.Context, dir string) (name string, err error) {
	free, err := freeSpace(dir)
	if err != nil {
		return "", fmt.Errorf("free space of %s: %w", dir, err)
	}
	if want := spareSpace * c.Sample; free < want {
		return "", fmt.Errorf("%s has %d bytes free: want %d for a file to measure with", dir, free, want)
	}
	c.Progress(fmt.Sprintf("writing %s to %s", sizeText(c.Sample), dir))
	f, err := os.CreateTemp(dir, ".moed-doctor-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(f.Name())
		}
	}()
	noise := rand.NewChaCha8([32]byte{})
	block := make([]byte, 1<<20)
	for range c.Sample / int64(len(block)) {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		noise.Read(block)
		if _, err := f.Write(block); err != nil {
			return "", err
		}
	}
	return f.Name(), f.Sync()
}

// measurement is one run of a Calibration.
type measurement struct {
	Calibration
	path  string
	rng   *rand.Rand
	arena *Arena
	cells []*cell
}

// cell gathers what becomes a Point.
type cell struct {
	Point
	bytes int64
	busy  time.Duration
	read  Histogram
}

func (m *measurement) run(ctx context.Context) (*Device, error) {
	d := &Device{Version: deviceVersion, Measured: time.Now().UTC().Truncate(time.Second)}
	d.Key, _ = deviceKey(m.path) // without one the result is not kept
	var err error
	sizes, depths := calibrateSizes(), calibrateDepths()
	if m.arena, err = NewArena(slices.Max(sizes)*int64(slices.Max(depths)), ArenaOptions{}); err != nil {
		return nil, err
	}
	defer m.arena.Close()
	for _, b := range []Backend{Direct, Buffered} {
		src, info, err := OpenSource(m.path, b)
		switch {
		case err != nil && b == Direct:
			d.Refused = err.Error()
			continue
		case err != nil:
			return nil, err
		case b == Direct:
			d.Alignment = info.Alignment
		}
		src.Close()
		for _, size := range sizes {
			for _, depth := range depths {
				m.cells = append(m.cells, &cell{Point: Point{Backend: b, Size: size, InFlight: depth}})
			}
		}
	}
	if err := m.measureAll(ctx, m.Time/time.Duration(calibratePasses*len(sizes)*len(depths))); err != nil {
		return nil, err
	}
	for _, p := range m.cells {
		p.Reads, p.P50, p.P99 = p.read.Count, p.read.Quantile(0.5), p.read.Quantile(0.99)
		p.Rate = float64(p.bytes) / p.busy.Seconds()
		d.Points = append(d.Points, p.Point)
	}
	d.Backend, d.InFlight, d.MaxRead, d.Why = choose(d.Points)
	return d, nil
}

// measureAll goes over the cells forth and then back.
func (m *measurement) measureAll(ctx context.Context, each time.Duration) error {
	for pass := range calibratePasses {
		var last int64
		for _, p := range m.cells {
			if p.Size != last {
				m.Progress(fmt.Sprintf("measuring %v reads of %s, pass %d of %d", p.Backend, sizeText(p.Size), pass+1, calibratePasses))
			}
			last = p.Size
			if err := m.measure(ctx, p, each); err != nil {
				return err
			}
		}
		slices.Reverse(m.cells)
	}
	return nil
}

// measure keeps p.InFlight reads at random places under way for a while.
func (m *measurement) measure(ctx context.Context, p *cell, length time.Duration) error {
	r, err := Open(m.path, Options{Backend: p.Backend, InFlight: p.InFlight, MaxRead: p.Size})
	if err != nil {
		return err
	}
	defer r.Close()
	if f, is := r.src.(*buffered); is {
		forget(f.File, 0, 0) // all of it: what others have read says nothing about the device
	}
	blocks := (r.info.Size - p.Size) / Alignment
	done := make(chan *Request, p.InFlight)
	var failed error
	submit := func(q *Request) {
		q.Parts[0].Offset = m.rng.Int64N(blocks+1) * Alignment
		r.Submit(q)
	}
	begin := time.Now()
	for i := range p.InFlight {
		into := m.arena.Buffer(int64(i)*p.Size, p.Size)
		submit(&Request{
			Parts: []Part{{Into: into, Need: p.Size}},
			Done:  func(q *Request, _ error) { done <- q },
		})
	}
	for left := p.InFlight; left > 0; {
		q := <-done
		if q.err != nil {
			failed = q.err
		}
		if failed == nil && ctx.Err() == nil && time.Since(begin) < length {
			submit(q)
		} else {
			left--
		}
	}
	s := r.Stats()
	p.bytes += s.Bytes
	p.busy += s.Busy
	p.read.merge(&s.Read)
	return errors.Join(failed, ctx.Err())
}
