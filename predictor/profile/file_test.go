package profile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"moed/predictor/profile"
)

func written(t testing.TB, p *profile.Profile) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFile(t *testing.T) {
	p := random(t, profile.Model{Fingerprint: "abc", Arch: "made", Experts: []int{0, 16, 16, 3}}, 1, 300)
	for _, day := range []int{0, 5} {
		p.Age(at(day))
		file := written(t, p)
		got, err := profile.Read(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if !got.Model().Equal(p.Model()) {
			t.Errorf("found model %+v, want %+v", got.Model(), p.Model())
		}
		near(t, "read back", p, got)
		if again := written(t, got); !bytes.Equal(again, file) {
			t.Error("what was read is written differently")
		}
	}
}

// TestSize: a file stays small: the largest model that a profile takes fits the
// bound of Read, and a model of 48 layers of 128 takes 50 kB.
func TestSize(t *testing.T) {
	layers := make([]int, 48)
	for i := range layers {
		layers[i] = 128
	}
	if n := len(written(t, made(t, profile.Model{Fingerprint: "x", Experts: layers}))); n > 50_000 {
		t.Errorf("%d bytes", n)
	}
	if n := len(written(t, made(t, profile.Model{Fingerprint: "x", Experts: []int{1 << 20}}))); n > profile.MostBytes {
		t.Errorf("%d bytes, more than the %d that are read", n, profile.MostBytes)
	}
}

// TestBroken: no byte can change or be missing.
func TestBroken(t *testing.T) {
	file := written(t, random(t, small(), 1, 20))
	refused := func(what string, b []byte) {
		if _, err := profile.Read(bytes.NewReader(b)); !errors.Is(err, profile.ErrFormat) {
			t.Errorf("%s: found error %v, want %v", what, err, profile.ErrFormat)
		}
	}
	for i := range file {
		refused("cut off", file[:i])
		b := bytes.Clone(file)
		b[i] ^= 0x10
		refused("a bit flipped", b)
	}
	refused("longer", append(bytes.Clone(file), 0))
	refused("endless", bytes.Repeat([]byte("moedprof"), profile.MostBytes/8+1))
}

// TestHostile: with the right checksum, numbers that no profile has.
func TestHostile(t *testing.T) {
	good := written(t, random(t, small(), 1, 20))
	const layers = 8 + 4 + 2 + 2 + 2 + 4 + 24 // their number; magic, version, two names, three counts before it
	for name, spoil := range map[string]func(b []byte){
		"version":           func(b []byte) { b[8] = 2 },
		"long fingerprint":  func(b []byte) { b[13] = 0xff },
		"negative sessions": func(b []byte) { b[layers-17] = 0x80 },
		"negative seen":     func(b []byte) { b[layers-9] = 0x80 },
		"year 2^40":         func(b []byte) { b[layers-2] = 0x7f },
		"layers":            func(b []byte) { b[layers+3] = 0x7f },
		"one layer less":    func(b []byte) { b[layers]-- },
		"experts":           func(b []byte) { b[layers+4] = 9 },
		"huge experts":      func(b []byte) { b[layers+7] = 0x7f },
		"tokens NaN":        func(b []byte) { copy(b[layers+20:], "\xff\xff\xff\xff\xff\xff\xff\xff") },
		"tokens infinite":   func(b []byte) { copy(b[layers+20:], "\x00\x00\x00\x00\x00\x00\xf0\x7f") },
		"tokens negative":   func(b []byte) { b[layers+27] |= 0x80 },
		"uses above tokens": func(b []byte) { copy(b[layers+28:], "\x00\x00\x00\x50") },
		"uses NaN":          func(b []byte) { copy(b[layers+28:], "\xff\xff\xff\x7f") },
		"uses negative":     func(b []byte) { copy(b[layers+28:], "\x00\x00\x80\xbf") },
	} {
		b := bytes.Clone(good)
		spoil(b)
		seal(b)
		if p, err := profile.Read(bytes.NewReader(b)); !errors.Is(err, profile.ErrFormat) {
			t.Errorf("%s: found %+v and error %v, want %v", name, p, err, profile.ErrFormat)
		}
	}
	seal(good)
	if _, err := profile.Read(bytes.NewReader(good)); err != nil {
		t.Errorf("unspoiled: %v", err)
	}
}

// seal sets the checksum of a file.
func seal(b []byte) {
	at := len(b) - 4
	binary.LittleEndian.PutUint32(b[at:], crc32.Checksum(b[:at], crc32.MakeTable(crc32.Castagnoli)))
}

// FuzzRead: whatever a file says, it is refused, or is a profile that works and
// reads back. The checksum is set right, or nothing would come to be read.
func FuzzRead(f *testing.F) {
	f.Add(written(f, made(f, small())))
	f.Add(written(f, random(f, profile.Model{Fingerprint: "abc", Arch: "a", Experts: []int{3, 0, 2}}, 1, 30)))
	f.Add([]byte("moedprof"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 16 {
			b = bytes.Clone(b)
			seal(b)
		}
		p, err := profile.Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := profile.Read(bytes.NewReader(written(t, p)))
		if err != nil {
			t.Fatalf("it does not read back: %v", err)
		}
		if err := again.Merge(p); err != nil {
			t.Fatal(err)
		}
		bytes := make([]int64, len(p.Model().Experts))
		for i := range bytes {
			bytes[i] = 1
			for _, s := range p.Share(nil, i) {
				if !(s >= 0 && s <= 1) {
					t.Fatalf("layer %d: a share of %v", i, s)
				}
			}
		}
		p.Order(bytes)
	})
}
