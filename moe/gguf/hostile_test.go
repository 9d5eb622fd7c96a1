package gguf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"moed/moe/gguf"
)

// packed encodes its arguments as a GGUF does: numbers little-endian, strings
// behind their length; []byte as it is.
func packed(vs ...any) []byte {
	var b []byte
	for _, v := range vs {
		switch v := v.(type) {
		case []byte:
			b = append(b, v...)
		case string:
			b = binary.LittleEndian.AppendUint64(b, uint64(len(v)))
			b = append(b, v...)
		default:
			var err error
			if b, err = binary.Append(b, binary.LittleEndian, v); err != nil {
				panic(err)
			}
		}
	}
	return b
}

const (
	u8, u32, f32, boolean, str, arr, u64, f64 = uint32(0), uint32(4), uint32(6), uint32(7), uint32(8), uint32(9), uint32(10), uint32(12)
	one                                       = uint64(1)
)

// head is a version 3 header with these counts, then vs.
func head(tensors, keys uint64, vs ...any) []byte {
	return append(packed([]byte("GGUF"), uint32(3), tensors, keys), packed(vs...)...)
}

// tensor is the description of a tensor of type F32.
func tensor(name string, offset uint64, dims ...uint64) []byte {
	return packed(name, uint32(len(dims)), dims, u32Zero, offset)
}

const u32Zero = uint32(0)

