package gguf

import (
	"fmt"
	"io"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"

	"moed/moe/ggml"
)

// Bounds on what a header may ask for. They are several times what known models
// have, and keep what a hostile file can make Read allocate below 100 MB.
const (
	maxHeader    = 48 << 20 // bytes before the tensor data
	maxKeys      = 1 << 16
	maxTensors   = 1 << 17
	maxDims      = 4
	maxName      = 1<<16 - 1 // bytes of a key or a tensor's name
	maxNames     = 8 << 20   // bytes of all names
	maxAlignment = 1 << 24
)

const (
	magic            = "GGUF"
	defaultAlignment = 32
	alignmentKey     = "general.alignment"
	firstRead        = 256 << 10 // bytes

	leastKey    = 8 + 1 + 4 + 1         // name, kind, value
	leastTensor = 8 + 1 + 4 + 8 + 4 + 8 // name, number of dims, dim, type, offset
)

// Read parses the header of a GGUF of size bytes. Every count, length, offset,
// size, dimension and alignment is checked against size before it is used or
// allocated for; a File that is returned can be trusted. Bytes after the last
// tensor are allowed. Read does not keep r.
func Read(r io.ReaderAt, size int64) (*File, error) {
	h := &header{src: r, size: size}
	f := &File{Alignment: defaultAlignment, tensors: map[string]int{}}
	if err := f.readVersion(h); err != nil {
		return nil, err
	}
	tensors, err := h.count("tensor count", leastTensor, maxTensors)
	if err != nil {
		return nil, err
	}
	keys, err := h.count("key count", leastKey, maxKeys)
	if err != nil {
		return nil, err
	}
	if err := f.readKeys(h, keys); err != nil {
		return nil, err
	}
	if err := f.setAlignment(); err != nil {
		return nil, err
	}
	relative, err := f.readTensors(h, tensors)
	if err != nil {
		return nil, err
	}
	f.DataOffset = alignUp(int64(h.pos), f.Alignment)
	if tensors == 0 {
		f.DataOffset = min(f.DataOffset, size) // nothing to align
	}
	for i := range f.Tensors {
		if err := f.Tensors[i].place(relative[i], f, size); err != nil {
			return nil, err
		}
	}
	if err := disjoint(f.Tensors); err != nil {
		return nil, err
	}
	return f, nil
}

// readVersion reads the magic and the version.
func (f *File) readVersion(h *header) error {
	if h.size <= 0 {
		return fmt.Errorf("not a GGUF file: empty")
	}
	m, err := h.bytes(uint64(min(h.size, int64(len(magic)))), "magic")
	if err != nil {
		return err
	}
	if string(m) != magic {
		return fmt.Errorf("not a GGUF file: begins with %q, want %q", m, magic)
	}
	f.Version, err = h.uint32("version")
	if err != nil {
		return err
	}
	switch swapped := bits.ReverseBytes32(f.Version); {
	case f.Version == 2 || f.Version == 3:
		return nil
	case swapped >= 1 && swapped <= math.MaxUint16:
		return fmt.Errorf("big-endian GGUF (version %d): only little-endian files are supported", swapped)
	}
	return fmt.Errorf("GGUF version %d: only versions 2 and 3 are supported", f.Version)
}

// readKeys reads the metadata.
func (f *File) readKeys(h *header, n int) error {
	f.keys = make([]string, 0, n)
	f.values = make(map[string]Value, n)
	for range n {
		key, err := h.name("key")
		if err != nil {
			return err
		}
		what := "key " + quote(key)
		if f.Has(key) {
			return fmt.Errorf("%s: appears twice", what)
		}
		v, err := h.value(what)
		if err != nil {
			return err
		}
		f.keys = append(f.keys, key)
		f.values[key] = v
	}
	return nil
}

// setAlignment takes the alignment from the metadata if it is there.
func (f *File) setAlignment() error {
	if !f.Has(alignmentKey) {
		return nil
	}
	a, err := f.Uint(alignmentKey)
	if err != nil {
		return err
	}
	f.Alignment = int64(a)
	return checkAlignment(a)
}

func checkAlignment(a uint64) error {
	if bits.OnesCount64(a) != 1 || a > maxAlignment {
		return fmt.Errorf("key %q: found %d, want a power of two up to %d", alignmentKey, a, maxAlignment)
	}
	return nil
}

// readTensors reads what the tensors are. It returns the offsets that the file
// stores, which count from a place that is known only after the last tensor.
func (f *File) readTensors(h *header, n int) (relative []uint64, err error) {
	f.Tensors = make([]Tensor, 0, n)
	f.tensors = make(map[string]int, n)
	relative = make([]uint64, 0, n)
	for i := range n {
		name, err := h.name("tensor")
		if err != nil {
			return nil, err
		}
		what := "tensor " + quote(name)
		if _, twice := f.tensors[name]; twice {
			return nil, fmt.Errorf("%s: appears twice", what)
		}
		dims, err := h.dims(what)
		if err != nil {
			return nil, err
		}
		typ, err := h.uint32(what)
		if err != nil {
			return nil, err
		}
		offset, err := h.uint64(what)
		if err != nil {
			return nil, err
		}
		t := Tensor{Name: name, Type: ggml.Type(typ), Dims: dims}
		if t.Size, err = tensorSize(t.Type, t.Dims); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		f.Tensors = append(f.Tensors, t)
		f.tensors[name] = i
		relative = append(relative, offset)
	}
	return relative, nil
}

// dims reads the number of dimensions of a tensor, and the dimensions.
func (h *header) dims(what string) ([]int, error) {
	n, err := h.uint32(what)
	if err != nil {
		return nil, err
	}
	if n == 0 || n > maxDims {
		return nil, fmt.Errorf("%s: has %d dimensions, want 1 to %d", what, n, maxDims)
	}
	dims := make([]int, n)
	for i := range dims {
		d, err := h.uint64(what)
		if err != nil {
			return nil, err
		}
		if d > math.MaxInt {
			return nil, fmt.Errorf("%s: dimension %d is %d, which overflows", what, i, d)
		}
		dims[i] = int(d)
	}
	return dims, nil
}

// alignUp is the first multiple of align, a power of two, from n on.
func alignUp(n, align int64) int64 { return (n + align - 1) &^ (align - 1) }

// quote quotes a name for a message, and cuts a long one.
func quote(name string) string {
	const most = 80 // bytes
	if len(name) <= most {
		return strconv.Quote(name)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strconv.Quote(name[:cut]) + "..."
}
