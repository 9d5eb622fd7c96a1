package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"moed/flashio/bundle"
	"moed/moe"
	"moed/moe/expert"
	"moed/moe/gguf"
	"moed/moe/moetest"
)

// tinyModel writes a model to a directory of the test's.
func tinyModel(t testing.TB, s moetest.Spec) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	w, err := s.Writer()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustPack packs and returns the file's bytes.
func mustPack(t *testing.T, p *packer) (*PackResult, []byte) {
	t.Helper()
	r, err := p.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(r.Out)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != r.Bytes {
		t.Fatalf("%d bytes, the result says %d", len(b), r.Bytes)
	}
	gone(t, r.Out+partialSuffix)
	return r, b
}

// gone fails where there is a file.
func gone(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: error %v, want that it is not there", path, err)
	}
}

// TestPackGolden packs the golden files, of all architectures and types, and
// compares each tensor and each expert with the source.
func TestPackGolden(t *testing.T) {
	files, err := filepath.Glob("../testdata/golden/*.gguf")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "packed.gguf")
			r, err := Pack(t.Context(), PackOptions{Model: path, Out: out, Verify: true})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Verified || r.Already || r.Resumed != 0 {
				t.Errorf("result %+v", r)
			}
			compare(t, path, out)
		})
	}
}

