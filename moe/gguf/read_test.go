package gguf_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// everything has a key of every kind and array, and what it should print as.
var everything = []struct {
	key    string
	value  any
	kind   gguf.Kind
	elem   gguf.Kind
	n      int
	prints string
}{
	{"u8", uint8(200), gguf.Uint8, gguf.Uint8, 1, "200"},
	{"i8", int8(-100), gguf.Int8, gguf.Int8, 1, "-100"},
	{"u16", uint16(60_000), gguf.Uint16, gguf.Uint16, 1, "60000"},
	{"i16", int16(-30_000), gguf.Int16, gguf.Int16, 1, "-30000"},
	{"u32", uint32(4_000_000_000), gguf.Uint32, gguf.Uint32, 1, "4000000000"},
	{"i32", int32(-2_000_000_000), gguf.Int32, gguf.Int32, 1, "-2000000000"},
	{"u64", uint64(math.MaxUint64), gguf.Uint64, gguf.Uint64, 1, "18446744073709551615"},
	{"i64", int64(math.MinInt64), gguf.Int64, gguf.Int64, 1, "-9223372036854775808"},
	{"f32", float32(0.1), gguf.Float32, gguf.Float32, 1, "0.1"},
	{"f64", 0.1, gguf.Float64, gguf.Float64, 1, "0.1"},
	{"yes", true, gguf.Bool, gguf.Bool, 1, "true"},
	{"no", false, gguf.Bool, gguf.Bool, 1, "false"},
	{"text", "naïve \x00\xff", gguf.String, gguf.String, 1, "naïve \x00\xff"},
	{"blank", "", gguf.String, gguf.String, 1, ""},
	{"u8s", []uint8{1, 255}, gguf.Array, gguf.Uint8, 2, "[2]uint8"},
	{"i8s", []int8{-1, 127}, gguf.Array, gguf.Int8, 2, "[2]int8"},
	{"u16s", []uint16{1, 65535}, gguf.Array, gguf.Uint16, 2, "[2]uint16"},
	{"i16s", []int16{-1, 32767}, gguf.Array, gguf.Int16, 2, "[2]int16"},
	{"u32s", []uint32{1, 1 << 31}, gguf.Array, gguf.Uint32, 2, "[2]uint32"},
	{"i32s", []int32{-1, 3}, gguf.Array, gguf.Int32, 2, "[2]int32"},
	{"u64s", []uint64{1, math.MaxUint64}, gguf.Array, gguf.Uint64, 2, "[2]uint64"},
	{"i64s", []int64{-1, math.MaxInt64}, gguf.Array, gguf.Int64, 2, "[2]int64"},
	{"f32s", []float32{-1, 0.5, float32(math.Inf(1))}, gguf.Array, gguf.Float32, 3, "[3]float32"},
	{"f64s", []float64{-1, 0.25}, gguf.Array, gguf.Float64, 2, "[2]float64"},
	{"bools", []bool{true, false, true}, gguf.Array, gguf.Bool, 3, "[3]bool"},
	{"texts", []string{"a", "", "ħ", "\xff"}, gguf.Array, gguf.String, 4, "[4]string"},
	{"no texts", []string{}, gguf.Array, gguf.String, 0, "[0]string"},
	{"no ints", []int32{}, gguf.Array, gguf.Int32, 0, "[0]int32"},
}

// ramp is n bytes that differ from those of another start.
func ramp(start byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = start + byte(i)
	}
	return b
}

// sample is a file with everything and three tensors. Its last byte is the last
// byte of a tensor.
func sample(t testing.TB) []byte {
	w := gguf.NewWriter()
	for _, e := range everything {
		set(t, w, e.key, e.value)
	}
	add(t, w, "a", ggml.F32, []int{3}, ramp(1, 12))
	add(t, w, "b.weight", ggml.Q8_0, []int{64, 2, 1, 3}, ramp(2, 34*12))
	add(t, w, "c", ggml.F16, []int{8, 2}, ramp(3, 32))
	return written(t, w)
}

func add(t testing.TB, w *gguf.Writer, name string, typ ggml.Type, dims []int, data []byte) {
	t.Helper()
	if err := w.AddBytes(name, typ, dims, data); err != nil {
		t.Fatal(err)
	}
}

