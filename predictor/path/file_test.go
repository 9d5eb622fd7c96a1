package path

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func written(t testing.TB, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSaveLoad: a model comes back from its file as it went, but for the
// rounding that training has done already, and the file is its owner's alone.
func TestSaveLoad(t *testing.T) {
	m := odd(4, 16, 2, 8)
	for i, x := range m.params {
		m.params[i] = fromShort(toShort(x))
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "x.gguf.path")
	for range 2 { // the second replaces the first
		if err := m.Save(name); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(name, m.identity)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.params, m.params) || !slices.Equal(got.ids, m.ids) || got.identity.differs(&m.identity) != "" || got.identity.Name != "made" {
		t.Errorf("another model came back")
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("found files %v and error %v, want one file", files, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("found mode %v and error %v, want the owner's alone", info.Mode(), err)
	}
	if err := m.Save(filepath.Join(dir, "none", "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no directory: found error %v", err)
	}
	if _, err := Load(filepath.Join(dir, "none"), m.identity); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: found error %v", err)
	}
}

// TestRounding: what a file keeps of a weight is within 1/256 of it.
func TestRounding(t *testing.T) {
	for _, x := range []float32{0, 1, -1, 0.1, 3.14159, -1e-20, 999999, 1.00390625} {
		got := fromShort(toShort(x))
		if d := got - x; d > x/256 && d > -x/256 || d < -x/256 && d < x/256 {
			t.Errorf("of %v: found %v", x, got)
		}
	}
}

// TestOtherModel: each part of the identity counts, and the error names both.
func TestOtherModel(t *testing.T) {
	m := odd(3, 16, 2, 8)
	name := filepath.Join(t.TempDir(), "p")
	if err := m.Save(name); err != nil {
		t.Fatal(err)
	}
	same := m.identity
	same.Name = "renamed"
	if _, err := Load(name, same); err != nil {
		t.Errorf("of a renamed model: %v", err)
	}
	for what, change := range map[string]func(id *Identity){
		"arch":        func(id *Identity) { id.Arch = "other" },
		"fingerprint": func(id *Identity) { id.Fingerprint = "1f" },
		"layers":      func(id *Identity) { id.Experts = []int{16, 0} },
		"experts":     func(id *Identity) { id.Experts = []int{16, 0, 17} },
		"top-k":       func(id *Identity) { id.TopK = 3 },
		"vocabulary":  func(id *Identity) { id.Vocab++ },
	} {
		other := m.identity
		other.Name = "stranger"
		change(&other)
		_, err := Load(name, other)
		if !errors.Is(err, ErrOtherModel) || !bytes.Contains([]byte(err.Error()), []byte("made and not stranger")) {
			t.Errorf("%s: found error %v, want %v with both names", what, err, ErrOtherModel)
		}
	}
}

// TestBroken: a file with any byte changed, or cut off anywhere, is refused.
func TestBroken(t *testing.T) {
	good := written(t, odd(3, 16, 2, 4))
	if _, err := Read(bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := Read(bytes.NewReader(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("byte %d changed: found error %v, want %v", i, err, ErrFormat)
		}
		if _, err := Read(bytes.NewReader(good[:i])); !errors.Is(err, ErrFormat) {
			t.Errorf("cut off after %d: found error %v, want %v", i, err, ErrFormat)
		}
	}
	if _, err := Read(bytes.NewReader(append(good, 0))); !errors.Is(err, ErrFormat) {
		t.Errorf("with more behind it: found error %v, want %v", err, ErrFormat)
	}
}

// sealed puts a right checksum behind b, without its last four bytes.
func sealed(b []byte) []byte {
	b = b[:len(b)-4]
	return binary.LittleEndian.AppendUint32(b, castagnoli(b))
}

// TestHostile: files whose checksum is right and whose numbers are not.
func TestHostile(t *testing.T) {
	m := odd(3, 16, 2, 4)
	numbers := len(magic) + 4 + 3*2 + len("made"+"none"+"0f")
	weights := numbers + 4*(5+3+len(m.ids))
	for what, change := range map[string]func(b []byte){
		"top-k 0":           func(b []byte) { binary.LittleEndian.PutUint32(b[numbers:], 0) },
		"no vocabulary":     func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+4:], 0) },
		"small vocabulary":  func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+4:], 900) },
		"no width":          func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+8:], 0) },
		"a large width":     func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+8:], 1<<31) },
		"many rows":         func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+12:], 1<<32-1) },
		"a row too few":     func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+12:], 3) },
		"many layers":       func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+16:], 4096) },
		"many experts":      func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+20:], 1<<17) },
		"fewer than chosen": func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+20:], 1) },
		"descending tokens": func(b []byte) { binary.LittleEndian.PutUint32(b[numbers+32:], 6) },
		"not a number":      func(b []byte) { binary.LittleEndian.PutUint16(b[weights:], 0x7fc0) },
		"infinite":          func(b []byte) { binary.LittleEndian.PutUint16(b[len(b)-6:], 0xff80) },
		"huge":              func(b []byte) { binary.LittleEndian.PutUint16(b[len(b)-6:], toShort(1e7)) },
	} {
		b := written(t, m)
		change(b)
		if _, err := Read(bytes.NewReader(sealed(b))); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: found error %v, want %v", what, err, ErrFormat)
		}
	}
	if _, err := Read(bytes.NewReader(sealed(written(t, m)))); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

// FuzzLoad: whatever a file holds, it is refused or makes a model that foretells
// and is written back as it was.
func FuzzLoad(f *testing.F) {
	for _, m := range []*Model{odd(3, 16, 2, 4), odd(1, 2, 1, 1)} {
		b := written(f, m)
		f.Add(b[:len(b)-4])
		f.Add(b[:40])
	}
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = binary.LittleEndian.AppendUint32(bytes.Clone(b), castagnoli(b))
		m, err := Read(bytes.NewReader(b))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("found error %v, want %v", err, ErrFormat)
			}
			return
		}
		if !bytes.Equal(written(t, m), b) {
			t.Error("written back as something else")
		}
		if len(m.layers) > 64 {
			return
		}
		s := m.NewSession()
		for pos := range 3 {
			token(s, pos, make([]int32, m.identity.TopK))
		}
		for layer := range m.layers {
			s.Foretell([]int32{3}, s.next)
			for _, p := range s.Of(layer) {
				if !(p >= 0 && p <= 1) {
					t.Errorf("layer %d: found a probability of %v", layer, p)
				}
			}
		}
	})
}
