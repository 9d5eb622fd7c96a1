package prefix

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"lukechampine.com/blake3"
)

// A file is, in little endian:
//
//	magic      8 bytes
//	length     uint32, of the head
//	head       model, user's number and token's name of the owner, tokens; each text
//	           and list behind its length as a uint32
//	checksum   32 bytes, BLAKE3 of all before
//	payload    what the state has written
//	checksum   32 bytes, BLAKE3 of all before, the first checksum included
const (
	magic       = "moedPfx1"
	sumSize     = 32
	longestText = 4096
	longestHead = 1 << 27
	fixedSize   = len(magic) + 4 + 2*sumSize
)

// errDamaged is wrapped where a file is to blame, and nothing else.
var errDamaged = errors.New("damaged")

func newHash() hash.Hash { return blake3.New(sumSize, nil) }

func head(model string, owner Owner, tokens []int32) []byte {
	b := make([]byte, 0, 16+len(model)+len(owner.Token)+4*len(tokens))
	text := func(s string) {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	text(model)
	b = binary.LittleEndian.AppendUint32(b, owner.UID)
	text(owner.Token)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(tokens)))
	for _, t := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
	}
	return b
}

// fileSize is what the file of a state will have, if that writes as much as it
// holds.
func fileSize(model string, owner Owner, s State) int64 {
	return int64(fixedSize+16+len(model)+len(owner.Token)) + 4*int64(len(s.Tokens())) + s.Bytes()
}

func writeState(w io.Writer, model string, owner Owner, s Spilled) error {
	if len(owner.Token) > longestText {
		return fmt.Errorf("the owner's name has %d bytes, want at most %d", len(owner.Token), longestText)
	}
	h := newHash()
	out := bufio.NewWriterSize(io.MultiWriter(w, h), 1<<20)
	b := head(model, owner, s.Tokens())
	if len(b) > longestHead {
		return fmt.Errorf("a state of %d tokens, want fewer", len(s.Tokens()))
	}
	out.WriteString(magic)
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(b))))
	out.Write(b)
	if err := out.Flush(); err != nil {
		return err
	}
	out.Write(h.Sum(nil))
	if _, err := s.WriteTo(out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(h.Sum(nil))
	return err
}

// readState reads a file of that size. The error wraps errDamaged where the file
// is at fault; that of load is returned as it is where the file is whole.
func readState[S State](r io.Reader, size int64, model string, load func(tokens []int32, r io.Reader) (S, error)) (owner Owner, state S, err error) {
	h := newHash()
	in := io.TeeReader(bufio.NewReaderSize(r, 1<<20), h)
	owner, tokens, n, err := readHead(in, h, size, model)
	if err != nil {
		return owner, state, err
	}
	payload := io.LimitReader(in, size-n-sumSize)
	state, failed := load(tokens, payload)
	// What load has not read counts too.
	left, err := io.Copy(io.Discard, payload)
	want := h.Sum(nil)
	var sum [sumSize]byte
	if err == nil {
		_, err = io.ReadFull(in, sum[:])
	}
	whole := err == nil && bytes.Equal(sum[:], want)
	switch {
	case failed == nil && whole && left == 0:
		return owner, state, nil
	case failed == nil:
		state.Close()
		return owner, *new(S), fmt.Errorf("payload: %w", errDamaged)
	case whole:
		return owner, *new(S), failed
	}
	return owner, *new(S), fmt.Errorf("payload: %w", errDamaged)
}

// readHead reads up to the payload, of n bytes.
func readHead(in io.Reader, h hash.Hash, size int64, model string) (owner Owner, tokens []int32, n int64, err error) {
	var start [len(magic) + 4]byte
	if _, err := io.ReadFull(in, start[:]); err != nil {
		return owner, nil, 0, fmt.Errorf("head: %w (%w)", errDamaged, err)
	}
	length := int64(binary.LittleEndian.Uint32(start[len(magic):]))
	if string(start[:len(magic)]) != magic || length > longestHead || int64(fixedSize)+length > size {
		return owner, nil, 0, fmt.Errorf("head: %w", errDamaged)
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(in, b); err != nil {
		return owner, nil, 0, fmt.Errorf("head: %w (%w)", errDamaged, err)
	}
	want := h.Sum(nil)
	var sum [sumSize]byte
	if _, err := io.ReadFull(in, sum[:]); err != nil || !bytes.Equal(sum[:], want) {
		return owner, nil, 0, fmt.Errorf("head: %w", errDamaged)
	}
	name, owner, tokens, ok := parseHead(b)
	if !ok || name != model {
		return owner, nil, 0, fmt.Errorf("of model %q: %w", name, errDamaged)
	}
	return owner, tokens, int64(len(start)) + length + sumSize, nil
}

func parseHead(b []byte) (model string, owner Owner, tokens []int32, ok bool) {
	ok = true
	number := func() uint32 {
		if len(b) < 4 {
			ok, b = false, nil
			return 0
		}
		n := binary.LittleEndian.Uint32(b)
		b = b[4:]
		return n
	}
	text := func() string {
		n := number()
		if n > longestText || int(n) > len(b) {
			ok = false
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	model = text()
	owner.UID = number()
	owner.Token = text()
	count := number()
	if !ok || uint64(count)*4 != uint64(len(b)) {
		return model, owner, nil, false
	}
	tokens = make([]int32, count)
	for i := range tokens {
		tokens[i] = int32(number())
	}
	return model, owner, tokens, true
}