var hostile = []struct {
	name string
	file []byte
	want string
}{
	{"empty", nil, `not a GGUF file: empty`},
	{"short magic", []byte("GG"), `not a GGUF file: begins with "GG", want "GGUF"`},
	{"other magic", []byte("PK\x03\x04 and more"), `not a GGUF file: begins with "PK\x03\x04", want "GGUF"`},
	{"magic only", []byte("GGUF"), `version: needs 4 bytes at byte 4, file has 4`},
	{"version 0", packed([]byte("GGUF"), uint32(0)), `GGUF version 0: only versions 2 and 3 are supported`},
	{"version 1", packed([]byte("GGUF"), uint32(1)), `GGUF version 1: only versions 2 and 3 are supported`},
	{"version 4", packed([]byte("GGUF"), uint32(4)), `GGUF version 4: only versions 2 and 3 are supported`},
	{"big-endian", []byte("GGUF\x00\x00\x00\x03"), `big-endian GGUF (version 3): only little-endian files are supported`},
	{"no counts", packed([]byte("GGUF"), uint32(3)), `tensor count: needs 8 bytes at byte 8, file has 8`},

	{"tensor count", head(1<<40, 0), `tensor count: 1099511627776 need at least 33 bytes each at byte 16, file has 24`},
	{"tensor count 2^64", head(math.MaxUint64, 0), `tensor count: 18446744073709551615 need at least 33 bytes each at byte 16, file has 24`},
	{"key count", head(0, 1<<40), `key count: 1099511627776 need at least 14 bytes each at byte 24, file has 24`},
	{"keys missing", head(0, 2, "k", u8, uint8(1), make([]byte, 20)), `key at byte 38: name of 0 bytes, want 1 to 65535`},

	{"key without name", head(0, 1, "", str, "0123456789"), `key at byte 24: name of 0 bytes, want 1 to 65535`},
	{"key too long", head(0, 1, uint64(65536), make([]byte, 70_000)), `key at byte 24: name of 65536 bytes, want 1 to 65535`},
	{"key beyond file", head(0, 1, uint64(500), make([]byte, 20)), `key: needs 500 bytes at byte 32, file has 52`},
	{"key not UTF-8", head(0, 1, "a\xff", str, "x"), `key at byte 24: name "a\xff" is not UTF-8`},
	{"key twice", head(0, 2, "k", u32, uint32(1), "k", str, "x"), `key "k": appears twice`},
	{"kind unknown", head(0, 1, "k", uint32(13), "xxxxxx"), `key "k": unknown kind 13`},
	{"long key in message", head(0, 1, "k"+strings.Repeat("é", 100), uint32(13), "x"), `key "k` + strings.Repeat("é", 39) + `"...: unknown kind 13`},
	{"length cut", head(0, 1, "k", str, uint32(1)), `key "k": needs 8 bytes at byte 37, file has 41`},
	{"value cut", head(0, 1, "k", u64, uint32(1)), `key "k": needs 8 bytes at byte 37, file has 41`},
	{"bool", head(0, 1, "k", boolean, uint8(2)), `key "k": found byte 2 as a bool, want 0 or 1`},
	{"bools", head(0, 1, "k", arr, boolean, uint64(3), []byte{0, 1, 9}), `key "k": found byte 9 as a bool, want 0 or 1`},
	{"string length", head(0, 1, "k", str, uint64(1<<40)), `key "k": needs 1099511627776 bytes at byte 45, file has 45`},
	{"string length 2^64", head(0, 1, "k", str, uint64(math.MaxUint64)), `key "k": needs 18446744073709551615 bytes at byte 45, file has 45`},

	{"array kind", head(0, 1, "k", arr, uint32(99), one), `key "k": array of unknown kind 99`},
	{"array of arrays", head(0, 1, "k", arr, arr, one), `key "k": arrays of arrays are not supported`},
	{"array length", head(0, 1, "k", arr, u8, uint64(1<<40)), `key "k": array elements: 1099511627776 need at least 1 bytes each at byte 49, file has 49`},
	{"array length times size", head(0, 1, "k", arr, f64, uint64(1<<61)), `key "k": array elements: 2305843009213693952 need at least 8 bytes each at byte 49, file has 49`},
	{"array of floats cut", head(0, 1, "k", arr, f32, uint64(2), uint32(0)), `key "k": array elements: 2 need at least 4 bytes each at byte 49, file has 53`},
	{"array of strings length", head(0, 1, "k", arr, str, uint64(1<<40)), `key "k": array elements: 1099511627776 need at least 8 bytes each at byte 49, file has 49`},
	{"string in array", head(0, 1, "k", arr, str, uint64(2), "ok", uint64(1<<50)), `key "k": needs 1125899906842624 bytes at byte 67, file has 67`},
	{"string in array 2^64", head(0, 1, "k", arr, str, uint64(2), "ok", uint64(math.MaxUint64)), `key "k": needs 18446744073709551615 bytes at byte 67, file has 67`},

	{"alignment 0", head(0, 1, "general.alignment", u32, uint32(0)), `key "general.alignment": found 0, want a power of two up to 16777216`},
	{"alignment 33", head(0, 1, "general.alignment", u32, uint32(33)), `key "general.alignment": found 33, want a power of two up to 16777216`},
	{"alignment 2^63", head(0, 1, "general.alignment", u64, uint64(1<<63)), `key "general.alignment": found 9223372036854775808, want a power of two up to 16777216`},
	{"alignment string", head(0, 1, "general.alignment", str, "32"), `key "general.alignment": found string, want integer`},

	{"tensor without name", head(1, 0, tensor("", 0, 4, 4)), `tensor at byte 24: name of 0 bytes, want 1 to 65535`},
	{"tensor not UTF-8", head(1, 0, tensor("\xfe", 0, 4)), `tensor at byte 24: name "\xfe" is not UTF-8`},
	{"tensor twice", head(2, 0, tensor("t", 0, 4), tensor("t", 32, 4)), `tensor "t": appears twice`},
	{"no dimensions", head(1, 0, tensor("t", 0), make([]byte, 8)), `tensor "t": has 0 dimensions, want 1 to 4`},
	{"five dimensions", head(1, 0, tensor("t", 0, 1, 1, 1, 1, 1)), `tensor "t": has 5 dimensions, want 1 to 4`},
	{"2^32 dimensions", head(1, 0, "t", uint32(math.MaxUint32), make([]byte, 40)), `tensor "t": has 4294967295 dimensions, want 1 to 4`},
	{"dimension 0", head(1, 0, tensor("t", 0, 4, 0)), `tensor "t": dimension 1 is 0, want a positive number`},
	{"dimension 2^63", head(1, 0, tensor("t", 0, 1<<63)), `tensor "t": dimension 0 is 9223372036854775808, which overflows`},
	{"dimensions overflow", head(1, 0, tensor("t", 0, 1<<40, 1<<40)), `tensor "t": dimensions [1099511627776 1099511627776] overflow`},
	{"bytes overflow", head(1, 0, tensor("t", 0, 1<<31, 1<<31)), `tensor "t": dimensions [2147483648 2147483648] of F32 overflow`},
	{"type unknown", head(1, 0, "t", uint32(1), uint64(32), uint32(999), uint64(0)), `tensor "t": unknown tensor type 999`},
	{"row of part blocks", head(1, 0, "t", uint32(1), uint64(33), uint32(8), uint64(0)), `tensor "t": row of 33 values is not a multiple of Q8_0's block of 32`},

	{"offset misaligned", head(1, 0, tensor("t", 4, 4), make([]byte, 96)), `tensor "t": offset 4 is not a multiple of the alignment 32`},
	{"offset past end", head(1, 0, tensor("t", 1<<40, 4), make([]byte, 96)), `tensor "t": begins 1099511627776 bytes into the data at byte 64, file has 153`},
	{"offset 2^64", head(1, 0, tensor("t", math.MaxUint64-31, 4), make([]byte, 96)), `tensor "t": begins 18446744073709551584 bytes into the data at byte 64, file has 153`},
	{"no data", head(1, 0, tensor("t", 0, 4)), `tensor "t": begins 0 bytes into the data at byte 64, file has 57`},
	{"end past end", head(1, 0, tensor("t", 32, 20), make([]byte, 96)), `tensor "t": ends at byte 176, file has 153`},
	{"overlap", head(2, 0, tensor("t", 32, 9), tensor("u", 0, 9), make([]byte, 200)), `tensor "t": begins at byte 128, inside tensor "u" at bytes 96 to 132`},
	{"same place", head(2, 0, tensor("t", 0, 9), tensor("u", 0, 8), make([]byte, 200)), `tensor "u": begins at byte 96, inside tensor "t" at bytes 96 to 132`},
}

