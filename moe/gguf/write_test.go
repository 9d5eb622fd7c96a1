package gguf_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// TestWriterBytes holds the encoding against one made by hand.
func TestWriterBytes(t *testing.T) {
	w := gguf.NewWriter()
	set(t, w, "n", uint32(7))
	set(t, w, "s", []string{"ab", ""})
	add(t, w, "t", ggml.F32, []int{2, 1}, ramp(9, 8))
	want := head(1, 2, "n", u32, uint32(7), "s", arr, str, uint64(2), "ab", "",
		"t", uint32(2), []uint64{2, 1}, uint32(0), uint64(0))
	want = append(want, make([]byte, -len(want)&31)...)
	want = append(append(want, ramp(9, 8)...), make([]byte, 24)...)
	if got := written(t, w); !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if again := written(t, w); !bytes.Equal(again, want) {
		t.Error("a second WriteTo differs")
	}
}

func TestWriterRefuses(t *testing.T) {
	w := gguf.NewWriter()
	set(t, w, "k", true)
	none := func(io.Writer) error { return nil }
	if err := w.Add("t", ggml.F32, []int{1}, none); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		err  error
		want string
	}{
		{w.Set("k", "again"), `key "k": appears twice`},
		{w.Set("", 1), `key "": name of 0 bytes, want 1 to 65535`},
		{w.Set(strings.Repeat("k", 65536), "v"), `key "` + strings.Repeat("k", 80) + `"...: name of 65536 bytes, want 1 to 65535`},
		{w.Set("\xff", "v"), `key "\xff": name is not UTF-8`},
		{w.Set("i", 1), `key "i": found Go type int, want one that a GGUF can hold`},
		{w.Set("i", [][]int32{{1}}), `key "i": found Go type [][]int32, want one that a GGUF can hold`},
		{w.Set("i", nil), `key "i": found Go type <nil>, want one that a GGUF can hold`},
		{w.Set("i", gguf.Value{}), `key "i": value is of no file`},
		{w.Set("general.alignment", uint32(64)), `key "general.alignment": set after a tensor was added`},
		{gguf.NewWriter().Set("general.alignment", uint32(48)), `key "general.alignment": found 48, want a power of two up to 16777216`},
		{gguf.NewWriter().Set("general.alignment", uint64(64)), `key "general.alignment": found uint64, want uint32`},
		{w.Add("t", ggml.F32, []int{1}, none), `tensor "t": appears twice`},
		{w.Add("", ggml.F32, []int{1}, none), `tensor "": name of 0 bytes, want 1 to 65535`},
		{w.Add("u", ggml.F32, nil, none), `tensor "u": has 0 dimensions, want 1 to 4`},
		{w.Add("u", ggml.F32, []int{1, -1}, none), `tensor "u": dimension 1 is -1, want a positive number`},
		{w.Add("u", ggml.Q4_K, []int{32}, none), `tensor "u": row of 32 values is not a multiple of Q4_K's block of 256`},
		{w.Add("u", ggml.I8, []int{1 << 62}, none), `tensor "u": 4611686018427387904 bytes after 4 overflow`},
	}
	for _, x := range tests {
		if x.err == nil || x.err.Error() != x.want {
			t.Errorf("error is %v\nwant %s", x.err, x.want)
		}
	}
}

func TestWriterSources(t *testing.T) {
	broken := errors.New("broken source")
	tests := []struct {
		name string
		data func(io.Writer) error
		want string
	}{
		{"short", func(w io.Writer) error { _, err := w.Write(make([]byte, 12)); return err },
			`tensor "t": source gave 12 bytes, want 16`},
		{"long", func(w io.Writer) error { _, err := w.Write(make([]byte, 17)); return err },
			`tensor "t": source gave 17 bytes or more, want 16`},
		{"long, error dropped", func(w io.Writer) error { w.Write(make([]byte, 10)); w.Write(make([]byte, 7)); return nil },
			`tensor "t": source gave 10 bytes, want 16`},
		{"broken", func(io.Writer) error { return broken }, `tensor "t": broken source`},
	}
	for _, x := range tests {
		w := gguf.NewWriter()
		if err := w.Add("t", ggml.F32, []int{4}, x.data); err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteTo(io.Discard); err == nil || err.Error() != x.want {
			t.Errorf("%s: error is %v, want %s", x.name, err, x.want)
		}
	}
}

func TestWriterHeaderTooLarge(t *testing.T) {
	w := gguf.NewWriter()
	set(t, w, "k", make([]uint8, 48<<20))
	n, err := w.WriteTo(io.Discard)
	if want := "header of 50331697 bytes, at most 50331648 are allowed"; err == nil || err.Error() != want || n != 0 {
		t.Errorf("wrote %d, error is %v, want %s", n, err, want)
	}
}

// full is a disk with room for left bytes.
type full struct{ left int }

var errFull = errors.New("disk full")

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestWriterDiskFull(t *testing.T) {
	w := gguf.NewWriter()
	add(t, w, "t", ggml.I8, []int{1 << 20}, make([]byte, 1<<20))
	for _, room := range []int{0, 100, 600_000} {
		n, err := w.WriteTo(&full{room})
		if !errors.Is(err, errFull) || n != int64(room) {
			t.Errorf("room for %d: wrote %d, %v", room, n, err)
		}
	}
}

// TestWriterStreams writes a tensor much larger than what may be allocated.
func TestWriterStreams(t *testing.T) {
	const size = 256 << 20
	w := gguf.NewWriter()
	chunk := make([]byte, 1<<20)
	err := w.Add("t", ggml.I8, []int{size}, func(out io.Writer) error {
		for range size / len(chunk) {
			if _, err := out.Write(chunk); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	if used := allocated(func() { n, err = w.WriteTo(io.Discard) }); used > 4<<20 {
		t.Errorf("%d bytes allocated", used)
	}
	if err != nil || n != size+64 {
		t.Errorf("wrote %d, %v", n, err)
	}
}
