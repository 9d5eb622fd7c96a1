package daemon

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"moed/flashio"
	"moed/flashio/flashtest"
	"moed/moe"
	"moed/offload"
)

// spread puts expert e of each layer on disk e mod n, and every third also on
// the next disk if there are replicas.
func spread(t testing.TB, model string, n int, replicas bool) []DiskPlan {
	t.Helper()
	_, table := openTable(t, model)
	disks := make([]DiskPlan, n)
	for i := range disks {
		disks[i] = DiskPlan{Name: fmt.Sprintf("disk %d", i), Dir: t.TempDir(), Experts: make([][]int, len(table.Layers))}
	}
	for l := range table.Layers {
		for e := range table.Layers[l].Experts {
			for i := range disks {
				if i == e%n || replicas && e%3 == 0 && i == (e+1)%n {
					disks[i].Experts[l] = append(disks[i].Experts[l], e)
				}
			}
		}
	}
	return disks
}

// onDisks packs a model to disks.
func onDisks(t testing.TB, model string, disks []DiskPlan) *PackDisksResult {
	t.Helper()
	r, err := PackDisks(t.Context(), PackDisksOptions{Model: model, Disks: disks, Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Disks {
		gone(t, r.Disks[i].Out+partialSuffix)
	}
	return r
}

// diskRun is one run of a model whose logits are compared with those of all in
// memory.
type diskRun struct {
	share float64
	rules map[string][]flashtest.Rule // by the path that they spoil
	used  int                         // disks in use
	notes int                         // in the end
	after func(f *flash)              // when it is open
}

func (c *diskRun) check(t *testing.T, model string, want [][]float32) *flash {
	t.Helper()
	h, err := readHeader(model)
	if err != nil {
		t.Fatal(err)
	}
	fp, err := moe.Measure(h.file, bitsOptions(2))
	if err != nil {
		t.Fatal(err)
	}
	o := flashOptions{Options: bitsOptions(2), ahead: 2, reader: flashio.Options{MaxRead: 8 << 10}}
	o.bytes = offload.Least(fp.Table) + int64(c.share*float64(2*fp.Memory.Experts))
	o.open = func(path string, ro flashio.Options) (*flashio.Reader, error) {
		r, _, err := flashtest.Open(path, ro, c.rules[path]...)
		return r, err
	}
	f, err := openFlash(t.Context(), h, fp, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.close(); err != nil {
			t.Error(err)
		}
	}()
	if len(f.disks.open) != c.used {
		t.Fatalf("%d disks are used, want %d: %q", len(f.disks.open), c.used, f.disks.notes)
	}
	if c.after != nil {
		c.after(f)
	}
	got, err := bitsOf(t, f.model)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		for j := range want[i] {
			if math.Float32bits(got[i][j]) != math.Float32bits(want[i][j]) {
				t.Fatalf("logit %d after token %d: %v, with all in memory %v", j, i, got[i][j], want[i][j])
			}
		}
	}
	if len(f.disks.notes) != c.notes {
		t.Errorf("notes %q, want %d", f.disks.notes, c.notes)
	}
	for i, d := range f.store.Stats().Disks {
		if i > 0 && !d.Down && d.Bytes == 0 {
			t.Errorf("%s gave nothing: this case tests less than it says", d.Path)
		}
	}
	return f
}

// expected are the logits with all in memory.
func expected(t *testing.T, model string) [][]float32 {
	t.Helper()
	m, err := moe.Open(model, bitsOptions(1))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	want, err := bitsOf(t, m)
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// TestDisksBits: from however many disks, with copies or without, and from
// whatever layout they were copied, the logits are those of all in memory.
func TestDisksBits(t *testing.T) {
	want := expected(t, modelFile(t, routed("qwen3moe"), "stock"))
	for _, layout := range []string{"stock", "packed"} {
		for _, n := range []int{1, 2, 4} {
			for _, replicas := range []bool{false, true} {
				if n == 1 && replicas {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d/replicas=%v", layout, n, replicas), func(t *testing.T) {
					model := modelFile(t, routed("qwen3moe"), layout)
					r := onDisks(t, model, spread(t, model, n, replicas))
					if r.Alone != 0 || len(r.Disks) != n {
						t.Errorf("result %+v", r)
					}
					for _, share := range []float64{0, 0.3} {
						c := diskRun{share: share, used: n}
						f := c.check(t, model, want)
						if own := f.store.Stats().Disks[0]; own.Failed != 0 {
							t.Errorf("the model's own file: %+v", own)
						}
					}
				})
			}
		}
	}
}

// TestDisksPartly: experts that no disk has come from the model's own file.
func TestDisksPartly(t *testing.T) {
	model := modelFile(t, routed("qwen3moe"), "stock")
	want := expected(t, model)
	disks := spread(t, model, 2, false)[:1]
	r := onDisks(t, model, disks)
	if r.Alone == 0 {
		t.Errorf("result %+v", r)
	}
	c := diskRun{used: 1}
	c.check(t, model, want)
}

// TestDisksFail: whatever a disk does, the logits are the same, and a user is
// told once.
func TestDisksFail(t *testing.T) {
	always := []flashtest.Rule{{Fault: flashtest.EIO}}
	tests := map[string]struct {
		rules []flashtest.Rule
		notes int
	}{
		"from the start": {always, 1},
		"midway":         {[]flashtest.Rule{{Fault: flashtest.EIO, After: 40}}, 1},
		"nothing comes":  {[]flashtest.Rule{{Fault: flashtest.Nothing, After: 5}}, 1},
		"wrong bytes":    {[]flashtest.Rule{{Fault: flashtest.Torn, After: 5}}, 1},
		"now and then":   {[]flashtest.Rule{{Fault: flashtest.EIO, After: 9, Count: 2}, {Fault: flashtest.Torn, After: 30, Count: 2}}, 0},
		"the first six":  {[]flashtest.Rule{{Fault: flashtest.EIO, Count: 24}}, 1}, // of several pieces, each tried twice
	}
	want := expected(t, modelFile(t, routed("qwen3moe"), "stock"))
	for _, layout := range []string{"stock", "packed"} {
		model := modelFile(t, routed("qwen3moe"), layout)
		for _, replicas := range []bool{false, true} {
			r := onDisks(t, model, spread(t, model, 3, replicas))
			for name, test := range tests {
				t.Run(fmt.Sprintf("%s/replicas=%v/%s", layout, replicas, name), func(t *testing.T) {
					c := diskRun{used: 3, notes: test.notes, rules: map[string][]flashtest.Rule{r.Disks[1].Out: test.rules}}
					f := c.check(t, model, want)
					if d := f.store.Stats().Disks[2]; d.Failed == 0 {
						t.Errorf("no read has failed: %+v", d)
					}
				})
			}
			t.Run(fmt.Sprintf("%s/replicas=%v/all", layout, replicas), func(t *testing.T) {
				c := diskRun{used: 3, notes: 3, rules: map[string][]flashtest.Rule{}}
				for i := range r.Disks {
					c.rules[r.Disks[i].Out] = always
				}
				c.check(t, model, want)
			})
		}
	}
}

// TestDisksChange: a shard that is not there any more, or another, is not used,
// before it is opened and after.
func TestDisksChange(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be changed here")
	}
	other := routed("qwen3moe")
	other.Seed++
	away := modelFile(t, other, "stock")
	elsewhere := onDisks(t, away, spread(t, away, 2, false)).Disks[1].Out
	swap := func(path string) error {
		b, err := os.ReadFile(elsewhere)
		if err != nil {
			return err
		}
		return write(path, os.O_TRUNC, string(b))
	}
	all := map[string]func(string) error{"another model's": swap}
	for name, change := range changes {
		all[name] = change
	}
	for name, change := range all {
		for _, open := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/open=%v", name, open), func(t *testing.T) {
				model := modelFile(t, routed("qwen3moe"), "stock")
				want := expected(t, model)
				r := onDisks(t, model, spread(t, model, 2, false))
				path := r.Disks[1].Out
				c := diskRun{used: 2, notes: 1}
				if open {
					c.after = func(*flash) {
						if err := change(path); err != nil {
							t.Fatal(err)
						}
					}
				} else {
					if err := change(path); err != nil {
						t.Fatal(err)
					}
					c.used = 1
					if name == "touched" || name == "another there" { // the same bytes
						c.used, c.notes = 2, 0
					}
					if name == "overwritten" { // "GGUF" over the same: also the same bytes
						c.used, c.notes = 2, 0
					}
				}
				c.check(t, model, want)
			})
		}
	}
}

