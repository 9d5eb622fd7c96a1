package trace

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// Format is a form of file.
type Format int

const (
	Binary Format = iota
	CSV           // without Probs
)

const (
	magic     = "moedtrc1"
	maxRecord = 1 << 26

	kindHeader = 'h'
	kindVisit  = 'v'
	kindEnd    = 'e'

	flagDecode  = 1 << 0
	flagIDs     = 1 << 1
	flagWeights = 1 << 2
	flagProbs   = 1 << 3
	flagPlain   = 1 << 4 // weights in four bytes each
	flagSame    = 1 << 5 // ids and positions are those of the visit before
	flagExact   = 1 << 6 // probabilities in four bytes each
	flagsKnown  = 1<<7 - 1
)

// Writer writes a trace visit by visit, each with one call of Write, so that a
// file has whole records whenever the process ends. It keeps no visit and is
// used by one goroutine.
type Writer struct {
	// Exact keeps weights and probabilities as they are, in four bytes each; it
	// is set before the first visit. CSV has exact weights always.
	Exact bool

	w      io.Writer
	shape  Trace
	check  *checker
	csv    *csvWriter // nil for Binary
	record []byte
	framed []byte
	ids    []int32 // of the visit before
	pos    []int32
	hadIDs bool
	visits int
	err    error // the first, after which nothing is written
}

// NewWriter begins a file with the shape of t, whose Visits and Note do not
// count.
func NewWriter(w io.Writer, f Format, t *Trace) (*Writer, error) {
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("write a trace: %w", err)
	}
	wr := &Writer{w: w, shape: *t}
	wr.shape.Visits, wr.shape.Layers = nil, slices.Clone(t.Layers)
	wr.check = newChecker(&wr.shape)
	if f == CSV {
		wr.csv = &csvWriter{shape: &wr.shape}
		return wr, wr.put(wr.csv.header())
	}
	wr.record = append(wr.record[:0], kindHeader)
	for _, s := range []string{t.Model, t.Arch} {
		wr.number(len(s))
		wr.record = append(wr.record, s...)
	}
	wr.number(t.TopK)
	wr.number(len(t.Layers))
	for _, l := range t.Layers {
		wr.number(l.Experts)
		wr.number(int(l.Bytes))
		wr.number(int(l.Dense))
	}
	wr.framed = append(wr.framed, magic...)
	return wr, wr.frame()
}

// Visit appends v, of which it keeps nothing.
func (w *Writer) Visit(v *Visit) error {
	if w.err != nil {
		return w.err
	}
	if err := w.check.visit(v); err != nil {
		return fmt.Errorf("write visit %d: %w", w.visits, err)
	}
	if w.csv != nil {
		w.visits++
		return w.put(w.csv.visit(v))
	}
	w.encode(v)
	if len(w.record) > maxRecord {
		return fmt.Errorf("write visit %d: found %d bytes, want at most %d", w.visits, len(w.record), maxRecord)
	}
	w.remember(v)
	w.visits++
	return w.frame()
}

// Close ends the trace; the file beneath is the caller's to close.
func (w *Writer) Close() error {
	if w.csv != nil || w.err != nil {
		return w.err
	}
	w.record = append(w.record[:0], kindEnd)
	w.number(w.visits)
	return w.frame()
}

// encode makes the record of v.
func (w *Writer) encode(v *Visit) {
	plain := v.Weights != nil && (w.Exact || !fits(v.Weights))
	same := w.visits > 0 && slices.Equal(v.Pos, w.pos) && slices.Equal(v.IDs, w.ids) && w.hadIDs == (v.IDs != nil)
	flags := byte(0)
	for _, f := range []struct {
		set  bool
		flag byte
	}{{v.Decode, flagDecode}, {v.IDs != nil, flagIDs}, {v.Weights != nil, flagWeights}, {v.Probs != nil, flagProbs}, {plain, flagPlain}, {same, flagSame}, {v.Probs != nil && w.Exact, flagExact}} {
		if f.set {
			flags |= f.flag
		}
	}
	w.record = append(w.record[:0], kindVisit, flags)
	w.number(v.Turn)
	w.number(v.Layer)
	w.number(v.Tokens)
	if !same {
		next := int64(0)
		for _, p := range v.Pos {
			w.record = binary.AppendVarint(w.record, int64(p)-next)
			next = int64(p) + 1
		}
		for _, id := range v.IDs {
			w.number(int(id))
		}
	}
	wide := w.shape.Layers[v.Layer].Experts > 256
	for _, e := range v.Chosen {
		if wide {
			w.record = binary.LittleEndian.AppendUint16(w.record, uint16(e))
		} else {
			w.record = append(w.record, byte(e))
		}
	}
	w.floats(v.Weights, plain)
	w.floats(v.Probs, w.Exact)
}

func (w *Writer) floats(xs []float32, plain bool) {
	for _, x := range xs {
		if plain {
			w.record = binary.LittleEndian.AppendUint32(w.record, math.Float32bits(x))
		} else {
			w.record = append(w.record, levelOf(x))
		}
	}
}

func (w *Writer) remember(v *Visit) {
	w.pos, w.ids, w.hadIDs = append(w.pos[:0], v.Pos...), append(w.ids[:0], v.IDs...), v.IDs != nil
}

func (w *Writer) number(n int) { w.record = binary.AppendUvarint(w.record, uint64(n)) }

// frame writes what is in framed, and behind it the record with its length and
// checksum.
func (w *Writer) frame() error {
	w.framed = binary.AppendUvarint(w.framed, uint64(len(w.record)))
	w.framed = append(w.framed, w.record...)
	w.framed = binary.LittleEndian.AppendUint32(w.framed, checksum(w.record))
	err := w.put(w.framed)
	w.framed = w.framed[:0]
	return err
}

func (w *Writer) put(b []byte) error {
	if _, err := w.w.Write(b); err != nil {
		w.err = fmt.Errorf("write a trace: %w", err)
	}
	return w.err
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Write writes all of t in the binary form.
func (t *Trace) Write(w io.Writer) error { return t.write(w, Binary) }

// WriteCSV writes all of t but its Probs as CSV.
func (t *Trace) WriteCSV(w io.Writer) error { return t.write(w, CSV) }

func (t *Trace) write(to io.Writer, f Format) error {
	w, err := NewWriter(to, f, t)
	if err != nil {
		return err
	}
	for i := range t.Visits {
		if err := w.Visit(&t.Visits[i]); err != nil {
			return err
		}
	}
	return w.Close()
}