func fromBytes(t testing.TB, b []byte) *gguf.Image {
	t.Helper()
	im, err := gguf.FromBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return im
}

// get reads key with the accessor that returns the widest type of its kind.
func get(f *gguf.File, key string) (any, error) {
	v, _ := f.Value(key)
	array := v.Kind() == gguf.Array
	switch v.Elem() {
	case gguf.String:
		if array {
			return f.Strings(key)
		}
		return f.String(key)
	case gguf.Bool:
		if array {
			return f.Bools(key)
		}
		return f.Bool(key)
	case gguf.Float32, gguf.Float64:
		if array {
			return f.Floats(key)
		}
		return f.Float(key)
	case gguf.Uint64:
		if array {
			return f.Uints(key)
		}
		return f.Uint(key)
	}
	if array {
		return f.Ints(key)
	}
	return f.Int(key)
}

// widened converts what was written to what get returns.
func widened(v any) any {
	r := reflect.ValueOf(v)
	wide := func(r reflect.Value, array bool) any {
		switch {
		case r.Kind() == reflect.Uint64:
			return r.Uint()
		case r.CanInt():
			return r.Int()
		case r.CanUint():
			return int64(r.Uint())
		case r.CanFloat() && array:
			return float32(r.Float())
		case r.CanFloat():
			return r.Float()
		}
		return r.Interface()
	}
	if r.Kind() != reflect.Slice {
		return wide(r, false)
	}
	typ := reflect.TypeOf(wide(reflect.New(r.Type().Elem()).Elem(), true))
	out := reflect.MakeSlice(reflect.SliceOf(typ), 0, r.Len())
	for i := range r.Len() {
		out = reflect.Append(out, reflect.ValueOf(wide(r.Index(i), true)))
	}
	return out.Interface()
}

func TestRoundTripKeys(t *testing.T) {
	im := fromBytes(t, sample(t))
	if im.Version != 3 || im.Alignment != 32 || im.DataOffset%32 != 0 {
		t.Errorf("version %d, alignment %d, data at %d", im.Version, im.Alignment, im.DataOffset)
	}
	var keys []string
	for _, e := range everything {
		keys = append(keys, e.key)
		v, ok := im.Value(e.key)
		if !ok || !im.Has(e.key) {
			t.Errorf("%s: missing", e.key)
			continue
		}
		if v.Kind() != e.kind || v.Elem() != e.elem || v.Len() != e.n || v.String() != e.prints {
			t.Errorf("%s: %v of %v, %d elements, prints %q", e.key, v.Kind(), v.Elem(), v.Len(), v)
		}
		got, err := get(im.File, e.key)
		if want := widened(e.value); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v; want %#v", e.key, got, err, want)
		}
	}
	if got := im.Keys(); !slices.Equal(got, keys) {
		t.Errorf("keys are %q, want %q", got, keys)
	}
	if _, ok := im.Value("absent"); ok || im.Has("absent") {
		t.Error("has a key that was not set")
	}
}

func TestRoundTripTensors(t *testing.T) {
	im := fromBytes(t, sample(t))
	want := []struct {
		name  string
		typ   ggml.Type
		dims  []int
		at    int64
		elems int
		data  []byte
	}{
		{"a", ggml.F32, []int{3}, 0, 3, ramp(1, 12)},
		{"b.weight", ggml.Q8_0, []int{64, 2, 1, 3}, 32, 384, ramp(2, 34*12)},
		{"c", ggml.F16, []int{8, 2}, 32 + 416, 16, ramp(3, 32)},
	}
	if len(im.Tensors) != len(want) {
		t.Fatalf("%d tensors, want %d", len(im.Tensors), len(want))
	}
	for i, x := range want {
		got, ok := im.Tensor(x.name)
		if !ok || got != &im.Tensors[i] {
			t.Errorf("%s: not found at index %d", x.name, i)
			continue
		}
		if got.Name != x.name || got.Type != x.typ || !slices.Equal(got.Dims, x.dims) || got.Elems() != x.elems {
			t.Errorf("%s: got %+v with %d elements", x.name, got, got.Elems())
		}
		if got.Offset != im.DataOffset+x.at || got.Size != int64(len(x.data)) {
			t.Errorf("%s: %d bytes at %d, want %d at %d", x.name, got.Size, got.Offset, len(x.data), im.DataOffset+x.at)
		}
		if data := im.Data(got); !bytes.Equal(data, x.data) || cap(data) != len(data) {
			t.Errorf("%s: data differs or can be appended to", x.name)
		}
	}
	if _, ok := im.Tensor("absent"); ok {
		t.Error("has a tensor that was not added")
	}
}