// TestDisksOfAnother: a manifest that is not this model's, or no manifest at
// all, is a note, and the model works.
func TestDisksOfAnother(t *testing.T) {
	model := modelFile(t, routed("qwen3moe"), "stock")
	want := expected(t, model)
	r := onDisks(t, model, spread(t, model, 2, false))
	good, err := os.ReadFile(r.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":         "",
		"garbage":       "\x00\xff{",
		"unknown field": strings.Replace(string(good), `"version"`, `"more": 1, "version"`, 1),
		"version":       strings.Replace(string(good), `"version": 1`, `"version": 2`, 1),
		"more behind":   string(good) + "{}",
		"size":          strings.Replace(string(good), `"size": `, `"size": 1`, 1),
		"time":          strings.Replace(string(good), `"time": `, `"time": 1`, 1),
		"relative":      strings.ReplaceAll(string(good), `"path": "/`, `"path": "`),
	} {
		t.Run(name, func(t *testing.T) {
			if text == string(good) {
				t.Fatal("the case changes nothing")
			}
			if err := os.WriteFile(r.Manifest, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			c := diskRun{notes: 1}
			c.check(t, model, want)
		})
	}
	t.Run("removed", func(t *testing.T) {
		if err := os.Remove(r.Manifest); err != nil {
			t.Fatal(err)
		}
		c := diskRun{}
		c.check(t, model, want)
	})
}

// TestPackDisksAgain: what is there is kept, a new plan takes its place, and
// what is no shard is not touched.
func TestPackDisksAgain(t *testing.T) {
	model := modelFile(t, routed("qwen3moe"), "stock")
	disks := spread(t, model, 2, false)
	first := onDisks(t, model, disks)
	again := onDisks(t, model, disks)
	for i := range again.Disks {
		if !again.Disks[i].Already {
			t.Errorf("disk %d was written again", i)
		}
	}
	disks[0].Experts[1] = disks[0].Experts[1][1:]
	third := onDisks(t, model, disks)
	if third.Disks[0].Already || third.Disks[0].Bytes >= first.Disks[0].Bytes || !third.Disks[1].Already || third.Alone != 1 {
		t.Errorf("%+v after %+v", third, first)
	}
	if err := os.WriteFile(third.Disks[0].Out, []byte("mine"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := PackDisks(t.Context(), PackDisksOptions{Model: model, Disks: disks}); !errors.Is(err, ErrPackExists) {
		t.Errorf("error %v, want ErrPackExists", err)
	}
	if b, err := os.ReadFile(third.Disks[0].Out); err != nil || string(b) != "mine" {
		t.Errorf("found %q, %v", b, err)
	}
}

// TestPackDisksRefuses: no disk is written to, and no manifest, where anything
// is wrong with the disks.
func TestPackDisksRefuses(t *testing.T) {
	model := modelFile(t, routed("qwen3moe"), "stock")
	for name, change := range map[string]func(d []DiskPlan) []DiskPlan{
		"none":           func(d []DiskPlan) []DiskPlan { return nil },
		"no name":        func(d []DiskPlan) []DiskPlan { d[1].Name = ""; return d },
		"two of a name":  func(d []DiskPlan) []DiskPlan { d[1].Name = d[0].Name; return d },
		"one file":       func(d []DiskPlan) []DiskPlan { d[1].Name, d[1].Dir = "disk/0", d[0].Dir; return d },
		"no directory":   func(d []DiskPlan) []DiskPlan { d[1].Dir = filepath.Join(d[1].Dir, "not there"); return d },
		"a file":         func(d []DiskPlan) []DiskPlan { d[1].Dir = model; return d },
		"layers":         func(d []DiskPlan) []DiskPlan { d[1].Experts = d[1].Experts[1:]; return d },
		"unknown expert": func(d []DiskPlan) []DiskPlan { d[1].Experts[1] = []int{16}; return d },
		"twice":          func(d []DiskPlan) []DiskPlan { d[1].Experts[1] = []int{3, 3}; return d },
		"nothing":        func(d []DiskPlan) []DiskPlan { clear(d[1].Experts); return d },
	} {
		t.Run(name, func(t *testing.T) {
			disks := spread(t, model, 2, false)
			dir := disks[0].Dir
			if _, err := PackDisks(t.Context(), PackDisksOptions{Model: model, Disks: change(disks)}); err == nil {
				t.Error("no error")
			}
			gone(t, ManifestName(model))
			if found, err := os.ReadDir(dir); err != nil || len(found) > 0 {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}
