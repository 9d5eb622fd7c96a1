package gguf

import (
	"bytes"
	"fmt"
	"os"

	"github.com/edsrzf/mmap-go"
)

// Image is a GGUF whose bytes are addressable: a mapped file or a slice. It may
// be shared between goroutines; Close must come after all other use.
type Image struct {
	*File
	path   string
	data   []byte
	mapped mmap.MMap // nil where data is a slice
}

// Open maps the file at path, read-only. Only the header is read; pages of
// tensor data come in as they are touched. The file must not be truncated while
// it is mapped: touching a page that is gone kills the process. The errors name
// path.
func Open(path string) (*Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // the mapping stays
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	head, err := Read(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if info.Size() != int64(int(info.Size())) {
		return nil, fmt.Errorf("%s: %d bytes are too many to map here", path, info.Size())
	}
	m, err := mmap.MapRegion(f, int(info.Size()), mmap.RDONLY, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: map: %w", path, err)
	}
	return &Image{File: head, path: path, data: m, mapped: m}, nil
}

// FromBytes makes an Image of a GGUF in memory, such as an embedded one. It
// keeps b, which must not change.
func FromBytes(b []byte) (*Image, error) {
	head, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	return &Image{File: head, data: b}, nil
}

// Data is the bytes of t, which must be a tensor of this image: exactly t.Size,
// read-only, valid until Close.
func (im *Image) Data(t *Tensor) []byte {
	end := t.Offset + t.Size
	return im.data[t.Offset:end:end]
}

// Size is the size of the whole file in bytes.
func (im *Image) Size() int64 { return int64(len(im.data)) }

// Path is the path given to Open, or "" after FromBytes.
func (im *Image) Path() string { return im.path }

// Close unmaps the file. After it Data panics, and slices that Data returned
// must not be touched; the metadata stays valid. Closing twice is allowed.
func (im *Image) Close() error {
	im.data = nil
	if im.mapped == nil {
		return nil
	}
	err := im.mapped.Unmap() // sets mapped to nil
	im.mapped = nil
	return err
}
