package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// header reads the front of a file in order. It keeps what it has read in one
// buffer that doubles, so that a header takes few reads and values can refer to
// their bytes; nothing is allocated before it is checked against size.
type header struct {
	src   io.ReaderAt
	size  int64  // of the whole file
	buf   []byte // its first bytes, as far as read
	pos   int    // next byte of buf to decode
	names int    // bytes of names handed out
}

// bytes takes the next n bytes. The slice is part of the header's buffer and is
// never written again. what names the thing read, for the error.
func (h *header) bytes(n uint64, what string) ([]byte, error) {
	if left := h.size - int64(h.pos); n > uint64(left) {
		return nil, fmt.Errorf("%s: needs %d bytes at byte %d, file has %d", what, n, h.pos, h.size)
	}
	if n > maxHeader-uint64(h.pos) {
		return nil, fmt.Errorf("%s: needs %d bytes at byte %d, beyond the %d that a header may have", what, n, h.pos, maxHeader)
	}
	end := h.pos + int(n)
	if end > len(h.buf) {
		if err := h.fill(end); err != nil {
			return nil, err
		}
	}
	b := h.buf[h.pos:end:end]
	h.pos = end
	return b, nil
}

// fill reads on until the buffer holds at least end bytes, which is within both
// the file and maxHeader.
func (h *header) fill(end int) error {
	want := max(end, 2*len(h.buf), firstRead)
	if want > maxHeader/2 {
		want = maxHeader // or the last doublings would need twice the memory
	}
	want = int(min(int64(want), h.size))
	buf := make([]byte, want)
	have := copy(buf, h.buf)
	n, err := h.src.ReadAt(buf[have:], int64(have))
	if n < len(buf)-have {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read header: byte %d of %d: %w", have+n, h.size, err)
	}
	h.buf = buf
	return nil
}

func (h *header) uint32(what string) (uint32, error) {
	b, err := h.bytes(4, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (h *header) uint64(what string) (uint64, error) {
	b, err := h.bytes(8, what)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// count reads how many records follow, each of at least least bytes, of which
// limit are allowed.
func (h *header) count(what string, least, limit uint64) (int, error) {
	n, err := h.uint64(what)
	if err != nil {
		return 0, err
	}
	if left := uint64(h.size) - uint64(h.pos); n > left/least {
		return 0, fmt.Errorf("%s: %d need at least %d bytes each at byte %d, file has %d", what, n, least, h.pos, h.size)
	}
	if n > limit {
		return 0, fmt.Errorf("%s: %d, at most %d are allowed", what, n, limit)
	}
	return int(n), nil
}

// name reads the name of a key or of a tensor.
func (h *header) name(what string) (string, error) {
	at := h.pos
	n, err := h.uint64(what)
	if err != nil {
		return "", err
	}
	if n == 0 || n > maxName {
		return "", fmt.Errorf("%s at byte %d: name of %d bytes, want 1 to %d", what, at, n, maxName)
	}
	if h.names += int(n); h.names > maxNames {
		return "", fmt.Errorf("%s at byte %d: names take more than %d bytes in all", what, at, maxNames)
	}
	b, err := h.bytes(n, what)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", fmt.Errorf("%s at byte %d: name %s is not UTF-8", what, at, quote(string(b)))
	}
	return string(b), nil
}

// value reads the kind and the bytes of a metadata value. It checks all that
// the accessors of File rely on: lengths of strings and arrays, and booleans.
func (h *header) value(what string) (Value, error) {
	k, err := h.uint32(what)
	if err != nil {
		return Value{}, err
	}
	if Kind(k) == Array {
		return h.array(what)
	}
	v := Value{kind: Kind(k), elem: Kind(k), n: 1}
	switch {
	case v.kind == String:
		n, err := h.uint64(what)
		if err != nil {
			return Value{}, err
		}
		v.raw, err = h.bytes(n, what)
		return v, err
	case v.kind.size() == 0:
		return Value{}, fmt.Errorf("%s: unknown %v", what, v.kind)
	}
	if v.raw, err = h.bytes(uint64(v.kind.size()), what); err != nil {
		return Value{}, err
	}
	return v, v.checkBools(what)
}

// array reads what follows the kind of an array: kind of elements, their
// number, the elements.
func (h *header) array(what string) (Value, error) {
	k, err := h.uint32(what)
	if err != nil {
		return Value{}, err
	}
	v := Value{kind: Array, elem: Kind(k)}
	least := uint64(v.elem.size())
	switch {
	case v.elem == Array:
		return Value{}, fmt.Errorf("%s: arrays of arrays are not supported", what)
	case v.elem == String:
		least = 8
	case least == 0:
		return Value{}, fmt.Errorf("%s: array of unknown %v", what, v.elem)
	}
	if v.n, err = h.count(what+": array elements", least, maxHeader/least); err != nil {
		return Value{}, err
	}
	if v.elem != String {
		if v.raw, err = h.bytes(uint64(v.n)*least, what); err != nil {
			return Value{}, err
		}
		return v, v.checkBools(what)
	}
	v.raw, err = h.strings(v.n, what)
	return v, err
}

// strings takes n strings and their lengths. It is the one loop that runs over
// a whole vocabulary, so it looks at the buffer directly and leaves whatever is
// not simply there to bytes.
func (h *header) strings(n int, what string) ([]byte, error) {
	start := h.pos
	for range n {
		if h.pos+8 <= len(h.buf) {
			size := binary.LittleEndian.Uint64(h.buf[h.pos:])
			if size <= uint64(len(h.buf)-h.pos-8) {
				h.pos += 8 + int(size)
				continue
			}
		}
		size, err := h.uint64(what)
		if err != nil {
			return nil, err
		}
		if _, err = h.bytes(size, what); err != nil {
			return nil, err
		}
	}
	return h.buf[start:h.pos:h.pos], nil
}

// checkBools checks that booleans are 0 or 1.
func (v Value) checkBools(what string) error {
	if v.elem != Bool {
		return nil
	}
	for _, b := range v.raw {
		if b > 1 {
			return fmt.Errorf("%s: found byte %d as a bool, want 0 or 1", what, b)
		}
	}
	return nil
}
