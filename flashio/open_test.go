package flashio_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moed/flashio"
	"moed/flashio/flashtest"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, b := range append(flashio.Backends(), flashio.Auto) {
		if _, err := flashio.Open(filepath.Join(dir, "none"), flashio.Options{Backend: b}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: no file: %v", b, err)
		}
		if _, err := flashio.Open(dir, flashio.Options{Backend: b}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%v: a directory: %v", b, err)
		}
	}
	path, _ := flashtest.File(t, 100)
	if _, err := flashio.Open(path, flashio.Options{Backend: 99}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("no such backend: %v", err)
	}
}

// TestEmpty: an empty file can be opened by every backend; there is nothing to
// read.
func TestEmpty(t *testing.T) {
	path, _ := flashtest.File(t, 0)
	for _, b := range backends(t, t.TempDir()) {
		r := open(t, path, flashio.Options{Backend: b})
		a := flashtest.Arena(t, block)
		q := &flashio.Request{Parts: []flashio.Part{{Into: a.Buffer(0, block), Need: 1}}}
		var re *flashio.ReadError
		if err := flashtest.Read(r, q); !errors.As(err, &re) {
			t.Errorf("%v: %v", b, err)
		}
	}
}

// TestAutoFallsBack: where direct reads are refused, Auto finds others and says
// why.
func TestAutoFallsBack(t *testing.T) {
	const dir = "/dev/shm" // a file system in memory, on most Linuxes
	f, err := os.CreateTemp(dir, "moed-*")
	if err != nil {
		t.Skip(err)
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(flashtest.Contents(10000)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	r := open(t, f.Name(), flashio.Options{})
	if i := r.Info(); i.Backend == flashio.Direct {
		t.Skip("this one takes direct reads")
	} else if i.Backend != flashio.Buffered || !strings.Contains(i.Why, "no direct reads: ") {
		t.Errorf("info %+v", i)
	}
	a := flashtest.Arena(t, 3*block)
	q := &flashio.Request{Parts: []flashio.Part{{Into: a.Buffer(0, 3*block), Need: 10000}}}
	if err := flashtest.Read(r, q); err != nil || string(a.Bytes(0, 10000)) != string(flashtest.Contents(10000)) {
		t.Errorf("wrong bytes, or %v", err)
	}
	if _, err := flashio.Open(f.Name(), flashio.Options{Backend: flashio.Direct}); err == nil {
		t.Error("direct reads were asked for and something else was given")
	}
}

// TestCheck: each way in which a file can become another.
func TestCheck(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"longer":  func(path string) error { return os.Truncate(path, 20000) },
		"shorter": func(path string) error { return os.Truncate(path, 5000) },
		"modified": func(path string) error {
			return os.Chtimes(path, time.Time{}, time.Unix(1e9, 0))
		},
		"removed": os.Remove,
		"replaced": func(path string) error {
			if err := os.WriteFile(path+".new", flashtest.Contents(10000), 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
	} {
		for _, b := range backends(t, t.TempDir()) {
			path, _ := flashtest.File(t, 10000)
			r := open(t, path, flashio.Options{Backend: b})
			if err := r.Check(); err != nil {
				t.Fatal(err)
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if err := r.Check(); !errors.Is(err, flashio.ErrChanged) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, %s: found %v, want ErrChanged with the path", b, name, err)
			}
		}
	}
}

func TestParseBackend(t *testing.T) {
	for _, b := range append(flashio.Backends(), flashio.Auto) {
		if got, err := flashio.ParseBackend(b.String()); err != nil || got != b {
			t.Errorf("%v: found %v, %v", b, got, err)
		}
	}
	for _, name := range []string{"", "Direct", "uring "} {
		if b, err := flashio.ParseBackend(name); err == nil {
			t.Errorf("%q is %v", name, b)
		}
	}
}
