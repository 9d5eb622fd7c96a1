package gguf_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moed/moe/gguf"
)

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gguf")
	file := sample(t)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	im, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if im.Path() != path || im.Size() != int64(len(file)) {
		t.Errorf("path %q, size %d", im.Path(), im.Size())
	}
	walk(t, im)
	b, _ := im.Tensor("b.weight")
	if !bytes.Equal(im.Data(b), file[b.Offset:b.Offset+b.Size]) {
		t.Error("data differs")
	}
	for range 2 {
		if err := im.Close(); err != nil {
			t.Error(err)
		}
	}
	if texts, err := im.Strings("texts"); err != nil || len(texts) != 4 {
		t.Errorf("metadata after Close: %q, %v", texts, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("Data after Close gave data")
		}
	}()
	im.Data(b)
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.gguf")
	if err := os.WriteFile(bad, sample(t)[:500], 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty.gguf")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:   dir + ": not a regular file",
		bad:   bad + ": ",
		empty: empty + ": not a GGUF file: empty",
	} {
		if _, err := gguf.Open(path); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	if _, err := gguf.Open(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestFromBytesClose(t *testing.T) {
	im := fromBytes(t, sample(t))
	if err := im.Close(); err != nil || im.Path() != "" {
		t.Errorf("close: %v, path %q", err, im.Path())
	}
}
