package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	partialSuffix = ".partial"
	// packWindow is how much is written between syncs. All that is further
	// behind the end of a partial file is on the disk, whatever happened.
	packWindow = 64 << 20
)

// packTarget is the file that is being written, under a name beside the one it
// will have. It is locked, so that two runs do not write to one file.
type packTarget struct {
	out     string
	window  int64 // packWindow
	writeAt func(f *os.File, p []byte, off int64) (int, error)

	f      *os.File
	direct *os.File // the same, for writing past the page cache; nil where that is refused
	synced int64    // all before is on the disk, of what was written in this run
	end    int64    // of what was written
}

func (t *packTarget) open() (err error) {
	if t.f, err = os.OpenFile(t.out+partialSuffix, os.O_RDWR|os.O_CREATE, 0o666); err != nil {
		return err
	}
	if err := t.lock(); err != nil {
		t.f.Close()
		return err
	}
	if direct, err := openDirect(t.f.Name()); err == nil {
		t.direct = direct
	}
	return nil
}

func (t *packTarget) lock() error {
	if err := lockFile(t.f); err != nil {
		return fmt.Errorf("%s: in use, perhaps by another moed pack: %w", t.f.Name(), err)
	}
	mine, err := t.f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(t.f.Name())
	if err != nil || !os.SameFile(mine, named) { // renamed before it was ours
		return fmt.Errorf("%s: another moed pack has just finished it", t.f.Name())
	}
	return nil
}

// resume finds how many experts of the plan the file holds and cuts off what is
// behind them. fresh says that it holds nothing of use, and is empty now.
func (t *packTarget) resume(p *packPlan) (experts int, fresh bool, err error) {
	info, err := t.f.Stat()
	if err != nil {
		return 0, false, err
	}
	// The bundles begin only after all before them has been synced.
	if info.Size() <= p.begin || !p.matches(t.f) {
		return 0, true, t.f.Truncate(0)
	}
	for experts < len(p.experts) && p.end(experts) <= info.Size() {
		experts++
	}
	if experts, err = t.intact(p, experts); err != nil {
		return 0, false, err
	}
	t.end = p.begin
	if experts > 0 {
		t.end = p.end(experts - 1)
	}
	t.synced = t.end
	return experts, false, t.f.Truncate(t.end)
}

// intact is how many of the first n experts are as they were packed. It reads
// the last two windows, and further back only where nothing of them is right.
func (t *packTarget) intact(p *packPlan, n int) (int, error) {
	for n > 0 {
		from := n
		for from > 0 && p.experts[n-1].to-p.experts[from-1].to < 2*t.window {
			from--
		}
		good, err := t.intactBetween(p, from, n)
		if err != nil || good > from {
			return good, err
		}
		n = from
	}
	return 0, nil
}

// intactBetween checks experts from, from+1 ... and returns the first before n
// that is not right, or n.
func (t *packTarget) intactBetween(p *packPlan, from, n int) (int, error) {
	var buf []byte
	for i := from; i < n; i++ {
		e := &p.experts[i]
		buf = sized(buf, e.geometry.Stride)
		if _, err := t.f.ReadAt(buf, e.to); err != nil {
			return 0, err
		}
		if e.geometry.Verify(buf, e.ID) != nil {
			return i, nil
		}
	}
	return n, nil
}

// write puts b at off, at or behind the end of what was written.
func (t *packTarget) write(b []byte, off int64) error { return t.writeTo(t.f, b, off) }

// writeBundles is write for bundles in memory that is aligned as they are. Past
// the page cache they are written several times as fast.
func (t *packTarget) writeBundles(b []byte, off int64) error {
	if t.direct != nil {
		err := t.writeTo(t.direct, b, off)
		if !errors.Is(err, syscall.EINVAL) { // what file systems say that take the flag and not the write
			return err
		}
		t.direct.Close()
		t.direct = nil
	}
	return t.writeTo(t.f, b, off)
}

func (t *packTarget) writeTo(f *os.File, b []byte, off int64) error {
	if _, err := t.writeAt(f, b, off); err != nil {
		return fmt.Errorf("write %s at byte %d: %w", f.Name(), off, err)
	}
	t.end = off + int64(len(b))
	if t.end-t.synced >= t.window {
		return t.sync()
	}
	return nil
}

// sync puts what was written on the disk and gives the page cache of it back.
func (t *packTarget) sync() error {
	if err := t.f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", t.f.Name(), err)
	}
	forgetPages(t.f, t.synced, t.end-t.synced)
	t.synced = t.end
	return nil
}

// finish gives the complete file its name.
func (t *packTarget) finish() error {
	err := t.close(true)
	if err == nil {
		err = os.Rename(t.f.Name(), t.out)
	}
	if err == nil {
		err = syncDir(filepath.Dir(t.out))
	}
	return err
}

// close ends the writing, and removes the file where it is not kept.
func (t *packTarget) close(keep bool) error {
	if t.direct != nil {
		t.direct.Close() // the sync and the close of f tell
	}
	if keep {
		return errors.Join(t.sync(), t.f.Close())
	}
	return errors.Join(t.f.Close(), os.Remove(t.f.Name()))
}

// sized is a slice of n bytes, in the memory of b where that suffices.
func sized(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}
