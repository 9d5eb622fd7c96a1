package path

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
)

// The form of a file, little-endian: the magic; the version in 4 bytes; the
// name, the architecture and the fingerprint of the language model, each behind
// its length in 2; top-k, the size of the vocabulary, the width, the number of
// rows, and of layers, in 4 bytes each; the experts of each layer in 4; the
// token of each row but the first in 4, ascending; and the params in the order
// of newModel, each the upper half of a float32. Behind it all stands the CRC-32C
// of everything before.
const (
	magic   = "moedpath"
	version = 1
	maxRows = 1 << 16 // beside the first
	// MostBytes is the longest a file can be.
	MostBytes = 256 << 20
)

// ErrFormat says that a file is not a path, or not a whole one.
var ErrFormat = errors.New("not a trained path")

// toShort is the upper half of x, rounded to even.
func toShort(x float32) uint16 {
	b := math.Float32bits(x)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func fromShort(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Write writes m to w, at most MostBytes.
func (m *Model) Write(w io.Writer) error {
	le, id := binary.LittleEndian, &m.identity
	b := le.AppendUint32([]byte(magic), version)
	for _, name := range []string{id.Name, id.Arch, id.Fingerprint} {
		b = le.AppendUint16(b, uint16(len(name)))
		b = append(b, name...)
	}
	for _, n := range []int{id.TopK, id.Vocab, m.width, len(m.ids), len(id.Experts)} {
		b = le.AppendUint32(b, uint32(n))
	}
	for _, n := range id.Experts {
		b = le.AppendUint32(b, uint32(n))
	}
	for _, token := range m.ids {
		b = le.AppendUint32(b, uint32(token))
	}
	for _, x := range m.params {
		b = le.AppendUint16(b, toShort(x))
	}
	_, err := w.Write(le.AppendUint32(b, castagnoli(b)))
	return err
}

// Read reads what Write has written, all that r has. What is broken, cut off or
// of another version is an error that is ErrFormat.
func Read(r io.Reader) (*Model, error) {
	b, err := io.ReadAll(io.LimitReader(r, MostBytes+1))
	if err != nil {
		return nil, err
	}
	m, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return m, nil
}

func parse(b []byte) (*Model, error) {
	switch {
	case len(b) > MostBytes:
		return nil, fmt.Errorf("it is longer than %d bytes", MostBytes)
	case !bytes.HasPrefix(b, []byte(magic)):
		return nil, errors.New("it does not begin like one")
	case len(b) < len(magic)+8:
		return nil, io.ErrUnexpectedEOF
	}
	end := len(b) - 4
	d := &decoder{rest: b[len(magic):end]}
	if v := d.uint32(); v != version {
		return nil, fmt.Errorf("it has version %d, want %d", v, version)
	}
	if castagnoli(b[:end]) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, errors.New("its checksum does not match: it was cut off or changed")
	}
	return d.model()
}

// decoder takes numbers off a file. What is missing is zero, and short is set.
type decoder struct {
	rest  []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.short, d.rest = true, nil
		return make([]byte, min(n, 4))
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) uint16() uint16 { return binary.LittleEndian.Uint16(d.take(2)) }
func (d *decoder) uint32() uint32 { return binary.LittleEndian.Uint32(d.take(4)) }

// model reads what lies between the version and the checksum. Nothing is made
// that is larger than what is there.
func (d *decoder) model() (*Model, error) {
	var id Identity
	for _, name := range []*string{&id.Name, &id.Arch, &id.Fingerprint} {
		*name = string(d.take(int(d.uint16())))
	}
	id.TopK, id.Vocab = int(d.uint32()), int(d.uint32())
	width, rows, layers := int(d.uint32()), int(d.uint32()), int(d.uint32())
	if d.short || width < 1 || width > maxWidth || rows > maxRows || layers > maxLayers {
		return nil, fmt.Errorf("a width of %d, %d rows and %d layers, want 1 to %d, up to %d, and up to %d", width, rows, layers, maxWidth, maxRows, maxLayers)
	}
	for range layers {
		id.Experts = append(id.Experts, int(d.uint32()))
	}
	if err := id.check(); err != nil {
		return nil, err
	}
	if want := 4*rows + 2*size(&id, width, rows+1); d.short || len(d.rest) != want {
		return nil, fmt.Errorf("%d bytes of weights, want %d", len(d.rest), want)
	}
	ids := make([]int32, rows)
	for i := range ids {
		token := d.uint32()
		if token >= uint32(id.Vocab) || i > 0 && int32(token) <= ids[i-1] {
			return nil, fmt.Errorf("token %d out of order or beyond a vocabulary of %d", token, id.Vocab)
		}
		ids[i] = int32(token)
	}
	params := make([]float32, size(&id, width, rows+1))
	for i := range params {
		x := fromShort(d.uint16())
		if !(x > -maxParam && x < maxParam) {
			return nil, fmt.Errorf("weight %d is %v", i, x)
		}
		params[i] = x
	}
	return newModel(id, width, ids, params), nil
}

// maxParam bounds the weights, so that no sum of them overflows.
const maxParam = 1e6

// Save writes m beside name and then gives it that name, so that there is never
// half a file.
func (m *Model) Save(name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*.path") // for the user alone, as the words in it are
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it is renamed
	err = errors.Join(m.Write(f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}

// Load reads the file name, which must be for the language model want. Its error
// is ErrFormat, ErrOtherModel, or the system's.
func Load(name string, want Identity) (*Model, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if why := m.identity.differs(&want); why != "" {
		return nil, fmt.Errorf("%s: %w, %s and not %s: %s", name, ErrOtherModel, m.identity.Name, want.Name, why)
	}
	return m, nil
}
