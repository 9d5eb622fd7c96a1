package gguf_test

import (
	"bytes"
	"testing"

	"moed/moe/gguf"
)

// FuzzRead reads anything. What is accepted is walked, written again, and read
// again; what comes back must be the same.
func FuzzRead(f *testing.F) {
	f.Add(sample(f))
	f.Add(vocabulary(f, 3))
	for _, x := range hostile {
		f.Add(x.file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		var im *gguf.Image
		used := allocated(func() { im, _ = gguf.FromBytes(file) })
		if used > uint64(1<<20+64*len(file)) {
			t.Errorf("%d bytes allocated for a file of %d", used, len(file))
		}
		if im == nil {
			return
		}
		walk(t, im)
		if im.Alignment > 1<<16 {
			return // writing the padding would be all the work
		}
		w := gguf.NewWriter()
		for _, key := range im.Keys() {
			v, _ := im.Value(key)
			if err := w.Set(key, v); err != nil {
				if key == "general.alignment" && v.Kind() != gguf.Uint32 {
					return // read, but never written, in another integer kind
				}
				t.Fatal(err)
			}
		}
		for i := range im.Tensors {
			x := &im.Tensors[i]
			add(t, w, x.Name, x.Type, x.Dims, im.Data(x))
		}
		same(t, im, fromBytes(t, written(t, w)))
	})
}

// same checks that two images have equal keys, tensors and data.
func same(t *testing.T, a, b *gguf.Image) {
	t.Helper()
	if len(a.Keys()) != len(b.Keys()) || len(a.Tensors) != len(b.Tensors) || a.Alignment != b.Alignment {
		t.Fatalf("%d keys, %d tensors, alignment %d became %d, %d, %d", len(a.Keys()), len(a.Tensors),
			a.Alignment, len(b.Keys()), len(b.Tensors), b.Alignment)
	}
	for i, key := range a.Keys() {
		v, _ := a.Value(key)
		w, _ := b.Value(key)
		if b.Keys()[i] != key || v.Kind() != w.Kind() || v.Elem() != w.Elem() || v.Len() != w.Len() || v.String() != w.String() {
			t.Errorf("key %q: %v became %v", key, v, w)
		}
	}
	for i := range a.Tensors {
		x, y := &a.Tensors[i], &b.Tensors[i]
		if x.Name != y.Name || x.Type != y.Type || !bytes.Equal(a.Data(x), b.Data(y)) {
			t.Errorf("tensor %q: %+v became %+v", x.Name, x, y)
		}
	}
}
