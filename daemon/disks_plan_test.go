package daemon

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moed/placement"
)

// planOf writes a plan for a model: a disk each of hosts a and b, and RAM of a.
// Even experts are on the first disk, odd ones in RAM and all on the other disk.
func planOf(t *testing.T, model string, change func(f *placement.File)) string {
	t.Helper()
	sum, err := Identity(model)
	if err != nil {
		t.Fatal(err)
	}
	_, table := openTable(t, model)
	f := &placement.File{Model: placement.Model{Name: "mine", Header: sum}}
	f.Devices = []placement.Device{
		{Name: "a/disk", Host: "a", Path: t.TempDir(), Capacity: 1 << 40, Rate: 1e9},
		{Name: "b/disk", Host: "b", Path: t.TempDir(), Capacity: 1 << 40, Rate: 1e9},
		{Name: "a/ram", Host: "a", Capacity: 1 << 40, Rate: 1e9},
	}
	f.Links = []placement.Link{{A: "a", B: "b"}}
	f.Home, f.Copies = "a", 2
	for l := range table.Layers {
		n := table.Layers[l].Experts
		if n == 0 {
			n = 1
		}
		sizes, at := make([]int64, n), make([][]int, n)
		for e := range sizes {
			sizes[e], at[e] = 100, []int{0, 1}
			if e%2 == 1 {
				at[e] = []int{1, 2}
			}
		}
		f.Layers = append(f.Layers, sizes)
		f.Assignment = append(f.Assignment, at)
	}
	if change != nil {
		change(f)
	}
	path := filepath.Join(t.TempDir(), "plan.json")
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDiskPlans: a host gets its own disks' experts, RAM gets no file, and a plan
// of which it is unclear what this machine should do is refused.
func TestDiskPlans(t *testing.T) {
	model := modelFile(t, routed("qwen3moe"), "stock")
	both := planOf(t, model, nil)
	for host, odd := range map[string]bool{"a": false, "b": true} {
		disks, err := DiskPlans(both, model, host)
		if err != nil {
			t.Fatal(err)
		}
		if len(disks) != 1 || disks[0].Name != host+"/disk" {
			t.Fatalf("host %s: %+v", host, disks)
		}
		for l, experts := range disks[0].Experts {
			for i, e := range experts {
				if want := 2 * i; !odd && e != want || odd && e != i {
					t.Fatalf("host %s, layer %d: %v", host, l, experts)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		host, want string
		none       bool
		change     func(f *placement.File)
	}{
		"no name":       {want: "--name"},
		"another host":  {host: "c", none: true},
		"no paths":      {none: true, change: func(f *placement.File) { f.Devices[0].Path, f.Devices[1].Path = "", "" }},
		"another model": {host: "a", want: "another model, mine", change: func(f *placement.File) { f.Model.Header = strings.Repeat("0", 64) }},
	} {
		disks, err := DiskPlans(planOf(t, model, c.change), model, c.host)
		if err == nil || errors.Is(err, ErrNoDisks) != c.none || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", name, disks, err)
		}
	}
}

// TestDisksSwapped: two shards of one model in each other's place are neither used.
func TestDisksSwapped(t *testing.T) {
	model := modelFile(t, routed("qwen3moe"), "stock")
	want := expected(t, model)
	r := onDisks(t, model, spread(t, model, 2, false))
	a, b := r.Disks[0].Out, r.Disks[1].Out
	for _, move := range [][2]string{{a, a + ".x"}, {b, a}, {a + ".x", b}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			t.Fatal(err)
		}
	}
	c := diskRun{notes: 2}
	c.check(t, model, want)
}

// TestDisksBalance: of copies on two equal disks both are read.
func TestDisksBalance(t *testing.T) {
	model := modelFile(t, routed("qwen3moe"), "stock")
	want := expected(t, model)
	disks := spread(t, model, 1, false)
	disks = append(disks, DiskPlan{Name: "copy", Dir: t.TempDir(), Experts: disks[0].Experts})
	onDisks(t, model, disks)
	c := diskRun{used: 2}
	s := c.check(t, model, want).store.Stats()
	x, y := s.Disks[1].Bytes, s.Disks[2].Bytes
	t.Logf("bytes %d and %d, the model's own file %d", x, y, s.Disks[0].Bytes)
	if x == 0 || y == 0 {
		t.Errorf("%d bytes of one, %d of the other", x, y)
	}
}

// FuzzDiskManifest: what is taken has bounds, and is taken again when written.
func FuzzDiskManifest(f *testing.F) {
	sum := strings.Repeat("ab", 32)
	m := diskManifest{Version: 1, Model: manifestModel{Size: 5, Time: 6, Header: sum},
		Disks: []manifestDisk{{Name: "a", Path: "/a/b.gguf", Size: 7, Header: sum}, {Name: "b", Path: "/c/b.gguf", Size: 7, Header: sum}}}
	good, err := json.Marshal(&m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(strings.Replace(string(good), `"name":"b"`, `"name":"a"`, 1)))
	f.Add([]byte(strings.Replace(string(good), `"path":"/a`, `"path":"a`, 1)))
	f.Add([]byte(`{"version":1,"model":{"size":-1},"disks":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseDiskManifest(b)
		if err != nil {
			return
		}
		names := map[string]bool{}
		for _, d := range m.Disks {
			if names[d.Name] || !filepath.IsAbs(d.Path) || d.Size <= 0 {
				t.Fatalf("taken: %+v", m)
			}
			names[d.Name] = true
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseDiskManifest(again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