func TestHostile(t *testing.T) {
	for _, x := range hostile {
		t.Run(x.name, func(t *testing.T) {
			im, err := gguf.FromBytes(x.file)
			if err == nil || err.Error() != x.want {
				t.Errorf("error is %v\nwant %s", err, x.want)
			}
			if im != nil {
				t.Error("got an image besides the error")
			}
			f, err := gguf.Read(bytes.NewReader(x.file), int64(len(x.file)))
			if err == nil || f != nil {
				t.Errorf("Read gave %v, %v", f, err)
			}
		})
	}
}

// zeros is a file of the given start, then zeros without end.
type zeros struct{ start []byte }

func (z zeros) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(z.start)) {
		n = copy(p, z.start[off:])
	}
	clear(p[n:])
	return len(p), nil
}

// TestHuge reads headers that are consistent with a file of 2^50 bytes, and
// must be given up on early.
func TestHuge(t *testing.T) {
	tests := []struct {
		name string
		head []byte
		want string
	}{
		{"array of bytes", head(0, 1, "k", arr, u8, uint64(1<<40)), "at most 50331648 are allowed"},
		{"array of floats", head(0, 1, "k", arr, f64, uint64(1<<25)), "33554432, at most 6291456 are allowed"},
		{"empty strings", head(0, 1, "k", arr, str, uint64(6<<20)), "beyond the 50331648 that a header may have"},
		{"string", head(0, 1, "k", str, uint64(1<<40)), "beyond the 50331648 that a header may have"},
		{"keys", head(0, 1<<40), "key count: 1099511627776, at most 65536 are allowed"},
		{"tensors", head(1<<40, 0), "tensor count: 1099511627776, at most 131072 are allowed"},
		{"as many keys as allowed", head(0, 1<<16), "name of 0 bytes"},
		{"as many tensors as allowed", head(1<<17, 0), "name of 0 bytes"},
	}
	for _, x := range tests {
		var err error
		n := allocated(func() { _, err = gguf.Read(zeros{x.head}, 1<<50) })
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: error is %v, want %s", x.name, err, x.want)
		}
		if n > 100<<20 {
			t.Errorf("%s: %d bytes allocated", x.name, n)
		}
	}
}

// TestManyNames has keys whose names are as long as allowed.
func TestManyNames(t *testing.T) {
	keys := make([]byte, 0, 10<<20)
	for i := range 150 {
		name := bytes.Repeat([]byte{'a' + byte(i%26), 'a' + byte(i/26)}, 32_767)
		keys = append(keys, packed(string(name), u8, uint8(0))...)
	}
	file := head(0, 150, keys)
	_, err := gguf.Read(bytes.NewReader(file), int64(len(file)))
	if err == nil || !strings.Contains(err.Error(), "names take more than 8388608 bytes in all") {
		t.Errorf("error is %v", err)
	}
}

// allocated is the number of bytes that f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestTruncated(t *testing.T) {
	file := sample(t)
	for n := range len(file) {
		if im, err := gguf.FromBytes(file[:n]); err == nil || im != nil {
			t.Errorf("the first %d bytes of %d are accepted", n, len(file))
		}
	}
	// The reader gives less than the caller says.
	_, err := gguf.Read(bytes.NewReader(file[:100]), int64(len(file)))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short reader: %v", err)
	}
	broken := errors.New("broken disk")
	if _, err = gguf.Read(failing{broken}, 1000); !errors.Is(err, broken) {
		t.Errorf("failing reader: %v", err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// TestCorrupted changes every byte of a header. Whatever is still accepted must
// be consistent, and nothing may be allocated beyond what the size allows.
func TestCorrupted(t *testing.T) {
	file := sample(t)
	bound := uint64(64<<10 + 32*len(file))
	accepted := 0
	for i := range int(fromBytes(t, file).DataOffset) {
		was := file[i]
		for _, b := range []byte{0, 1, was ^ 1, was + 1, was ^ 0x80, 0xff} {
			file[i] = b
			var im *gguf.Image
			if n := allocated(func() { im, _ = gguf.FromBytes(file) }); n > bound {
				t.Errorf("byte %d as %#x: %d bytes allocated", i, b, n)
			}
			if im != nil {
				accepted++
				walk(t, im)
			}
		}
		file[i] = was
	}
	if accepted == 0 {
		t.Error("no change was accepted, though some are harmless")
	}
}
