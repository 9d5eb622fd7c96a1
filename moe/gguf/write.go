package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"moed/moe/ggml"
)

// Writer collects metadata and tensors and writes them as a GGUF of version 3,
// in the order in which they were given. Tensor data is taken from its source
// only in WriteTo, so a file may be larger than memory. The alignment is 32
// unless the key "general.alignment" is set.
type Writer struct {
	align   int64
	kv      []byte // encoded keys and values
	keys    map[string]bool
	tensors []source
	names   map[string]bool
	end     int64 // of the last tensor, from the start of the data
}

// source is a tensor to be written; Offset counts from the start of the data.
type source struct {
	Tensor
	data func(io.Writer) error
}

// NewWriter returns an empty Writer.
func NewWriter() *Writer {
	return &Writer{align: defaultAlignment, keys: map[string]bool{}, names: map[string]bool{}}
}

// Set adds a key. v is a uint8, int8, uint16, int16, uint32, int32, uint64,
// int64, float32, float64, bool or string, a slice of one of these, or a Value
// of a File. Set fails on another type, on a key that is already set or no valid
// key, and on setting "general.alignment" to no valid alignment or after Add.
func (w *Writer) Set(key string, v any) error {
	if err := checkName(key, w.keys); err != nil {
		return fmt.Errorf("key %s: %w", quote(key), err)
	}
	val, err := valueOf(v)
	if err != nil {
		return fmt.Errorf("key %s: %w", quote(key), err)
	}
	if key == alignmentKey {
		if err := w.setAlignment(val); err != nil {
			return err
		}
	}
	w.keys[key] = true
	w.kv = appendString(w.kv, key)
	w.kv = binary.LittleEndian.AppendUint32(w.kv, uint32(val.kind))
	switch val.kind {
	case Array:
		w.kv = binary.LittleEndian.AppendUint32(w.kv, uint32(val.elem))
		w.kv = binary.LittleEndian.AppendUint64(w.kv, uint64(val.n))
	case String:
		w.kv = binary.LittleEndian.AppendUint64(w.kv, uint64(len(val.raw)))
	}
	w.kv = append(w.kv, val.raw...)
	return nil
}

func (w *Writer) setAlignment(v Value) error {
	if v.kind != Uint32 { // what the format says, and other readers insist on
		return fmt.Errorf("key %q: found %s, want uint32", alignmentKey, v.typeName())
	}
	if len(w.tensors) > 0 {
		return fmt.Errorf("key %q: set after a tensor was added", alignmentKey)
	}
	a, _ := v.uintAt(0)
	if err := checkAlignment(a); err != nil {
		return err
	}
	w.align = int64(a)
	return nil
}

// Add adds a tensor. WriteTo calls data once, which must write exactly the bytes
// that typ and dims ask for (Dims[0] is the length of a row). Add fails on a name
// that is already there or no valid name, and on an impossible type or dims.
func (w *Writer) Add(name string, typ ggml.Type, dims []int, data func(io.Writer) error) error {
	if err := checkName(name, w.names); err != nil {
		return fmt.Errorf("tensor %s: %w", quote(name), err)
	}
	size, err := tensorSize(typ, dims)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", quote(name), err)
	}
	if w.end > math.MaxInt64/2-size {
		return fmt.Errorf("tensor %s: %d bytes after %d overflow", quote(name), size, w.end)
	}
	t := Tensor{Name: name, Type: typ, Dims: append([]int(nil), dims...), Size: size}
	t.Offset = alignUp(w.end, w.align)
	w.end = t.Offset + size
	w.names[name] = true
	w.tensors = append(w.tensors, source{t, data})
	return nil
}

// AddBytes is Add with data in memory, which must not change before WriteTo.
func (w *Writer) AddBytes(name string, typ ggml.Type, dims []int, data []byte) error {
	return w.Add(name, typ, dims, func(out io.Writer) error {
		_, err := out.Write(data)
		return err
	})
}

// WriteTo writes the file and returns the bytes written. The end is padded to
// the alignment. Errors of a tensor's source are wrapped with its name. It may
// be called again where the sources of all tensors can be.
func (w *Writer) WriteTo(out io.Writer) (int64, error) {
	counted := &counter{out: out}
	b := bufio.NewWriterSize(counted, firstRead)
	err := w.write(b)
	if e := b.Flush(); err == nil {
		err = e
	}
	return counted.n, err
}

// Layout is the file that WriteTo makes, but for the data: the bytes before it,
// where each tensor lies, and the size of the whole. It is for those who write
// the data themselves, in pieces or from the middle on.
func (w *Writer) Layout() (head []byte, tensors []Tensor, size int64, err error) {
	head = w.header()
	if len(head) > maxHeader {
		return nil, nil, 0, fmt.Errorf("header of %d bytes, at most %d are allowed", len(head), maxHeader)
	}
	head = pad(head, w.align)
	for i := range w.tensors {
		t := w.tensors[i].Tensor
		t.Offset += int64(len(head))
		tensors = append(tensors, t)
	}
	return head, tensors, int64(len(head)) + alignUp(w.end, w.align), nil
}

func (w *Writer) write(out io.Writer) error {
	head, _, _, err := w.Layout()
	if err != nil {
		return err
	}
	if _, err := out.Write(head); err != nil {
		return err
	}
	for i := range w.tensors {
		t := &w.tensors[i]
		sink := &counter{out: out, limit: t.Size, limited: true}
		if err := t.data(sink); err != nil {
			return fmt.Errorf("tensor %s: %w", quote(t.Name), err)
		}
		if sink.n != t.Size {
			return fmt.Errorf("tensor %s: source gave %d bytes, want %d", quote(t.Name), sink.n, t.Size)
		}
		gap := alignUp(t.Size, w.align) - t.Size
		if _, err := out.Write(make([]byte, gap)); err != nil {
			return err
		}
	}
	return nil
}

// header encodes everything before the tensor data, without padding.
func (w *Writer) header() []byte {
	b := append([]byte(nil), magic...)
	b = binary.LittleEndian.AppendUint32(b, 3)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(w.tensors)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(w.keys)))
	b = append(b, w.kv...)
	for i := range w.tensors {
		t := &w.tensors[i]
		b = appendString(b, t.Name)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Dims)))
		for _, d := range t.Dims {
			b = binary.LittleEndian.AppendUint64(b, uint64(d))
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(t.Type))
		b = binary.LittleEndian.AppendUint64(b, uint64(t.Offset))
	}
	return b
}

// pad appends zeros to b up to a multiple of align.
func pad(b []byte, align int64) []byte {
	n := int64(len(b))
	return append(b, make([]byte, alignUp(n, align)-n)...)
}

func checkName(name string, taken map[string]bool) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("name of %d bytes, want 1 to %d", len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("name is not UTF-8")
	case taken[name]:
		return fmt.Errorf("appears twice")
	}
	return nil
}

// counter counts what passes through, and refuses more than limit if limited.
type counter struct {
	out     io.Writer
	n       int64
	limit   int64
	limited bool
}

func (c *counter) Write(p []byte) (int, error) {
	if c.limited && int64(len(p)) > c.limit-c.n {
		return 0, fmt.Errorf("source gave %d bytes or more, want %d", c.n+int64(len(p)), c.limit)
	}
	n, err := c.out.Write(p)
	c.n += int64(n)
	return n, err
}
