package stories_test

import (
	"bytes"
	"os"
	"testing"

	"moed/moe/stories"
)

func TestFileIsWhole(t *testing.T) {
	want, err := os.ReadFile("stories-moe-5m-q8_0.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stories.GGUF(), want) {
		t.Errorf("the binary holds %d bytes that differ from the file's %d", len(stories.GGUF()), len(want))
	}
	if !bytes.HasPrefix(want, []byte("GGUF\x03\x00\x00\x00")) {
		t.Errorf("not a GGUF of version 3: % x", want[:min(8, len(want))])
	}
	if n := testing.AllocsPerRun(10, func() { stories.GGUF() }); n != 0 {
		t.Error("GGUF copies the file")
	}
}
