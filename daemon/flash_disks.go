package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"moed/flashio"
	"moed/moe"
	"moed/moe/expert"
	"moed/offload"
)

var errOtherModel = errors.New("was made of another model, or of this one before it changed")

// disks are the files beside a model's own that its experts are read from.
type disks struct {
	open []offload.Disk

	mu    sync.Mutex
	notes []string        // what a user should know, each said once
	said  map[string]bool // of which disk it was said that it is out of use
}

// openDisks opens those of h's manifest that can be used, and notes why others
// cannot. The model works without.
func openDisks(h *header, t *expert.Table, open openFunc, o flashio.Options) *disks {
	d := &disks{said: map[string]bool{}}
	if h.disksErr != nil {
		d.note("experts are read from the model's own file alone: %v; run moed pack --plan again", h.disksErr)
		return d
	}
	if h.disks == nil {
		return d
	}
	if err := h.disks.Model.is(h); err != nil {
		d.note("experts are read from the model's own file alone: the copies on other disks: %v; run moed pack --plan again", err)
		return d
	}
	for i := range h.disks.Disks {
		x := &h.disks.Disks[i]
		one, err := openDisk(x, &h.disks.Model, t, open, o)
		if err != nil {
			d.note("disk %s is not used: %v", x.Name, err)
			continue
		}
		d.open = append(d.open, one)
	}
	return d
}

// is reports whether m says the same of a model's file as the file does.
func (m *manifestModel) is(h *header) error {
	if m.Size != h.size || m.Time != h.info.ModTime().UnixNano() {
		return errOtherModel
	}
	sum, err := headerSum(h.path, h.file.DataOffset)
	if err != nil {
		return err
	}
	if sum != m.Header {
		return errOtherModel
	}
	return nil
}

// openDisk opens a shard that is the one of the manifest, and of the model.
func openDisk(x *manifestDisk, m *manifestModel, t *expert.Table, open openFunc, o flashio.Options) (_ offload.Disk, err error) {
	none := offload.Disk{}
	r, err := open(x.Path, o)
	if err != nil {
		return none, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	shard, err := readShard(x, m, t)
	if err == nil {
		err = r.Check() // what was read of it is what will be read
	}
	if err != nil {
		return none, err
	}
	return offload.Disk{Name: x.Name, Reader: r, Shard: shard}, nil
}

// readShard reads the header of a shard.
func readShard(x *manifestDisk, m *manifestModel, t *expert.Table) (*expert.Shard, error) {
	h, err := readFileHeader(x.Path)
	if err != nil {
		return nil, err
	}
	sum, err := headerSum(x.Path, h.file.DataOffset)
	if err != nil {
		return nil, err
	}
	if h.size != x.Size || sum != x.Header {
		return nil, fmt.Errorf("%s: is not the file that was put there; run moed pack --plan again", x.Path)
	}
	if err := shardMatches(h.file, m); err != nil {
		return nil, fmt.Errorf("%s: %w", x.Path, err)
	}
	shard, err := moe.ReadShard(h.file, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.Path, err)
	}
	return shard, nil
}

// headerSum is the SHA-256 of the first n bytes of a file, in hex.
func headerSum(path string, n int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	s := sha256.New()
	if _, err := io.CopyN(s, f, n); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(s.Sum(nil)), nil
}

// lost notes that a disk is out of use, the first time.
func (d *disks) lost(name string, err error) {
	d.mu.Lock()
	first := err != nil && !d.said[name]
	d.said[name] = d.said[name] || first
	d.mu.Unlock()
	if first {
		d.note("disk %s has failed, and its experts are read from elsewhere: %v", name, err)
	}
}

func (d *disks) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, fmt.Sprintf(format, args...))
}

func (d *disks) close() error {
	var errs []error
	for i := range d.open {
		errs = append(errs, d.open[i].Reader.Close())
	}
	return errors.Join(errs...)
}

// DiskNotes says what is wrong with the disks that have copies of the model's
// experts, one line for each thing; nil where nothing is. It grows while the
// model is open, is among the Notes, and may be asked for after Close too.
func (e *Engine) DiskNotes() []string {
	if e.flash == nil || e.flash.disks == nil {
		return nil
	}
	return e.flash.disks.all()
}

func (d *disks) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.notes)
}

// inFlight is how many reads may be under way at once, on all disks.
func (f *flash) inFlight() int {
	n := f.reader.Info().InFlight
	for i := range f.disks.open {
		n += f.disks.open[i].Reader.Info().InFlight
	}
	return n
}

// bounces is about the memory in which experts from other disks land.
func (h *header) bounces(t *expert.Table) int64 {
	if h.disks == nil {
		return 0
	}
	layers, err := layerPlans(t)
	if err != nil {
		return 0
	}
	largest := int64(0)
	for _, l := range layers {
		if l != nil {
			largest = max(largest, l.geometry.Stride)
		}
	}
	return bouncesPerDisk * largest * int64(len(h.disks.Disks))
}

// bouncesPerDisk is two for each read that is in flight on most disks.
const bouncesPerDisk = 8
