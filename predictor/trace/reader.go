package trace

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Read reads a trace in either form. The error says what is wrong and where; a
// file that merely ends too early is no error but a Note.
func Read(r io.Reader) (*Trace, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	head, err := br.Peek(len(csvTitle))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read a trace: %w", err)
	}
	var t *Trace
	switch {
	case bytes.HasPrefix(head, []byte(magic)):
		t, err = newReader(br).read()
	case bytes.Equal(head, []byte(csvTitle)):
		t, err = newCSVReader(br).read()
	default:
		return nil, fmt.Errorf("not a trace: begins with %q, want %q or %q", head, magic, csvTitle)
	}
	if err != nil {
		return nil, fmt.Errorf("read a trace: %w", err)
	}
	return t, nil
}

// reader reads the binary form.
type reader struct {
	from   *bufio.Reader
	at     int64 // offset of the next record
	trace  Trace
	check  *checker
	record bytes.Buffer
}

// errCut is a record that is not whole.
var errCut = errors.New("the file was cut off or damaged")

func newReader(r *bufio.Reader) *reader { return &reader{from: r} }

func (r *reader) read() (*Trace, error) {
	if _, err := r.from.Discard(len(magic)); err != nil {
		return nil, err
	}
	r.at = int64(len(magic))
	p, err := r.next()
	if err == nil {
		err = r.header(p)
	}
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	for {
		at := r.at
		p, err := r.next()
		if errors.Is(err, errCut) {
			r.trace.Note = fmt.Sprintf("%v at byte %d; what comes before, %d visits, is read", err, at, len(r.trace.Visits))
			return &r.trace, nil
		}
		if err != nil {
			return nil, err
		}
		end := p.kind == kindEnd
		if end {
			err = r.end(p)
		} else {
			err = r.visit(p)
		}
		if err != nil {
			return nil, fmt.Errorf("visit %d at byte %d: %w", len(r.trace.Visits), at, err)
		}
		if end {
			return &r.trace, nil
		}
	}
}

// next reads a record, valid until the next call. Memory grows with what is
// there, not with what a length says.
func (r *reader) next() (*payload, error) {
	size, width, err := r.size()
	if err != nil {
		return nil, err
	}
	r.record.Reset()
	if _, err := io.CopyN(&r.record, r.from, size+checksumSize); err != nil {
		return nil, cut(err)
	}
	b := r.record.Bytes()
	sum := binary.LittleEndian.Uint32(b[size:])
	if b = b[:size]; sum != checksum(b) {
		return nil, errCut
	}
	r.at += width + size + checksumSize
	return &payload{kind: b[0], b: b[1:]}, nil
}

const checksumSize = 4

// size reads the length of a record, and how many bytes say it.
func (r *reader) size() (size, width int64, err error) {
	for shift := 0; size <= maxRecord; shift += 7 {
		b, err := r.from.ReadByte()
		if err != nil {
			return 0, 0, cut(err)
		}
		size |= int64(b&0x7f) << shift
		width++
		if b < 0x80 {
			break
		}
		if shift == 28 {
			return 0, 0, errCut
		}
	}
	if size == 0 || size > maxRecord {
		return 0, 0, errCut
	}
	return size, width, nil
}

// cut is errCut for an end of file where more was wanted.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

func (r *reader) header(p *payload) error {
	if p.kind != kindHeader {
		return fmt.Errorf("found a record of kind %q, want %q", p.kind, kindHeader)
	}
	t := &r.trace
	t.Model, t.Arch = p.text(), p.text()
	t.TopK = p.number(maxTopK)
	for n := p.number(maxLayers); n > 0 && p.err == nil; n-- {
		t.Layers = append(t.Layers, Layer{Experts: p.number(maxExperts), Bytes: int64(p.number(maxBytes)), Dense: int64(p.number(maxBytes))})
	}
	if err := p.done(); err != nil {
		return err
	}
	if err := t.check(); err != nil {
		return err
	}
	r.check = newChecker(t)
	return nil
}

func (r *reader) end(p *payload) error {
	n := p.number(math.MaxInt)
	if err := p.done(); err != nil {
		return err
	}
	if n != len(r.trace.Visits) {
		return fmt.Errorf("found the end of %d visits", n)
	}
	if _, err := r.from.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("found more behind the end")
	}
	return nil
}

func (r *reader) visit(p *payload) error {
	if p.kind != kindVisit {
		return fmt.Errorf("found a record of kind %q, want %q", p.kind, kindVisit)
	}
	flags := p.byte()
	if flags > flagsKnown {
		return fmt.Errorf("found flags %#x that a later version may know", flags)
	}
	v := Visit{Decode: flags&flagDecode != 0, Turn: p.number(maxNumber), Layer: p.number(maxLayers - 1), Tokens: p.number(maxTokens)}
	if p.err == nil && (v.Layer >= len(r.trace.Layers) || r.trace.Layers[v.Layer].Experts == 0) {
		return fmt.Errorf("found a visit of layer %d, which has no experts", v.Layer)
	}
	if err := r.tokens(p, &v, flags); err != nil {
		return err
	}
	experts := r.trace.Layers[min(v.Layer, len(r.trace.Layers)-1)].Experts
	v.Chosen = p.choices(v.Tokens*r.trace.TopK, experts > 256)
	if flags&flagWeights != 0 {
		v.Weights = p.floats(len(v.Chosen), flags&flagPlain != 0)
	}
	if flags&flagProbs != 0 {
		v.Probs = p.floats(v.Tokens*experts, flags&flagExact != 0)
	}
	if err := p.done(); err != nil {
		return err
	}
	if err := r.check.visit(&v); err != nil {
		return err
	}
	r.trace.Visits = append(r.trace.Visits, v)
	return nil
}

// tokens reads positions and ids, or takes those of the visit before.
func (r *reader) tokens(p *payload, v *Visit, flags byte) error {
	if flags&flagSame != 0 {
		if len(r.trace.Visits) == 0 {
			return fmt.Errorf("found the tokens of the visit before the first")
		}
		before := &r.trace.Visits[len(r.trace.Visits)-1]
		v.Pos, v.IDs = before.Pos, before.IDs
		return nil
	}
	if v.Tokens > len(p.b) {
		return errShort
	}
	v.Pos = make([]int32, 0, v.Tokens)
	next := int64(0)
	for range v.Tokens {
		at := next + p.signed()
		if at < 0 || at > maxNumber {
			return fmt.Errorf("found position %d", at)
		}
		v.Pos, next = append(v.Pos, int32(at)), at+1
	}
	if flags&flagIDs != 0 {
		v.IDs = make([]int32, 0, v.Tokens)
		for range v.Tokens {
			v.IDs = append(v.IDs, int32(p.number(maxNumber)))
		}
	}
	return nil
}
