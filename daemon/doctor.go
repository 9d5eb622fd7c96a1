package daemon

import (
	"context"
	"runtime"
	"time"

	"moed/flashio"
	"moed/moe/kernels"
)

// Checkup is what Doctor found. Bytes are -1 where there is no limit or the
// system does not tell.
type Checkup struct {
	Machine Machine `json:"machine"`
	Device  *Device `json:"device"`             // nil where nothing was to be measured
	Kept    string  `json:"kept,omitempty"`     // the file that Device was written to
	NotKept string  `json:"not_kept,omitempty"` // why to none
}

// Device is what was measured of one.
type Device = flashio.Device

// Machine is what a computer offers that moed's speed depends on.
type Machine struct {
	OS         string `json:"os"`
	Kernel     string `json:"kernel,omitempty"` // of the system
	Arch       string `json:"arch"`
	Kernels    string `json:"kernels"` // instruction sets of the arithmetic
	Processors int    `json:"processors"`
	Memory     int64  `json:"memory_bytes"`
	HugePages  string `json:"huge_pages"` // never, madvise or always
	Lockable   int64  `json:"lockable_bytes"`
	IOUring    string `json:"io_uring"` // yes, or why not; moed does not use it
}

// CheckupOptions say what Doctor measures.
type CheckupOptions struct {
	Path     string        // a file or directory to measure; empty for none
	Time     time.Duration // for each way to read; 0 is what suits
	Sample   int64         // bytes of the file written to a directory; 0 is what suits
	Progress func(string)  // may be nil
}

// Doctor looks at the machine and, where o names a place, measures the device
// that it lies on and keeps the result for every model on that device.
func Doctor(ctx context.Context, o CheckupOptions) (*Checkup, error) {
	c := &Checkup{Machine: Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, Kernels: kernels.Features(), Processors: runtime.NumCPU(),
		Memory: -1, Lockable: -1, HugePages: "not known", IOUring: "not on this system",
	}}
	c.Machine.look()
	if o.Path == "" {
		return c, nil
	}
	d, err := flashio.Calibration{Time: o.Time, Sample: o.Sample, Progress: o.Progress}.Run(ctx, o.Path)
	if err != nil {
		return nil, err
	}
	c.Device = d
	if c.Kept, err = flashio.SaveDevice(d); err != nil {
		c.NotKept = err.Error()
	}
	return c, nil
}