// compare checks a packed file against its source without the packer's help.
func compare(t *testing.T, source, out string) {
	from, table := openTable(t, source)
	to, packed := openTable(t, out)
	for _, key := range from.Keys() {
		a, _ := from.Value(key)
		b, ok := to.Value(key)
		if key != "general.alignment" && (!ok || a.String() != b.String()) {
			t.Errorf("key %s: found %v, want %v", key, b, a)
		}
	}
	for i := range from.Tensors {
		a := &from.Tensors[i]
		if b, ok := to.Tensor(a.Name); ok {
			if !bytes.Equal(from.Data(a), to.Data(b)) {
				t.Errorf("tensor %s is another", a.Name)
			}
		} else if !moe.IsExpertTensor(a.Name) {
			t.Errorf("tensor %s is missing", a.Name)
		}
	}
	a, err := moe.Measure(from.File, moe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := moe.Measure(to.File, moe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Memory != b.Memory {
		t.Errorf("measured %+v, the source %+v", b.Memory, a.Memory)
	}
	for i := range packed.Layers {
		l, want := &packed.Layers[i], &table.Layers[i]
		if l.Experts == 0 {
			continue
		}
		g, err := bundle.New(bundleShape(&l.Gate), bundleShape(&l.Up), bundleShape(&l.Down), l.Bundles.Group)
		if err != nil || g.Stride != l.Bundles.Stride {
			t.Fatalf("layer %d: %+v, error %v", i, l, err)
		}
		bundles, _ := to.Tensor(moe.BundlesName(i))
		var stacks [3][]byte
		for j, name := range moe.StackNames(i) {
			x, _ := from.Tensor(name)
			stacks[j] = from.Data(x)
		}
		gate, up, down := make([]byte, g.GateBytes), make([]byte, g.UpBytes), make([]byte, g.DownBytes)
		for e := range want.Experts {
			n := int64(e)
			src := to.Data(bundles)[n*g.Stride:][:g.Stride]
			if err := g.Unpack(gate, up, down, src, bundle.ID{Layer: i, Expert: e}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(gate, stacks[0][n*g.GateBytes:][:g.GateBytes]) || !bytes.Equal(up, stacks[1][n*g.UpBytes:][:g.UpBytes]) ||
				!bytes.Equal(down, stacks[2][n*g.DownBytes:][:g.DownBytes]) {
				t.Fatalf("expert %d of layer %d is another", e, i)
			}
		}
	}
}

func openTable(t testing.TB, path string) (*gguf.Image, *expert.Table) {
	t.Helper()
	im, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { im.Close() })
	c, err := moe.ReadConfig(im.File)
	if err != nil {
		t.Fatal(err)
	}
	table, err := moe.ExpertTable(im.File, c)
	if err != nil {
		t.Fatal(err)
	}
	return im, table
}

// TestPackWritesBuffered: a file system that refuses direct writes gets others.
func TestPackWritesBuffered(t *testing.T) {
	model := tinyModel(t, moetest.Spec{})
	p := newPacker(PackOptions{Model: model, Verify: true})
	p.target.writeAt = func(f *os.File, b []byte, off int64) (int, error) {
		if f != p.target.f {
			return 0, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.EINVAL}
		}
		return f.WriteAt(b, off)
	}
	mustPack(t, p)
}

// TestPackRoom: without room nothing is written; what a partial file has counts.
func TestPackRoom(t *testing.T) {
	model := tinyModel(t, moetest.Spec{})
	r, whole := mustPack(t, newPacker(PackOptions{Model: model}))
	os.Remove(r.Out)
	p := newPacker(PackOptions{Model: model})
	p.room = func(dir string) (int64, error) {
		if dir != filepath.Dir(model) {
			t.Errorf("asks for room in %s", dir)
		}
		return r.Bytes - 1, nil
	}
	_, err := p.run(t.Context())
	var room *NoRoomError
	if !errors.As(err, &room) || room.Needed != r.Bytes || room.Found != r.Bytes-1 {
		t.Fatalf("error %v", err)
	}
	gone(t, r.Out)
	gone(t, r.Out+partialSuffix)
	if err := os.WriteFile(r.Out+partialSuffix, whole[:r.Bytes-5000], 0o666); err != nil {
		t.Fatal(err)
	}
	p = newPacker(PackOptions{Model: model})
	p.room = func(string) (int64, error) { return 5000, nil }
	mustPack(t, p)
}

// TestPackSourceChanges touches the source while it is read.
func TestPackSourceChanges(t *testing.T) {
	model := tinyModel(t, moetest.Spec{})
	p := newPacker(PackOptions{Model: model})
	p.target.writeAt = func(f *os.File, b []byte, off int64) (int, error) {
		if err := os.Chtimes(model, time.Time{}, time.Unix(1, 0)); err != nil {
			t.Error(err)
		}
		return f.WriteAt(b, off)
	}
	if _, err := p.run(t.Context()); !errors.Is(err, errPackSource) {
		t.Errorf("error %v", err)
	}
	gone(t, PackedName(model))
	gone(t, PackedName(model)+partialSuffix)
}

// TestPackTarget: a finished pack is found and left alone, anything else under
// its name too.
func TestPackTarget(t *testing.T) {
	model := tinyModel(t, moetest.Spec{})
	_, whole := mustPack(t, newPacker(PackOptions{Model: model}))
	r, _ := mustPack(t, newPacker(PackOptions{Model: model, Verify: true}))
	if !r.Already || !r.Verified {
		t.Errorf("result %+v", r)
	}
	out := PackedName(model)
	for name, b := range map[string][]byte{"empty": {}, "short": whole[:len(whole)-1], "other": bytes.Repeat([]byte("other"), 1000)} {
		if err := os.WriteFile(out, b, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Pack(t.Context(), PackOptions{Model: model}); !errors.Is(err, ErrPackExists) {
			t.Errorf("%s: error %v", name, err)
		}
		if found, err := os.ReadFile(out); err != nil || !bytes.Equal(found, b) {
			t.Errorf("%s: it is another now (%v)", name, err)
		}
	}
}

// TestPackVerify changes one byte in each part of a packed file: comparing must
// find it.
func TestPackVerify(t *testing.T) {
	model := tinyModel(t, moetest.Spec{Experts: 2})
	p := newPacker(PackOptions{Model: model})
	_, whole := mustPack(t, p)
	places := map[string]int64{}
	for _, d := range p.plan.dense {
		places[d.name] = d.to + d.size/2
	}
	for _, e := range p.plan.experts {
		places["gate of "+e.String()] = e.to
		places["down of "+e.String()] = e.to + (e.geometry.GateBytes+e.geometry.UpBytes)/int64(e.geometry.Bundles) + 7
	}
	for name, at := range places {
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		if err := os.WriteFile(PackedName(model), b, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Pack(t.Context(), PackOptions{Model: model, Verify: true}); !errors.Is(err, errPackDiffers) {
			t.Errorf("%s changed: error %v", name, err)
		}
	}
}

// TestPackRefuses gives it what cannot be packed.
func TestPackRefuses(t *testing.T) {
	model := tinyModel(t, moetest.Spec{})
	r, _ := mustPack(t, newPacker(PackOptions{Model: model}))
	text := filepath.Join(t.TempDir(), "text.gguf")
	if err := os.WriteFile(text, []byte("no model"), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ model, want string }{
		"packed":    {r.Out, "is packed already"},
		"dense":     {tinyModel(t, moetest.Spec{Model: "qwen3"}), "has no experts"},
		"text":      {text, "not a GGUF file"},
		"missing":   {filepath.Join(t.TempDir(), "none.gguf"), "none.gguf"},
		"directory": {t.TempDir(), ""},
	} {
		_, err := Pack(t.Context(), PackOptions{Model: c.model})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
		gone(t, PackedName(c.model))
		gone(t, PackedName(c.model)+partialSuffix)
	}
}

// TestPackOneAtATime: a partial file that is being written is left alone.
func TestPackOneAtATime(t *testing.T) {
	model := tinyModel(t, moetest.Spec{})
	first := newPacker(PackOptions{Model: model})
	if err := first.target.open(); err != nil {
		t.Fatal(err)
	}
	defer first.target.close(false)
	if _, err := Pack(t.Context(), PackOptions{Model: model}); err == nil || !strings.Contains(err.Error(), "another moed pack") {
		t.Errorf("error %v", err)
	}
}

// TestPackProgress: progress does not go back, and ends at the end, twice where
// the file is compared.
func TestPackProgress(t *testing.T) {
	model := tinyModel(t, moetest.Spec{})
	var seen []PackProgress
	o := PackOptions{Model: model, Verify: true, Progress: func(p PackProgress) { seen = append(seen, p) }}
	r, _ := mustPack(t, newPacker(o))
	ends := ""
	for i, p := range seen {
		if p.Total != r.Bytes || i > 0 && p.Verifying == seen[i-1].Verifying && p.Done < seen[i-1].Done {
			t.Errorf("progress %+v after %+v", p, seen[max(0, i-1)])
		}
		if p.Done == p.Total {
			ends += fmt.Sprintf("%v ", p.Verifying)
		}
	}
	if ends != "false true " {
		t.Errorf("ends %q", ends)
	}
}
