package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// kept writes the model with its manifest, in chunks of testChunk.
func kept(t *testing.T) (string, *Manifest, []byte) {
	t.Helper()
	content, _ := model(t)
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSums(testChunk)
	s.Write(content)
	m := s.manifest()
	if err := m.Write(path); err != nil {
		t.Fatal(err)
	}
	return path, m, content
}

func TestVerifyAndRepair(t *testing.T) {
	last := func(m *Manifest) int { return len(m.Chunks) - 1 }
	tests := []struct {
		name   string
		damage func(b []byte) []byte
		want   func(m *Manifest) []int // chunks
	}{
		{"nothing", func(b []byte) []byte { return b }, func(*Manifest) []int { return nil }},
		{"a bit", func(b []byte) []byte { b[555_555] ^= 4; return b }, func(*Manifest) []int { return []int{5} }},
		{"first and last byte", func(b []byte) []byte { b[0]++; b[len(b)-1]++; return b }, func(m *Manifest) []int { return []int{0, last(m)} }},
		{"across an edge", func(b []byte) []byte { b[299_999]++; b[300_000]++; return b }, func(*Manifest) []int { return []int{2, 3} }},
		{"cut off", func(b []byte) []byte { return b[:len(b)-1] }, func(m *Manifest) []int { return []int{last(m)} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path, m, content := kept(t)
			if err := os.WriteFile(path, test.damage(bytes.Clone(content)), 0o600); err != nil {
				t.Fatal(err)
			}
			bad, err := Verify(context.Background(), path, m, nil)
			if err != nil {
				t.Fatal(err)
			}
			var chunks []int
			var ranges []string
			for _, b := range bad {
				chunks = append(chunks, b.Chunk)
				ranges = append(ranges, fmt.Sprintf("bytes=%d-%d", b.Start, b.End-1))
			}
			if want := test.want(m); !reflect.DeepEqual(chunks, want) {
				t.Fatalf("chunks %v, want %v", chunks, want)
			}
			s := &site{content: content, tag: `"a"`}
			_, o := serve(t, s)
			o.To = path
			if err := Repair(context.Background(), o, m, bad); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(s.asked, ranges) {
				t.Errorf("asked for %q, want %q", s.asked, ranges)
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, content) {
				t.Error("the repaired file is another one")
			}
		})
	}
}

// A repair that fails leaves the file as it was.
func TestRepairRefused(t *testing.T) {
	path, m, content := kept(t)
	damaged := bytes.Clone(content)
	damaged[555_555] ^= 4
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	bad, err := Verify(context.Background(), path, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]*site{
		"is not right either":                {content: damaged},
		ErrNoRanges.Error():                  {content: content, whole: true},
		"it is another one":                  {content: content[:len(content)-1]},
		"404 Not Found":                      {refuse: func(int) int { return 404 }},
		"bytes 500000 to 599999: unexpected": {content: content, cut: func(int) int { return 5000 }},
	} {
		_, o := serve(t, s)
		o.To, o.Attempts = path, 2
		if err := Repair(context.Background(), o, m, bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, damaged) {
			t.Fatalf("%s: the file has been changed", want)
		}
	}
}

// Repair from a file, after a connection that ends within the chunk.
func TestRepairAgain(t *testing.T) {
	path, m, content := kept(t)
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	bad, err := Verify(context.Background(), path, m, nil)
	if err != nil || len(bad) != len(m.Chunks) {
		t.Fatalf("%v, %v", bad, err)
	}
	_, o := serve(t, &site{content: content, cut: func(n int) int { return []int{5000, -1}[n%2] }})
	o.To = path
	if err := Repair(context.Background(), o, m, bad); err != nil {
		t.Fatal(err)
	}
	if bad, err := Verify(context.Background(), path, m, nil); err != nil || len(bad) > 0 {
		t.Errorf("%v, %v", bad, err)
	}
}

