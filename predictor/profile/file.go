package profile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"
)

// The form of a file, little-endian: the magic, the version, the fingerprint and
// the architecture, each behind its length in 2 bytes, sessions, tokens seen and
// the Unix time of the update in 8 bytes each, the number of layers in
// 4, and for each layer its experts in 4, its tokens as a float64, and uses and
// mass as float32s. Behind it all stands the CRC-32C of everything before.
const (
	magic   = "moedprof"
	version = 1
	// MostBytes is the longest a file can be.
	MostBytes = 16 << 20
)

// ErrFormat says that something is not a profile, or not a whole one.
var ErrFormat = errors.New("not a profile")

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Write writes p to w, at most MostBytes.
func (p *Profile) Write(w io.Writer) error {
	le := binary.LittleEndian
	b := append([]byte(nil), magic...)
	b = le.AppendUint32(b, version)
	for _, name := range []string{p.model.Fingerprint, p.model.Arch} {
		b = le.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
	}
	b = le.AppendUint64(b, uint64(p.Sessions))
	b = le.AppendUint64(b, uint64(p.Seen))
	b = le.AppendUint64(b, uint64(p.Updated.Unix()))
	b = le.AppendUint32(b, uint32(len(p.layers)))
	for i := range p.layers {
		l := &p.layers[i]
		b = le.AppendUint32(b, uint32(len(l.uses)))
		b = le.AppendUint64(b, math.Float64bits(l.tokens/l.unit))
		for _, counts := range [][]float64{l.uses, l.mass} {
			for _, c := range counts {
				b = le.AppendUint32(b, math.Float32bits(float32(c/l.unit)))
			}
		}
	}
	b = le.AppendUint32(b, castagnoli(b))
	_, err := w.Write(b)
	return err
}

// Read reads what Write has written, all that r has. What is broken, cut off or
// of another version is an error that is ErrFormat.
func Read(r io.Reader) (*Profile, error) {
	b, err := io.ReadAll(io.LimitReader(r, MostBytes+1))
	if err != nil {
		return nil, err
	}
	p, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return p, nil
}

func parse(b []byte) (*Profile, error) {
	switch {
	case len(b) > MostBytes:
		return nil, fmt.Errorf("it is longer than %d bytes", MostBytes)
	case !bytes.HasPrefix(b, []byte(magic)):
		return nil, errors.New("it does not begin like one")
	case len(b) < len(magic)+8:
		return nil, io.ErrUnexpectedEOF
	}
	sum := binary.LittleEndian.Uint32(b[len(b)-4:])
	d := &decoder{rest: b[len(magic) : len(b)-4]}
	if v := d.uint32(); v != version {
		return nil, fmt.Errorf("version %d, want %d", v, version)
	}
	if castagnoli(b[:len(b)-4]) != sum {
		return nil, errors.New("its checksum does not match")
	}
	return d.profile()
}

// decoder takes numbers off a file. What is missing is zero, and short is set.
type decoder struct {
	rest  []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.short, d.rest = true, nil
		return make([]byte, min(n, 8))
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) uint32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }
func (d *decoder) uint64() uint64 { return binary.LittleEndian.Uint64(d.take(8)) }

func (d *decoder) name() (string, error) {
	n := int(binary.LittleEndian.Uint16(d.take(2)))
	if n > mostName {
		return "", fmt.Errorf("a name of %d bytes, want at most %d", n, mostName)
	}
	return string(d.take(n)), nil
}

// profile reads what lies between the version and the checksum.
func (d *decoder) profile() (*Profile, error) {
	var m Model
	var err error
	if m.Fingerprint, err = d.name(); err == nil {
		m.Arch, err = d.name()
	}
	if err != nil {
		return nil, err
	}
	sessions, seen, updated := int64(d.uint64()), int64(d.uint64()), int64(d.uint64())
	layers := int(d.uint32())
	if layers > mostLayers || d.short {
		return nil, fmt.Errorf("%d layers in what is left of it", layers)
	}
	if sessions < 0 || seen < 0 || updated < 0 || updated > mostTime {
		return nil, fmt.Errorf("%d sessions of %d tokens at second %d", sessions, seen, updated)
	}
	// The sizes first, so that nothing is made for what is not there.
	sizes := decoder{rest: d.rest}
	for range layers {
		n := int(sizes.uint32())
		if n > mostCells {
			return nil, fmt.Errorf("a layer of %d experts", n)
		}
		sizes.take(8 + 8*n)
		m.Experts = append(m.Experts, n)
	}
	if sizes.short || len(sizes.rest) > 0 {
		return nil, fmt.Errorf("%d layers do not fill it", layers)
	}
	p, err := New(m, time.Unix(updated, 0).UTC())
	if err != nil {
		return nil, err
	}
	p.Sessions, p.Seen = sessions, seen
	for i := range p.layers {
		if err := d.layer(&p.layers[i]); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return p, nil
}

// mostTime is the end of the year 9999, the last that a time can be written in.
const mostTime = 253402300799

// layer reads a layer whose size has been checked.
func (d *decoder) layer(l *layer) error {
	d.take(4)
	l.tokens = math.Float64frombits(d.uint64())
	if !(l.tokens >= 0 && l.tokens <= mostTokens) {
		return fmt.Errorf("%v tokens", l.tokens)
	}
	most := l.tokens*(1+1e-3) + 1e-30 // the counts have been rounded, often
	for _, counts := range [][]float64{l.uses, l.mass} {
		for e := range counts {
			counts[e] = float64(math.Float32frombits(d.uint32()))
			if !(counts[e] >= 0 && counts[e] <= most) {
				return fmt.Errorf("expert %d counts %v of %v tokens", e, counts[e], l.tokens)
			}
		}
	}
	return nil
}

// mostTokens bounds the tokens of a layer, which HalfLife keeps far lower.
const mostTokens = 1e15
