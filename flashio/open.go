package flashio

import (
	"errors"
	"fmt"
	"os"
)

// Open opens the regular file at path for reading. Where a backend that was
// asked for is not to be had it is an error; Auto finds one that is, and Info
// says why it is that one.
func Open(path string, o Options) (*Reader, error) {
	want, device := o, (*Device)(nil)
	if o.Backend == Auto || o.InFlight <= 0 || o.MaxRead <= 0 {
		if kept, err := LoadDevice(path); err == nil && kept.fill(o) != o {
			want, device = kept.fill(o), kept
		}
	}
	src, info, err := OpenSource(path, want.Backend)
	if err != nil && want.Backend != o.Backend {
		want, device = o, nil // the device has changed its ways since
		src, info, err = OpenSource(path, o.Backend)
	}
	if err != nil {
		return nil, err
	}
	want.Backend = info.Backend
	r := NewReader(src, path, info.Size, want)
	r.info.Why, r.info.Alignment, r.info.Calibrated = info.Why, info.Alignment, device != nil
	if device != nil && o.Backend == Auto {
		r.info.Why = device.Why
	}
	return r, nil
}

// OpenSource opens the regular file at path as what a Reader reads from, and
// tells its name, size, backend and alignment: for something to be put between
// the two.
func OpenSource(path string, b Backend) (Source, Info, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, Info{}, err
	}
	src, info, err := f.source(b)
	if err != nil {
		f.Close()
		return nil, Info{}, fmt.Errorf("open %s: %w", path, err)
	}
	info.Name, info.Size = path, f.info.Size()
	return src, info, nil
}

// file is an open regular file and what it was when opened.
type file struct {
	*os.File
	info os.FileInfo
}

func openFile(path string) (*file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for a writer
		return nil, fmt.Errorf("open %s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, err
	}
	return &file{f, info}, nil
}

// source opens f by a backend, and tells which and why.
func (f *file) source(b Backend) (Source, Info, error) {
	switch b {
	case Auto, Direct:
		src, align, err := openDirect(f)
		if err == nil {
			return src, Info{Backend: Direct, Why: "the file system takes direct reads", Alignment: align}, nil
		}
		if b == Direct {
			return nil, Info{}, err
		}
		return newBuffered(f), Info{Backend: Buffered, Why: fmt.Sprintf("no direct reads: %v", err), Alignment: align}, nil
	case Buffered:
		return newBuffered(f), Info{Backend: Buffered, Why: "asked for"}, nil
	case Mapped:
		src, err := newMapped(f)
		return src, Info{Backend: Mapped, Why: "asked for"}, err
	}
	return nil, Info{}, fmt.Errorf("%v: %w", b, errors.ErrUnsupported)
}

// Check compares the file with what it was when opened, and with what is at its
// path now.
func (f *file) Check() error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if now.Size() != f.info.Size() {
		return fmt.Errorf("%s: %w: it had %d bytes and has %d", f.Name(), ErrChanged, f.info.Size(), now.Size())
	}
	if !now.ModTime().Equal(f.info.ModTime()) {
		return fmt.Errorf("%s: %w: it was modified at %v", f.Name(), ErrChanged, now.ModTime())
	}
	there, err := os.Stat(f.Name())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChanged, err)
	}
	if !os.SameFile(there, now) {
		return fmt.Errorf("%s: %w: another file has its name", f.Name(), ErrChanged)
	}
	return nil
}