// TestCopy rewrites a file from its Values; the bytes must not change.
func TestCopy(t *testing.T) {
	file := sample(t)
	im := fromBytes(t, file)
	w := gguf.NewWriter()
	for _, key := range im.Keys() {
		v, _ := im.Value(key)
		set(t, w, key, v)
	}
	for i := range im.Tensors {
		x := &im.Tensors[i]
		add(t, w, x.Name, x.Type, x.Dims, im.Data(x))
	}
	if !bytes.Equal(written(t, w), file) {
		t.Error("the copy differs")
	}
}

func TestVersion2(t *testing.T) {
	file := sample(t)
	binary.LittleEndian.PutUint32(file[4:], 2)
	im := fromBytes(t, file)
	if im.Version != 2 || len(im.Tensors) != 3 || len(im.Keys()) != len(everything) {
		t.Errorf("version %d, %d tensors, %d keys", im.Version, len(im.Tensors), len(im.Keys()))
	}
}

func TestNoTensors(t *testing.T) {
	w := gguf.NewWriter()
	set(t, w, "k", "v")
	file := written(t, w)
	end := 24 + 8 + 1 + 4 + 8 + 1 // before the padding
	for n := end; n <= len(file); n++ {
		if im := fromBytes(t, file[:n]); im.DataOffset != int64(n) && im.DataOffset != 64 {
			t.Errorf("%d bytes: data at %d", n, im.DataOffset)
		}
	}
	if im := fromBytes(t, written(t, gguf.NewWriter())); len(im.Keys()) != 0 || im.Size() != 32 {
		t.Errorf("empty file: keys %q, %d bytes", im.Keys(), im.Size())
	}
}

func TestTrailingBytes(t *testing.T) {
	if im := fromBytes(t, append(sample(t), 1, 2, 3)); len(im.Tensors) != 3 {
		t.Errorf("%d tensors", len(im.Tensors))
	}
}

func TestAlignment(t *testing.T) {
	for _, align := range []uint32{1, 8, 32, 256, 4096} {
		w := gguf.NewWriter()
		set(t, w, "general.alignment", align)
		add(t, w, "a", ggml.I8, []int{3}, ramp(1, 3))
		add(t, w, "b", ggml.I8, []int{5}, ramp(2, 5))
		im := fromBytes(t, written(t, w))
		b, _ := im.Tensor("b")
		step := (int64(align) + 2) / int64(align) * int64(align)
		if im.Alignment != int64(align) || im.DataOffset%int64(align) != 0 || b.Offset != im.DataOffset+step {
			t.Errorf("alignment %d: read as %d, data at %d, b at %d", align, im.Alignment, im.DataOffset, b.Offset)
		}
		if !bytes.Equal(im.Data(b), ramp(2, 5)) {
			t.Errorf("alignment %d: data of b differs", align)
		}
	}
}

