package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// PackOptions say what to pack and where to.
type PackOptions struct {
	Model string // path of a stock GGUF
	Out   string // path of the packed file; "" is PackedName of Model
	// Verify reads everything again and compares it with the source, before
	// the file gets its name.
	Verify bool
	// Progress is called now and then by the goroutine that called Pack, and
	// may be nil.
	Progress func(PackProgress)
}

// PackProgress is how far a pack has come.
type PackProgress struct {
	Verifying   bool
	Done, Total int64 // bytes of the packed file
}

// PackResult is a packed file.
type PackResult struct {
	Model    string  `json:"model"`
	Out      string  `json:"out"`
	Bytes    int64   `json:"bytes"`
	Layers   int     `json:"layers"`
	Experts  int     `json:"experts"` // in all layers
	Already  bool    `json:"already"` // it was there, finished
	Resumed  int64   `json:"resumed_bytes"`
	Verified bool    `json:"verified"`
	Seconds  float64 `json:"seconds"`
}

// PackedName is the name of the packed file of a model where none is given.
func PackedName(model string) string {
	return strings.TrimSuffix(model, ".gguf") + ".bundled.gguf"
}

// ErrPackExists is wrapped where the target is there and is no finished pack of
// the same source.
var ErrPackExists = errors.New("is there already, and is no pack of this model as it is now")

// NoRoomError says that the disk has too little room for a packed file.
type NoRoomError struct {
	Dir           string
	Needed, Found int64 // bytes
}

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("no room in %s: %d bytes are needed and %d free, %d too few", e.Dir, e.Needed, e.Found, e.Needed-e.Found)
}

// Pack writes the experts of a model in bundles, in a GGUF of its own that has
// everything else of the model too. It writes to a file beside the target whose
// name ends in ".partial" and renames it when all is on the disk. Where it ends
// early that file stays, and the same call goes on from there; it is removed
// where the disk was full or the source has changed. Memory is bounded by a few
// experts, and the page cache of what is read and written is given back.
func Pack(ctx context.Context, o PackOptions) (*PackResult, error) {
	return newPacker(o).run(ctx)
}

// packer is one run of Pack.
type packer struct {
	o    PackOptions
	room func(dir string) (int64, error)
	// replace reports whether the target, which is no finished pack of the
	// source, may be replaced.
	replace func(f *os.File, size int64) bool

	target packTarget
	source *packSource
	plan   *packPlan
}

func newPacker(o PackOptions) *packer {
	if o.Out == "" {
		o.Out = PackedName(o.Model)
	}
	never := func(*os.File, int64) bool { return false }
	return &packer{o: o, room: freeRoom, replace: never, target: packTarget{out: o.Out, window: packWindow, writeAt: (*os.File).WriteAt}}
}

func (p *packer) run(ctx context.Context) (*PackResult, error) {
	start := time.Now()
	var err error
	if p.source, err = openPackSource(p.o.Model); err != nil {
		return nil, err
	}
	defer p.source.close()
	if p.plan, err = newPackPlan(p.source); err != nil {
		return nil, fmt.Errorf("%s: %w", p.o.Model, err)
	}
	return p.write(ctx, start)
}

// write makes the file of the plan, unless it is there.
func (p *packer) write(ctx context.Context, start time.Time) (*PackResult, error) {
	r := &PackResult{Model: p.o.Model, Out: p.o.Out, Bytes: p.plan.size, Layers: p.plan.layers, Experts: len(p.plan.experts)}
	var err error
	if r.Already, err = p.finished(); err == nil {
		if r.Already {
			err = p.verifyFinished(ctx)
		} else {
			r.Resumed, err = p.make(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	r.Verified = p.o.Verify
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// finished reports whether the target is there as the plan wants it. Its header
// says of what source it was made; it had its name only when all was written.
func (p *packer) finished() (bool, error) {
	f, err := os.Open(p.o.Out)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() == p.plan.size && p.plan.matches(f) {
		return true, nil
	}
	if p.replace(f, info.Size()) {
		return false, nil
	}
	return false, fmt.Errorf("%s: %w", p.o.Out, ErrPackExists)
}

func (p *packer) verifyFinished(ctx context.Context) error {
	if !p.o.Verify {
		return nil
	}
	f, err := os.Open(p.o.Out)
	if err != nil {
		return err
	}
	defer f.Close()
	return p.verify(ctx, f)
}

// make writes the file, or the rest of it, and gives it its name.
func (p *packer) make(ctx context.Context) (resumed int64, err error) {
	if err := p.enough(); err != nil {
		return 0, err
	}
	if err := p.target.open(); err != nil {
		return 0, err
	}
	resumed, err = p.fill(ctx)
	if err == nil && p.o.Verify {
		err = p.verify(ctx, p.target.f)
	}
	if err == nil {
		return resumed, p.target.finish()
	}
	return 0, p.abandon(err)
}

// enough checks that the disk has room for what is still to be written.
func (p *packer) enough() error {
	needed := p.missing()
	dir := filepath.Dir(p.o.Out)
	found, err := p.room(dir)
	if err != nil {
		return fmt.Errorf("room in %s: %w", dir, err)
	}
	if found < needed {
		return &NoRoomError{Dir: dir, Needed: needed, Found: found}
	}
	return nil
}

// missing is how much is still to be written.
func (p *packer) missing() int64 {
	needed := p.plan.size
	if info, err := os.Stat(p.o.Out + partialSuffix); err == nil {
		needed -= min(info.Size(), needed)
	}
	return needed
}

// abandon closes the target after err. The partial file stays where the next
// run can go on with it.
func (p *packer) abandon(err error) error {
	partial := p.target.f.Name()
	keep := !diskFull(err) && !errors.Is(err, errPackSource) && !errors.Is(err, errPackDiffers)
	err = errors.Join(err, p.target.close(keep))
	if !keep {
		return err
	}
	return fmt.Errorf("%w; %s keeps what is done, and the same command goes on from there", err, partial)
}

func (p *packer) progress(verifying bool, done int64) {
	if p.o.Progress != nil {
		p.o.Progress(PackProgress{Verifying: verifying, Done: done, Total: p.plan.size})
	}
}
