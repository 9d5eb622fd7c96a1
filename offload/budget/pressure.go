package budget

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// ErrNoSigns is returned where the system does not tell when memory is short.
// It wraps errors.ErrUnsupported.
var ErrNoSigns = fmt.Errorf("no sign of memory pressure to watch in /proc or /sys: %w", errors.ErrUnsupported)

// PressureOptions say how Pressure is watched. The zero value is right.
type PressureOptions struct {
	// Root is the file system from its root; nil is the real one.
	Root fs.FS
	// Every is the time between looks; 0 is a second, which the Governor's steps
	// are made for.
	Every time.Duration
}

// Pressure watches whether memory is running short, of the control group or, if
// that cannot be told, of the machine.
type Pressure struct {
	root   fs.FS
	signs  signs
	notify func(s Stress, share float64)

	meter    Meter
	governor Governor
	stress   Stress
	share    float64

	disarm func() // nil where the kernel sets no trigger for us
	quit   func()
	ended  chan struct{}
}

// Watch begins to look at the signs of short memory, once each second, and at
// once when the kernel says that tasks waited for it. It calls notify when the
// Stress changes, or the share of the budget that the Governor would have used;
// before the first call they are Calm and 1. Calls come one at a time, on a
// goroutine of the Pressure, and delay the next look. Close ends it.
func Watch(o PressureOptions, notify func(s Stress, share float64)) (*Pressure, error) {
	p := &Pressure{root: o.Root, notify: notify, share: 1, ended: make(chan struct{})}
	if p.root == nil {
		p.root = os.DirFS("/")
	}
	var ok bool
	if p.signs, ok = findSigns(p.root); !ok {
		return nil, ErrNoSigns
	}
	fired := make(chan struct{}, 1)
	if o.Root == nil && p.signs.psi != "" {
		// Not permitted to all; then the averages must do.
		p.disarm, _ = arm("/"+p.signs.psi, fired)
	}
	every := o.Every
	if every <= 0 {
		every = time.Second
	}
	quit := make(chan struct{})
	p.quit = sync.OnceFunc(func() { close(quit) })
	ticker := time.NewTicker(every)
	go func() { // ends at Close
		defer close(p.ended)
		defer ticker.Stop()
		p.run(ticker.C, fired, quit)
	}()
	return p, nil
}

// Triggered reports whether the kernel wakes us, beside the looks.
func (p *Pressure) Triggered() bool { return p.disarm != nil }

// Source is the file of stall information in use, "" where only meminfo and the
// counters of control groups are.
func (p *Pressure) Source() string {
	if p.signs.psi == "" {
		return ""
	}
	return "/" + p.signs.psi
}

// Close ends the watch and waits for a notify under way. It must not be called
// from notify. It may be called again.
func (p *Pressure) Close() error {
	p.quit()
	<-p.ended
	return nil
}

// run looks at each tick and each time that fired has something, until quit is
// closed. It then takes the trigger away.
func (p *Pressure) run(tick <-chan time.Time, fired, quit <-chan struct{}) {
	if p.disarm != nil {
		defer p.disarm()
	}
	hurry := false
	for {
		select {
		case <-quit:
			return
		case <-fired:
			hurry = true
			if p.stress > Calm {
				continue // known; the next tick will do
			}
		case <-tick:
		}
		p.step(p.signs.read(p.root, hurry))
		hurry = false
	}
}

// step takes one Reading and tells of what changed.
func (p *Pressure) step(r Reading) {
	stress := p.meter.Step(r)
	share := p.governor.Step(stress)
	if stress != p.stress || share != p.share {
		p.stress, p.share = stress, share
		p.notify(stress, share)
	}
}
