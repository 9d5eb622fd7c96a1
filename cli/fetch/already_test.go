package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAlready(t *testing.T) {
	content, sum := model(t)
	s := &site{content: content, tag: `"a"`}
	_, o := serve(t, s)
	for i := range 3 {
		r, err := Get(context.Background(), o)
		if err != nil || r.Already != (i > 0) || r.SHA256 != sum {
			t.Fatalf("%d: %+v, %v", i, r, err)
		}
	}
	asked := len(s.asked)
	o.Offline = true
	if r, err := Get(context.Background(), o); err != nil || !r.Already {
		t.Fatalf("offline: %+v, %v", r, err)
	}
	if len(s.asked) != asked {
		t.Error("offline asks the server")
	}
	o.Offline = false
	s.content = append(bytes.Clone(content), 0)
	if _, err := Get(context.Background(), o); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another length: %v", err)
	}
	o.SHA256 = strings.Repeat("0", 64)
	if _, err := Get(context.Background(), o); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another sum: %v", err)
	}
	o.SHA256 = sum
	if _, err := Get(context.Background(), o); err != nil {
		t.Errorf("its own sum: %v", err)
	}
}

// A process that ended between the name and the manifest is made up for.
func TestManifestIsMadeUpFor(t *testing.T) {
	content, _ := model(t)
	_, o := serve(t, &site{content: content})
	p, err := openPart(o.To, testChunk, "x")
	if err != nil {
		t.Fatal(err)
	}
	p.is.Size = int64(len(content))
	if _, err := io.Copy(p, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if err := p.checkpoint(true); err != nil {
		t.Fatal(err)
	}
	p.f.Close()
	if err := os.Rename(partPath(o.To), o.To); err != nil {
		t.Fatal(err)
	}
	if r, err := Get(context.Background(), o); err != nil || !r.Already {
		t.Fatalf("%+v, %v", r, err)
	}
	checkFile(t, o, content)
	if m, _ := ReadManifest(o.To); m.Chunk != testChunk {
		t.Errorf("chunk %d: the file was added up again", m.Chunk)
	}
}

func TestBusy(t *testing.T) {
	content, _ := model(t)
	_, o := serve(t, &site{content: content})
	p, err := openPart(o.To, testChunk, "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Get(context.Background(), o); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
	p.close()
	if _, err := Get(context.Background(), o); err != nil {
		t.Error(err)
	}
}

func TestLocal(t *testing.T) {
	content, sum := model(t)
	dir := t.TempDir()
	from := filepath.Join(dir, "from.gguf")
	if err := os.WriteFile(from, content, 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{From: from, To: filepath.Join(t.TempDir(), "m.gguf"), Chunk: testChunk, Reserve: 1, Offline: true}
	r, err := Get(context.Background(), o)
	if err != nil || !r.Linked || r.SHA256 != sum {
		t.Fatalf("%+v, %v", r, err)
	}
	checkFile(t, o, content)

	// Where linking cannot be.
	o.To = filepath.Join(t.TempDir(), "m.gguf")
	p, err := openPart(o.To, testChunk, from)
	if err != nil {
		t.Fatal(err)
	}
	d := &download{o: o.filled(), src: &fileSource{from}, p: p, look: firstLook}
	if _, err := d.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.finish(); err != nil {
		t.Fatal(err)
	}
	checkFile(t, o, content)

	for path, want := range map[string]string{"none.gguf": "no such file", ".": "not a regular file", "get_test.go": "not a GGUF file"} {
		o.From, o.To = path, filepath.Join(t.TempDir(), "m.gguf")
		if _, err := Get(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
		if left := names(t, o); len(left) > 0 {
			t.Errorf("%s: left %v", path, left)
		}
	}
}
