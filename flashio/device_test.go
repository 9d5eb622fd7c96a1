package flashio

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// keepIn makes dir the user's cache directory.
func keepIn(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, dir)
	}
}

func device(t *testing.T, path string) *Device {
	t.Helper()
	key, err := deviceKey(path)
	if err != nil {
		t.Skip(err)
	}
	return &Device{
		Version: deviceVersion, Key: key, Measured: time.Unix(1e9, 0).UTC(),
		Backend: Buffered, InFlight: 3, MaxRead: 512 << 10, Why: "for the test",
		Points: []Point{{Backend: Buffered, Size: 4096, InFlight: 2, Reads: 7, Rate: 1e9, P50: 1, P99: 2}},
	}
}

// TestKeep: what is kept of a file system is found for every path on it, and
// Open goes by it where it is asked nothing else.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	keepIn(t, dir)
	file := filepath.Join(dir, "model")
	if err := os.WriteFile(file, make([]byte, 10000), 0o600); err != nil {
		t.Fatal(err)
	}
	d := device(t, dir)
	if _, err := LoadDevice(file); !errors.Is(err, ErrNoDevice) {
		t.Errorf("nothing is kept, found %v", err)
	}
	for range 2 { // the second replaces the first
		path, err := SaveDevice(d)
		if err != nil {
			t.Fatal(err)
		}
		left, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(left) != 1 {
			t.Errorf("%d files are left beside it (%v)", len(left)-1, err)
		}
	}
	got, err := LoadDevice(file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, d) {
		t.Errorf("found %+v, want %+v", got, d)
	}
	for _, c := range []struct {
		ask        Options
		backend    Backend
		inFlight   int
		maxRead    int64
		calibrated bool
	}{
		{Options{}, Buffered, 3, 512 << 10, true},
		{Options{InFlight: 7}, Buffered, 7, 512 << 10, true},
		{Options{MaxRead: 4096}, Buffered, 3, 4096, true},
		{Options{Backend: Buffered}, Buffered, 3, 512 << 10, true},
		{Options{Backend: Mapped}, Mapped, defaultInFlight, defaultMaxRead, false},
		{Options{Backend: Buffered, InFlight: 1, MaxRead: 8192}, Buffered, 1, 8192, false},
	} {
		r, err := Open(file, c.ask)
		if err != nil {
			t.Fatal(err)
		}
		i := r.Info()
		if i.Backend != c.backend || i.InFlight != c.inFlight || i.MaxRead != c.maxRead || i.Calibrated != c.calibrated {
			t.Errorf("%+v: found %+v", c.ask, i)
		}
		if byDevice := i.Why == d.Why; byDevice != (c.ask.Backend == Auto) {
			t.Errorf("%+v: it says %q", c.ask, i.Why)
		}
		r.Close()
	}
}

