package prefix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// kept is a State with contents.
type kept struct {
	counted
	data   []byte
	failed error
}

func (s *kept) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(s.data)
	return int64(n), errors.Join(err, s.failed)
}

func keep(data string, tokens ...int32) *kept {
	return &kept{counted: counted{tokens: tokens, bytes: int64(len(data))}, data: []byte(data)}
}

// load makes a kept of a file.
func load(tokens []int32, r io.Reader) (*kept, error) {
	data, err := io.ReadAll(r)
	return keep(string(data), tokens...), err
}

func spill(t *testing.T, dir string, o SpillOptions) *Spill {
	t.Helper()
	s, err := OpenSpill(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// restore lists what Restore finds, one text a state.
func restore(t *testing.T, s *Spill) (list []string, found Restored) {
	t.Helper()
	found, err := Restore(t.Context(), s, load, func(o Owner, s *kept) {
		list = append(list, fmt.Sprintf("%d %q %v %s", o.UID, o.Token, s.tokens, s.data))
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, found
}

func save(t *testing.T, s *Spill, o Owner, k *kept) {
	t.Helper()
	if err := s.Save(o, k); err != nil {
		t.Fatal(err)
	}
}

func spilled(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestSpill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "prefixes")
	s := spill(t, dir, SpillOptions{Model: "m"})
	save(t, s, Owner{UID: 7, Token: "laptop"}, keep("keys and values", 1, -2, 3))
	save(t, s, Owner{}, keep("", 4))
	if got := len(spilled(t, dir)); got != 2 {
		t.Fatalf("%d files, want 2", got)
	}
	if runtime.GOOS != "windows" {
		for _, path := range append(spilled(t, dir), dir) {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%v: %v, want it to be its owner's alone", info, err)
			}
		}
	}
	list, found := restore(t, spill(t, dir, SpillOptions{Model: "m"}))
	text := strings.Join(list, "\n")
	if found != (Restored{States: 2}) || !strings.Contains(text, `7 "laptop" [1 -2 3] keys and values`) || !strings.Contains(text, `0 "" [4] `) {
		t.Errorf("%+v:\n%s", found, text)
	}
	if left := spilled(t, dir); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// TestSpillDamaged: no byte of a file can change, and no part be missing, without
// the file being thrown away.
func TestSpillDamaged(t *testing.T) {
	dir := t.TempDir()
	s := spill(t, dir, SpillOptions{Model: "m"})
	save(t, s, Owner{UID: 7, Token: "t"}, keep("keys and values", 1, 2, 3))
	path := spilled(t, dir)[0]
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		list, found := restore(t, s)
		if len(list) != 0 || found != (Restored{Damaged: 1}) || len(spilled(t, dir)) != 0 {
			t.Errorf("%s: %v, %+v, and %d files are left", what, list, found, len(spilled(t, dir)))
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		check(fmt.Sprintf("byte %d", i), bad)
		check(fmt.Sprintf("the first %d bytes", i), good[:i])
	}
	check("a byte too many", append(bytes.Clone(good), 0))
}

func TestSpillForeign(t *testing.T) {
	dir := t.TempDir()
	save(t, spill(t, dir, SpillOptions{Model: "m"}), Owner{}, keep("x", 1))
	for _, name := range []string{"left.prefix.tmp", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, found := restore(t, spill(t, dir, SpillOptions{Model: "n"}))
	if len(list) != 0 || found != (Restored{Damaged: 1}) {
		t.Errorf("%v, %+v of another model", list, found)
	}
	if left := spilled(t, dir); len(left) != 1 || filepath.Base(left[0]) != "notes.txt" {
		t.Errorf("%v are left, want the notes, which are not ours", left)
	}
}

// TestSpillFull: the oldest files go first, and there is never too much.
func TestSpillFull(t *testing.T) {
	dir := t.TempDir()
	one := fileSize("m", Owner{}, keep(strings.Repeat("x", 1000), 1))
	s := spill(t, dir, SpillOptions{Model: "m", Bytes: 3*one + 10})
	for i := range int32(5) {
		before := spilled(t, dir)
		save(t, s, Owner{}, keep(strings.Repeat(fmt.Sprint(i), 1000), i))
		for _, path := range spilled(t, dir) { // one second apart, whatever the clock
			if at := time.Unix(1000+int64(i), 0); !strings.Contains(strings.Join(before, " "), path) {
				if err := os.Chtimes(path, at, at); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n, err := s.Bytes(); err != nil || n > 3*one+10 {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	save(t, s, Owner{}, keep(strings.Repeat("x", 4000), 9)) // too large for all
	list, _ := restore(t, s)
	if len(list) != 3 {
		t.Fatalf("%d states, want 3", len(list))
	}
	for i, want := range []string{"[4]", "[3]", "[2]"} {
		if !strings.Contains(list[i], want) {
			t.Errorf("state %d is %.20s, want %s", i, list[i], want)
		}
	}
}

// TestSpillErrors: an error of writing leaves no file, one of loading leaves it,
// and so does the end of the context.
func TestSpillErrors(t *testing.T) {
	dir := t.TempDir()
	s := spill(t, dir, SpillOptions{Model: "m"})
	bad := keep("x", 1)
	bad.failed = errors.New("no")
	if err := s.Save(Owner{}, bad); !errors.Is(err, bad.failed) || len(spilled(t, dir)) != 0 {
		t.Errorf("%v, and %d files", err, len(spilled(t, dir)))
	}
	save(t, s, Owner{}, keep("xyz", 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	put := func(Owner, *kept) { t.Error("a state was restored") }
	if _, err := Restore(ctx, s, load, put); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v, want that of the context", err)
	}
	full := errors.New("memory is full")
	refuse := func([]int32, io.Reader) (*kept, error) { return nil, full }
	if _, err := Restore(t.Context(), s, refuse, put); !errors.Is(err, full) {
		t.Errorf("found %v, want that of the load", err)
	}
	lazy := &kept{}
	if found, err := Restore(t.Context(), s, func([]int32, io.Reader) (*kept, error) { return lazy, nil }, put); err != nil || found.Damaged != 1 || lazy.closed.Load() != 1 {
		t.Errorf("%+v %v; a state that leaves bytes over was closed %d times", found, err, lazy.closed.Load())
	}
}

// FuzzRead: whatever the file, it is read or refused, and what was made of it is
// closed or handed on.
func FuzzRead(f *testing.F) {
	var good bytes.Buffer
	if err := writeState(&good, "m", Owner{UID: 1, Token: "t"}, keep("data", 1, 2)); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add(good.Bytes()[:40])
	f.Add([]byte(magic + "\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		made := 0
		_, s, err := readState(bytes.NewReader(data), int64(len(data)), "m", func(tokens []int32, r io.Reader) (*kept, error) {
			made++
			return load(tokens, r)
		})
		if err == nil && (made != 1 || s == nil || s.closed.Load() != 0) {
			t.Errorf("read without an error: %v, made %d", s, made)
		}
		if err != nil && !errors.Is(err, errDamaged) {
			t.Errorf("%v does not say that the file is damaged", err)
		}
		if model, owner, tokens, ok := parseHead(data); ok && !bytes.Equal(head(model, owner, tokens), data) {
			t.Error("a head is not written as it was read")
		}
	})
}
