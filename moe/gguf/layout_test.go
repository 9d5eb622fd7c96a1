package gguf_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// TestLayout: what Layout says of a file is what WriteTo then writes.
func TestLayout(t *testing.T) {
	w := gguf.NewWriter()
	for key, v := range map[string]any{"general.alignment": uint32(4096), "general.name": "layout"} {
		if err := w.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	for name, n := range map[string]int{"a": 3, "b": 5000, "c": 4096} {
		if err := w.AddBytes(name, ggml.I8, []int{n}, bytes.Repeat([]byte{1}, n)); err != nil {
			t.Fatal(err)
		}
	}
	head, tensors, size, err := w.Layout()
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := w.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Read(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if size != int64(file.Len()) || int64(len(head)) != f.DataOffset || !bytes.HasPrefix(file.Bytes(), head) {
		t.Errorf("size %d with a header of %d, the file has %d and %d", size, len(head), file.Len(), f.DataOffset)
	}
	if d := cmp.Diff(f.Tensors, tensors); d != "" {
		t.Errorf("tensors differ from the file's (-file +layout):\n%s", d)
	}
}