// TestKeepBroken: a broken file is as good as none.
func TestKeepBroken(t *testing.T) {
	dir := t.TempDir()
	keepIn(t, dir)
	d := device(t, dir)
	for name, change := range map[string]func(){
		"version":   func() { d.Version++ },
		"key":       func() { d.Key += "0" },
		"no key":    func() { d.Key = "" },
		"backend":   func() { d.Backend = Auto },
		"in flight": func() { d.InFlight = 0 },
		"too many":  func() { d.InFlight = 1000 },
		"read":      func() { d.MaxRead = 0 },
		"ragged":    func() { d.MaxRead++ },
		"huge":      func() { d.MaxRead = 1 << 40 },
	} {
		d = device(t, dir)
		key := d.Key
		change()
		path, err := SaveDevice(d)
		if name == "no key" {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		want, err := devicePath(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path, want); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadDevice(dir); !errors.Is(err, ErrNoDevice) {
			t.Errorf("%s: found %v, want ErrNoDevice", name, err)
		}
	}
	for _, text := range []string{"", "{", "null", "[]", `{"version":1}`, strings.Repeat(" ", mostDeviceDoc) + "{}"} {
		path, err := devicePath(device(t, dir).Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadDevice(dir); !errors.Is(err, ErrNoDevice) {
			t.Errorf("%.20q: found %v, want ErrNoDevice", text, err)
		}
	}
}

// FuzzDevice: whatever is in a kept file, what is accepted can be used.
func FuzzDevice(f *testing.F) {
	f.Add([]byte(`{"version":1,"key":"k","backend":"direct","in_flight":4,"max_read":1048576}`))
	f.Add([]byte(`{"version":1,"key":"k","backend":"auto","in_flight":-4,"max_read":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := parseDevice(text, "k")
		if err != nil {
			return
		}
		o := d.fill(Options{})
		if o != o.withDefaults() || o.Backend == Auto {
			t.Errorf("%s gives %+v", text, o)
		}
	})
}

// TestChoose: points by hand and what follows from them.
func TestChoose(t *testing.T) {
	const kib, mib = 1 << 10, 1 << 20
	p := func(b Backend, size int64, depth int, mbs float64) Point {
		return Point{Backend: b, Size: size, InFlight: depth, Rate: mbs * 1e6, P50: time.Millisecond}
	}
	for _, c := range []struct {
		name    string
		points  []Point
		backend Backend
		flight  int
		read    int64
		says    string
	}{
		{"the shortest that is as good", []Point{p(Direct, 512*kib, 4, 800), p(Direct, mib, 4, 960), p(Direct, 2*mib, 2, 1000)}, Direct, 4, mib, "of 1 MiB"},
		{"the fewest that are as good", []Point{p(Direct, mib, 2, 700), p(Direct, mib, 4, 990), p(Direct, mib, 8, 1000)}, Direct, 4, mib, "4 at once"},
		{"tiny reads are not worth their calls", []Point{p(Direct, 4*kib, 8, 1000)}, Direct, 8, 256 * kib, "of 4 KiB"},
		{"one at a time is never enough", []Point{p(Direct, mib, 1, 1000)}, Direct, 2, mib, "1 at once"},
		{"more at once for one matrix", []Point{p(Direct, mib, 2, 600), p(Direct, mib, 8, 700), p(Direct, 4*mib, 2, 900)}, Direct, 8, 4 * mib, "8 at once for reads of 1 MiB"},
		{"buffered is a little faster", []Point{p(Direct, mib, 4, 1000), p(Buffered, mib, 4, 1100)}, Direct, 4, mib, "direct reads, since they reach 1000 MB/s and buffered ones 1100 MB/s"},
		{"buffered is much faster", []Point{p(Direct, mib, 4, 1000), p(Buffered, mib, 4, 1200)}, Buffered, 4, mib, "buffered reads, since they reach 1200 MB/s"},
		{"no direct reads", []Point{p(Buffered, 256*kib, 4, 5000)}, Buffered, 4, 256 * kib, "there are no direct ones"},
	} {
		b, flight, read, why := choose(c.points)
		if b != c.backend || flight != c.flight || read != c.read || !strings.Contains(why, c.says) {
			t.Errorf("%s: chose %v, %d, %d: %s", c.name, b, flight, read, why)
		}
	}
}

// TestPacking: whether packing pays follows from what was measured.
func TestPacking(t *testing.T) {
	for want, rate := range map[string]float64{"pays": 1300e6, "does not pay": 1200e6} {
		d := Device{Backend: Direct, InFlight: 4, Points: []Point{
			{Backend: Direct, Size: 1 << 20, InFlight: 4, Rate: 1000e6}, {Backend: Direct, Size: 1 << 20, InFlight: 8, Rate: 2000e6},
			{Backend: Direct, Size: 4 << 20, InFlight: 4, Rate: rate}, {Backend: Buffered, Size: 4 << 20, InFlight: 4, Rate: 9000e6}}}
		if got := d.Packing(); !strings.HasPrefix(got, want+":") {
			t.Errorf("%.0f MB/s: %s, want that it %s", rate/1e6, got, want)
		}
	}
	if got := (&Device{}).Packing(); got != "" {
		t.Errorf("of nothing measured: %s", got)
	}
}
