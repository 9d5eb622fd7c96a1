package moe_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moed/moe"
	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/moe/gguf"
)

// packing is what a packed file says of its experts; the tests put one thing
// wrong at a time.
type packing struct {
	version uint32
	keys    map[string][]uint32
	typ     ggml.Type
	dims    []int
	align   uint32
	both    bool // keep the stacks beside the bundles
}

// packed makes a packed file of the header of a stock one, all data zero.
func packed(t *testing.T, stock *gguf.File, c *moe.Config, change func(*packing)) *gguf.File {
	t.Helper()
	table, err := moe.ExpertTable(stock, c)
	if err != nil {
		t.Fatal(err)
	}
	p := packing{version: moe.BundleVersion, keys: map[string][]uint32{}, typ: ggml.I8, align: 4096}
	var layers []int
	for i, l := range table.Layers {
		if l.Experts == 0 {
			continue
		}
		layers = append(layers, i)
		for key, v := range map[string]int{
			moe.KeyBundleLayers: i, moe.KeyBundleGroups: l.Down.Cols,
			moe.KeyBundleGateTypes: int(l.Gate.Type), moe.KeyBundleUpTypes: int(l.Up.Type), moe.KeyBundleDownTypes: int(l.Down.Type),
			moe.KeyBundleHidden: c.Hidden, moe.KeyBundleWidths: c.ExpertFF,
		} {
			p.keys[key] = append(p.keys[key], uint32(v))
		}
		p.dims = []int{int(l.Bytes()+32+4095) &^ 4095, l.Experts}
	}
	change(&p)
	w := gguf.NewWriter()
	set := func(key string, v any) {
		if err := w.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	set("general.alignment", p.align)
	set(moe.KeyBundleVersion, p.version)
	for key, v := range p.keys {
		set(key, v)
	}
	add := func(name string, typ ggml.Type, dims []int) {
		x := slices.Clone(dims)
		size, err := typ.RowBytes(x[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range x[1:] {
			size *= d
		}
		if err := w.AddBytes(name, typ, x, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	add("odd", ggml.I8, []int{33})
	for _, i := range layers {
		if p.both {
			for _, name := range moe.StackNames(i) {
				x, _ := stock.Tensor(name)
				add(name, x.Type, x.Dims)
			}
		}
		add(moe.BundlesName(i), p.typ, p.dims)
	}
	var file bytes.Buffer
	if _, err := w.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Read(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestExpertTable compares the table with the tensors of the golden files, and
// that of a packed file with its source's.
func TestExpertTable(t *testing.T) {
	files, err := filepath.Glob("../testdata/golden/*.gguf")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, path := range files {
		im, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer im.Close()
		c, err := moe.ReadConfig(im.File)
		if err != nil {
			t.Fatal(err)
		}
		table, err := moe.ExpertTable(im.File, c)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		for i, l := range table.Layers {
			if (l.Experts > 0) != (i >= c.LeadDense) {
				t.Errorf("%s: layer %d has %d experts", path, i, l.Experts)
			}
			for j, s := range []expert.Stack{l.Gate, l.Up, l.Down} {
				x, ok := im.Tensor(moe.StackNames(i)[j])
				if ok && (x.Offset != s.Offset || x.Size != s.Size*int64(l.Experts) || x.Type != s.Type || x.Dims[0] != s.Cols || x.Dims[1] != s.Rows) {
					t.Errorf("%s: layer %d: %+v, the tensor is %+v", path, i, s, x)
				}
			}
		}
		f := packed(t, im.File, c, func(*packing) {})
		again, err := moe.ExpertTable(f, c)
		if err != nil {
			t.Errorf("%s, packed: %v", path, err)
			continue
		}
		wantStacks(t, moe.StockTensors(f, again), im.File)
		for i, l := range again.Layers {
			want := table.Layers[i]
			want.Gate.Offset, want.Up.Offset, want.Down.Offset = 0, 0, 0
			if x, ok := f.Tensor(moe.BundlesName(i)); ok {
				want.Bundles = expert.Bundles{Offset: x.Offset, Stride: int64(x.Dims[0]), Group: c.ExpertFF}
			}
			if l != want {
				t.Errorf("%s, packed: layer %d is %+v, want %+v", path, i, l, want)
			}
		}
	}
}

// wantStacks checks that what is listed of a packed file has the experts' stacks
// of the stock one.
func wantStacks(t *testing.T, listed []gguf.Tensor, stock *gguf.File) {
	t.Helper()
	stacks := 0
	for _, x := range listed {
		if x.Name == "odd" {
			continue
		}
		want, ok := stock.Tensor(x.Name)
		if !ok || x.Type != want.Type || !slices.Equal(x.Dims, want.Dims) || x.Size != want.Size {
			t.Errorf("listed %+v, want %+v", x, want)
		}
		stacks++
	}
	if stacks == 0 || stacks%3 != 0 {
		t.Errorf("%d stacks are listed", stacks)
	}
}

// TestExpertTableRefuses gives it packed files with one thing wrong; the error
// must say what.
func TestExpertTableRefuses(t *testing.T) {
	im, err := gguf.Open("../testdata/golden/qwen3moe-Q8_0.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	c, err := moe.ReadConfig(im.File)
	if err != nil {
		t.Fatal(err)
	}
	set := func(key string, v uint32) func(*packing) { return func(p *packing) { p.keys[key][0] = v } }
	for name, x := range map[string]struct {
		change func(*packing)
		want   string
	}{
		"version":          {func(p *packing) { p.version = 2 }, "packed in version 2"},
		"other type":       {set(moe.KeyBundleGateTypes, 24), "no kernel for I8"},
		"unknown type":     {set(moe.KeyBundleDownTypes, 999), "no kernel for type 999"},
		"hidden":           {set(moe.KeyBundleHidden, 512), "hidden size 512"},
		"width":            {set(moe.KeyBundleWidths, 1), "width 1"},
		"group 0":          {set(moe.KeyBundleGroups, 0), "groups of 0 neurons"},
		"half a block":     {set(moe.KeyBundleGroups, 16), "groups of 16 neurons"},
		"no divisor":       {set(moe.KeyBundleGroups, 96), "groups of 96 neurons"},
		"layer missing":    {set(moe.KeyBundleLayers, 77), "does not list its layer"},
		"many layers":      {set(moe.KeyBundleLayers, 1<<31), "layer 2147483648"},
		"short list":       {func(p *packing) { p.keys[moe.KeyBundleGroups] = []uint32{256} }, "1 elements, want one for each of 2"},
		"no list":          {func(p *packing) { delete(p.keys, moe.KeyBundleUpTypes) }, "up_types"},
		"larger type":      {set(moe.KeyBundleUpTypes, uint32(ggml.F32)), "bytes for an expert"},
		"stride":           {func(p *packing) { p.dims[0]++ }, "want a multiple of 4096"},
		"experts":          {func(p *packing) { p.dims[1]-- }, "want I8 of"},
		"three dimensions": {func(p *packing) { p.dims = append(p.dims, 2) }, "want I8 of"},
		"type of tensor":   {func(p *packing) { p.typ = ggml.I16 }, "found I16"},
		"alignment":        {func(p *packing) { p.align = 32 }, "begins at byte"},
		"both":             {func(p *packing) { p.both = true }, "want one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := moe.ExpertTable(packed(t, im.File, c, x.change), c)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("table %v, error %v, want one with %q", table, err, x.want)
			}
		})
	}
}

// TestIsExpertTensor: the experts' own matrices are, nothing that every token
// needs is.
func TestIsExpertTensor(t *testing.T) {
	for i := range 3 {
		stacks := moe.StackNames(40 * i)
		for _, name := range append(stacks[:], moe.BundlesName(i)) {
			if !moe.IsExpertTensor(name) {
				t.Errorf("%s is not", name)
			}
		}
	}
	for _, part := range []string{"ffn_gate_inp.weight", "ffn_gate_exps.bias", "ffn_gate_shexp.weight", "ffn_up.weight", "attn_q.weight", ""} {
		if name := fmt.Sprintf("blk.1.%s", part); moe.IsExpertTensor(name) {
			t.Errorf("%s is", name)
		}
	}
	for _, name := range []string{"output.weight", "blk.ffn_up_exps.weight", "blk.-1.ffn_up_exps.weight", "blk.x.ffn_up_exps.weight", "ffn_up_exps.weight", "mtp.1.ffn_up_exps.weight"} {
		if moe.IsExpertTensor(name) {
			t.Errorf("%s is", name)
		}
	}
}

// FuzzExpertTable gives it any header: it fails, or all that it says lies in the
// file.
func FuzzExpertTable(f *testing.F) {
	c := &moe.Config{Layers: 2, LeadDense: 1, Hidden: 32, ExpertFF: 64, Experts: 2}
	seed := func(fill func(w *gguf.Writer) error) {
		w := gguf.NewWriter()
		if err := fill(w); err != nil {
			f.Fatal(err)
		}
		var file bytes.Buffer
		if _, err := w.WriteTo(&file); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	seed(func(w *gguf.Writer) error {
		for i, name := range moe.StackNames(1) {
			dims := [][]int{{32, 64, 2}, {32, 64, 2}, {64, 32, 2}}[i]
			if err := w.AddBytes(name, ggml.Q4_0, dims, make([]byte, 2*2*32*18)); err != nil {
				return err
			}
		}
		return nil
	})
	seed(func(w *gguf.Writer) error {
		for key, v := range map[string]any{
			"general.alignment": uint32(4096), moe.KeyBundleVersion: uint32(1), moe.KeyBundleLayers: []uint32{1}, moe.KeyBundleGroups: []uint32{32},
			moe.KeyBundleGateTypes: []uint32{2}, moe.KeyBundleUpTypes: []uint32{2}, moe.KeyBundleDownTypes: []uint32{2},
			moe.KeyBundleHidden: []uint32{32}, moe.KeyBundleWidths: []uint32{64},
		} {
			if err := w.Set(key, v); err != nil {
				return err
			}
		}
		return w.AddBytes(moe.BundlesName(1), ggml.I8, []int{8192, 2}, make([]byte, 16384))
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		head, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		table, err := moe.ExpertTable(head, c)
		if err != nil {
			return
		}
		moe.StockTensors(head, table)
		size := int64(len(data))
		for i, l := range table.Layers {
			if (l.Experts > 0) != (i == 1) {
				t.Fatalf("layer %d has %d experts", i, l.Experts)
			}
			if l.Bundles.Group > 0 {
				if l.Bundles.Offset+int64(l.Experts)*l.Bundles.Stride > size || l.Bundles.Stride < l.Bytes() {
					t.Fatalf("bundles %+v of experts of %d bytes in a file of %d", l.Bundles, l.Bytes(), size)
				}
				continue
			}
			for _, s := range []expert.Stack{l.Gate, l.Up, l.Down} {
				if s.Offset+int64(l.Experts)*s.Size > size {
					t.Fatalf("stack %+v in a file of %d bytes", s, size)
				}
			}
		}
	})
}
