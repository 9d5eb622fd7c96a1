package bundle

import (
	"fmt"
	"hash/crc32"
)

// Pack writes the bundles of one expert: dst is Stride bytes, gate, up and down
// are its matrices. It panics where a length is another.
func (g *Geometry) Pack(dst []byte, id ID, gate, up, down []byte) {
	if err := g.lengths(gate, up, down, dst); err != nil {
		panic("bundle: pack: " + err.Error())
	}
	g.packDown(dst, down)
	for n := range g.Bundles {
		b := dst[int64(n)*g.Bundle:][:g.Bundle]
		copy(b, gate[n*g.gate:][:g.gate])
		copy(b[g.gate:], up[n*g.up:][:g.up])
		end := g.payload()
		g.putFooter(b[end:], id, n, crc32.Checksum(b[:end], castagnoli()))
		clear(b[end+footerSize:])
	}
}

// Unpack gives the matrices of one expert back from its bundles: src is Stride
// bytes, gate, up and down are as long as the matrices. It checks that the
// footers are those of id, not the checksums of the data, and changes nothing
// where they are not.
func (g *Geometry) Unpack(gate, up, down, src []byte, id ID) error {
	if err := g.lengths(gate, up, down, src); err != nil {
		return fmt.Errorf("unpack %v: %w", id, err)
	}
	payload := g.payload()
	for n := range g.Bundles {
		if _, err := g.checkFooter(src[int64(n)*g.Bundle+int64(payload):][:footerSize], id, n); err != nil {
			return err
		}
	}
	for n := range g.Bundles {
		b := src[int64(n)*g.Bundle:]
		copy(gate[n*g.gate:], b[:g.gate])
		copy(up[n*g.up:], b[g.gate:][:g.up])
	}
	g.unpackDown(down, src)
	return nil
}

// Verify checks footers and checksums of an expert's bundles: src is Stride
// bytes.
func (g *Geometry) Verify(src []byte, id ID) error {
	if int64(len(src)) != g.Stride {
		return fmt.Errorf("verify %v: %d bytes, want %d", id, len(src), g.Stride)
	}
	payload := g.payload()
	for n := range g.Bundles {
		b := src[int64(n)*g.Bundle:]
		sum, err := g.checkFooter(b[payload:][:footerSize], id, n)
		if err != nil {
			return err
		}
		if found := crc32.Checksum(b[:payload], castagnoli()); found != sum {
			return fmt.Errorf("bundle %d of %v: %w: found %08x, want %08x", n, id, ErrChecksum, found, sum)
		}
	}
	return nil
}

// lengths checks the lengths of matrices and of bundles.
func (g *Geometry) lengths(gate, up, down, bundles []byte) error {
	if int64(len(gate)) != g.GateBytes || int64(len(up)) != g.UpBytes || int64(len(down)) != g.DownBytes || int64(len(bundles)) != g.Stride {
		return fmt.Errorf("matrices of %d, %d and %d bytes in bundles of %d, want %d, %d and %d in %d",
			len(gate), len(up), len(down), len(bundles), g.GateBytes, g.UpBytes, g.DownBytes, g.Stride)
	}
	return nil
}
