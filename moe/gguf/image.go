package gguf

import (
	"bytes"
	"fmt"
	"os"

	"github.com/edsrzf/mmap-go"
)

// Image is a GGUF whose tensors' bytes are addressable: a mapped file, a slice,
// or memory that somebody else has read them into. It may be shared between
// goroutines; Close must come after all other use.
type Image struct {
	*File
	path   string
	size   int64
	data   func(*Tensor) []byte
	mapped mmap.MMap // nil where nothing is mapped
}

// NewImage makes an Image of a header and of tensors that the caller has read
// from the file at path, size bytes long. data gives the bytes of one tensor,
// exactly its size; it may panic for a tensor that nobody asks for.
func NewImage(head *File, path string, size int64, data func(*Tensor) []byte) *Image {
	return &Image{File: head, path: path, size: size, data: data}
}

func slice(b []byte) func(*Tensor) []byte {
	return func(t *Tensor) []byte {
		end := t.Offset + t.Size
		return b[t.Offset:end:end]
	}
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
	return &Image{File: head, path: path, size: info.Size(), data: slice(m), mapped: m}, nil
}

// FromBytes makes an Image of a GGUF in memory, such as an embedded one. It
// keeps b, which must not change.
func FromBytes(b []byte) (*Image, error) {
	head, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	return &Image{File: head, size: int64(len(b)), data: slice(b)}, nil
}

// Data is the bytes of t, which must be a tensor of this image: exactly t.Size,
// read-only, valid until Close.
func (im *Image) Data(t *Tensor) []byte { return im.data(t) }

// Size is the size of the whole file in bytes.
func (im *Image) Size() int64 { return im.size }

// Path is the path of the file, or "" after FromBytes.
func (im *Image) Path() string { return im.path }

// Close unmaps the file, if it is mapped. After it Data panics, and slices that Data returned
// must not be touched; the metadata stays valid. Closing twice is allowed.
func (im *Image) Close() error {
	im.data = func(*Tensor) []byte { panic("gguf: data of a closed image") }
	if im.mapped == nil {
		return nil
	}
	err := im.mapped.Unmap() // sets mapped to nil
	im.mapped = nil
	return err
}