func TestSum(t *testing.T) {
	path, m, content := kept(t)
	total := int64(0)
	got, err := Sum(context.Background(), path, func(p Progress) { total = p.Done })
	if err != nil || got.SHA256 != m.SHA256 || got.Chunk != chunkSize || len(got.Chunks) != 1 || total != int64(len(content)) {
		t.Errorf("%+v of %d bytes, %v", got, total, err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Sum(stopped, path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if _, err := Verify(stopped, path, m, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// Sums put down anywhere go on as if nothing had been.
func TestSumsState(t *testing.T) {
	content, _ := model(t)
	want := newSums(testChunk)
	want.Write(content)
	random := rand.New(rand.NewPCG(1, 2))
	s := newSums(testChunk)
	for at := 0; at < len(content); {
		end := min(len(content), at+1+random.IntN(150_000))
		s.Write(content[at:end])
		at = end
		state, err := s.state()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(state)
		var back sumsState
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if s, err = back.sums(); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(s.manifest(), want.manifest()) {
		t.Error("another manifest")
	}
}

func TestManifestRefused(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for text, want := range map[string]string{
		``:                                  "not a manifest",
		`[]`:                                "not a manifest",
		`{"version":2}`:                     "of version 2",
		`{"version":1,"size":-1}`:           "of -1 bytes",
		`{"version":1,"size":5}`:            "chunks of 0 bytes",
		`{"version":1,"size":5,"chunk":-5}`: "chunks of -5 bytes",
		`{"version":1,"size":5,"chunk":4,"chunks":["a"]}`:                                     "of 1 chunks, 5 bytes have 2",
		`{"version":1,"size":9223372036854775807,"chunk":1}`:                                  "of 0 chunks, 9223372036854775807 bytes have 9223372036854775807",
		`{"version":1,"size":0,"chunk":4,"sha256":"x"}`:                                       `found "x"`,
		`{"version":1,"size":4,"chunk":4,"sha256":"` + sum + `","chunks":["AA"]}`:             "chunk 0: ",
		`{"version":1,"size":4,"chunk":4,"sha256":"` + sum + `","chunks":["` + sum + `"]} {}`: "something follows",
	} {
		if _, err := ParseManifest([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if _, err := ReadManifest(filepath.Join(t.TempDir(), "m")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

// Whatever is read fits together, and is written as it was.
func FuzzManifest(f *testing.F) {
	s := newSums(4)
	s.Write([]byte("nine bytes"))
	good, err := json.Marshal(s.manifest())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"size":9223372036854775807,"chunk":1,"chunks":[]}`))
	f.Add([]byte(`{"version":1,"size":0,"chunk":1073741824,"sha256":"` + strings.Repeat("0", 64) + `","chunks":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err != nil {
			return
		}
		end := int64(0)
		for i := range m.Chunks {
			start, length := m.span(i)
			if start != end || length < 1 || length > m.Chunk {
				t.Fatalf("chunk %d is %d bytes at %d, the one before ends at %d", i, length, start, end)
			}
			end = start + length
		}
		if end != m.Size {
			t.Fatalf("chunks end at %d of %d", end, m.Size)
		}
		again, _ := json.Marshal(m)
		if back, err := ParseManifest(again); err != nil || !reflect.DeepEqual(back, m) {
			t.Fatalf("%s is read as %+v, %v", again, back, err)
		}
	})
}

// No journal makes a part longer than it is, or a process end.
func FuzzJournal(f *testing.F) {
	s := newSums(4)
	s.Write([]byte("nine bytes"))
	state, err := s.state()
	if err != nil {
		f.Fatal(err)
	}
	good, _ := json.Marshal(journal{Version: manifestVersion, identity: identity{From: "x", Size: 20}, Sums: state})
	f.Add(good)
	f.Add([]byte(`{"version":1,"size":-1,"sums":{"chunk":1,"done":-1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		j, err := parseJournal(text)
		if err != nil {
			return
		}
		s, err := j.Sums.sums()
		if err != nil {
			return
		}
		s.Write([]byte("more"))
		if m := s.manifest(); m.check() != nil && m.Chunk <= maxChunk {
			t.Fatalf("%s makes a manifest with %v", text, m.check())
		}
	})
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 0-4/5")
	f.Add("bytes 5-9/*")
	f.Fuzz(func(t *testing.T, text string) {
		start, end, size, err := contentRange(text)
		if err == nil && (start < 0 || end < start || size >= 0 && end >= size || size < -1) {
			t.Fatalf("%q is %d to %d of %d", text, start, end, size)
		}
	})
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"https://user:pass@host/a/b.gguf?token=x#y": "https://host/a/b.gguf",
		"https://host":     "https://host",
		"a/b.gguf":         "",
		"C:/a.gguf":        "",
		"name":             "",
		"https://":         "error",
		"http://host/x":    "error",
		"file:///etc/x":    "error",
		"https://a b/\x7f": "error",
	} {
		u, err := ParseURL(text, false)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case u != nil:
			got = Display(u)
		}
		if got != want {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