func TestAccessorErrors(t *testing.T) {
	f := fromBytes(t, sample(t)).File
	tests := []struct {
		name string
		call func(key string) error
		key  string
		want string
	}{
		{"String", func(k string) error { _, err := f.String(k); return err }, "u8", `key "u8": found uint8, want string`},
		{"String", func(k string) error { _, err := f.String(k); return err }, "texts", `key "texts": found array of string, want string`},
		{"Bool", func(k string) error { _, err := f.Bool(k); return err }, "u8", `key "u8": found uint8, want bool`},
		{"Uint", func(k string) error { _, err := f.Uint(k); return err }, "f32", `key "f32": found float32, want integer`},
		{"Uint", func(k string) error { _, err := f.Uint(k); return err }, "yes", `key "yes": found bool, want integer`},
		{"Uint", func(k string) error { _, err := f.Uint(k); return err }, "i8", `key "i8": found -100, want no negative integer`},
		{"Int", func(k string) error { _, err := f.Int(k); return err }, "u64", `key "u64": 18446744073709551615 overflows int64`},
		{"Int", func(k string) error { _, err := f.Int(k); return err }, "i32s", `key "i32s": found array of int32, want integer`},
		{"Float", func(k string) error { _, err := f.Float(k); return err }, "text", `key "text": found string, want number`},
		{"Strings", func(k string) error { _, err := f.Strings(k); return err }, "text", `key "text": found string, want array of string`},
		{"Strings", func(k string) error { _, err := f.Strings(k); return err }, "u8s", `key "u8s": found array of uint8, want array of string`},
		{"Uints", func(k string) error { _, err := f.Uints(k); return err }, "i32s", `key "i32s": found -1 at index 0, want no negative integer`},
		{"Ints", func(k string) error { _, err := f.Ints(k); return err }, "u64s", `key "u64s": 18446744073709551615 at index 1 overflows int64`},
		{"Ints", func(k string) error { _, err := f.Ints(k); return err }, "bools", `key "bools": found array of bool, want array of integer`},
		{"Floats", func(k string) error { _, err := f.Floats(k); return err }, "f32", `key "f32": found float32, want array of number`},
		{"Bools", func(k string) error { _, err := f.Bools(k); return err }, "u8s", `key "u8s": found array of uint8, want array of bool`},
	}
	for _, x := range tests {
		if err := x.call(x.key); err == nil || err.Error() != x.want || errors.Is(err, gguf.ErrNoKey) {
			t.Errorf("%s(%q): %v, want %s", x.name, x.key, err, x.want)
		}
		err := x.call("absent")
		if want := `key "absent": not in the file`; !errors.Is(err, gguf.ErrNoKey) || err.Error() != want {
			t.Errorf("%s(absent): %v, want %s", x.name, err, want)
		}
	}
}

func TestNumbersConvert(t *testing.T) {
	f := fromBytes(t, sample(t)).File
	if n, err := f.Uint("u32"); n != 4_000_000_000 || err != nil {
		t.Error(n, err)
	}
	if x, err := f.Float("i16"); x != -30_000 || err != nil {
		t.Error(x, err)
	}
	if x, err := f.Float("u64"); x != 1<<64 || err != nil {
		t.Error(x, err)
	}
	if xs, err := f.Floats("i64s"); !slices.Equal(xs, []float32{-1, 1 << 63}) || err != nil {
		t.Error(xs, err)
	}
	if ns, err := f.Uints("u16s"); !slices.Equal(ns, []uint64{1, 65535}) || err != nil {
		t.Error(ns, err)
	}
}

// TestGolden opens the model files of the project and touches all their data.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/golden/*.gguf")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		im, err := gguf.Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		walk(t, im)
		if arch, err := im.String("general.architecture"); err != nil || arch == "" {
			t.Errorf("%s: architecture %q: %v", path, arch, err)
		}
		if len(im.Tensors) == 0 {
			t.Errorf("%s: no tensors", path)
		}
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	}
}

// walk reads every key and every byte of every tensor, and checks what holds
// for any file that Read accepts.
func walk(t testing.TB, im *gguf.Image) {
	t.Helper()
	for _, key := range im.Keys() {
		v, ok := im.Value(key)
		if _, err := get(im.File, key); !ok || err != nil {
			t.Errorf("key %q (%v): found %v, %v", key, v, ok, err)
		}
	}
	var sum byte
	for i := range im.Tensors {
		x := &im.Tensors[i]
		data := im.Data(x)
		if int64(len(data)) != x.Size || x.Elems() <= 0 || (x.Offset-im.DataOffset)%im.Alignment != 0 {
			t.Errorf("tensor %q: %d bytes of data, %+v", x.Name, len(data), x)
		}
		for _, b := range data {
			sum += b
		}
	}
	_ = sum // read for the sake of touching
}
