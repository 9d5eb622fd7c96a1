package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

var (
	// ErrFormat is wrapped where bytes are not the bundle that they should be:
	// no footer, another version, or another expert's.
	ErrFormat = errors.New("not the bundle that is wanted")
	// ErrChecksum is wrapped where a bundle's bytes are not those that were
	// packed.
	ErrChecksum = errors.New("checksum does not match")
)

// ID names an expert.
type ID struct{ Layer, Expert int }

func (id ID) String() string { return fmt.Sprintf("expert %d of layer %d", id.Expert, id.Layer) }

const magic = "MoEb"

// castagnoli is made here and not once: MakeTable returns the same table.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// putFooter writes the footer of bundle n behind its payload.
func (g *Geometry) putFooter(dst []byte, id ID, n int, sum uint32) {
	le := binary.LittleEndian
	copy(dst, magic)
	for i, v := range [...]uint32{Version, uint32(id.Layer), uint32(id.Expert), uint32(n), uint32(g.Group), sum} {
		le.PutUint32(dst[4+4*i:], v)
	}
	le.PutUint32(dst[28:], crc32.Checksum(dst[:28], castagnoli()))
}

// checkFooter checks that the footer is that of bundle n of an expert, and
// returns the payload's checksum.
func (g *Geometry) checkFooter(foot []byte, id ID, n int) (sum uint32, err error) {
	le := binary.LittleEndian
	fail := func(format string, args ...any) (uint32, error) {
		return 0, fmt.Errorf("bundle %d of %v: %w: %s", n, id, ErrFormat, fmt.Sprintf(format, args...))
	}
	if string(foot[:4]) != magic {
		return fail("no footer")
	}
	if v := le.Uint32(foot[4:]); v != Version {
		return fail("version %d, want %d", v, Version)
	}
	if le.Uint32(foot[28:]) != crc32.Checksum(foot[:28], castagnoli()) {
		return 0, fmt.Errorf("footer of bundle %d of %v: %w", n, id, ErrChecksum)
	}
	layer, expert, index, group := le.Uint32(foot[8:]), le.Uint32(foot[12:]), le.Uint32(foot[16:]), le.Uint32(foot[20:])
	if layer != uint32(id.Layer) || expert != uint32(id.Expert) || index != uint32(n) {
		return fail("found bundle %d of expert %d of layer %d", index, expert, layer)
	}
	if group != uint32(g.Group) {
		return fail("found groups of %d neurons, want %d", group, g.Group)
	}
	return le.Uint32(foot[24:]), nil
}
