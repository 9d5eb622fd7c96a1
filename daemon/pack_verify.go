package daemon

import (
	"bytes"
	"context"
	"fmt"
	"os"
)

// verify reads the packed file f and the source and compares them bit for bit.
func (p *packer) verify(ctx context.Context, f *os.File) error {
	if !p.plan.matches(f) {
		return fmt.Errorf("%s: %w: header", f.Name(), errPackDiffers)
	}
	if err := p.verifyDense(ctx, f); err != nil {
		return err
	}
	r, packed := &packRun{}, []byte(nil)
	for i := 0; i < len(p.plan.experts); i += len(r.experts) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped comparing %s: %w", f.Name(), err)
		}
		rest := p.plan.experts[i:]
		r.experts = rest[:runLength(rest)]
		packed = sized(packed, r.experts[0].geometry.Stride*int64(len(r.experts)))
		if err := p.verifyRun(r, f, packed); err != nil {
			return err
		}
		p.progress(true, p.plan.end(i+len(r.experts)-1))
	}
	return p.source.unchanged()
}

func (p *packer) verifyDense(ctx context.Context, f *os.File) error {
	want, found := make([]byte, packChunk), make([]byte, packChunk)
	for _, d := range p.plan.dense {
		for at := int64(0); at < d.size; at += packChunk {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("stopped comparing %s: %w", f.Name(), err)
			}
			n := min(packChunk, d.size-at)
			if err := p.source.readAt(want[:n], d.from+at); err != nil {
				return fmt.Errorf("tensor %q: %w", d.name, err)
			}
			if err := readPacked(f, found[:n], d.to+at); err != nil {
				return fmt.Errorf("tensor %q: %w", d.name, err)
			}
			if !bytes.Equal(want[:n], found[:n]) {
				return fmt.Errorf("%s: %w: tensor %q", f.Name(), errPackDiffers, d.name)
			}
			p.progress(true, d.to+at+n)
		}
	}
	return nil
}

func (p *packer) verifyRun(r *packRun, f *os.File, packed []byte) error {
	if err := p.readRun(r); err != nil {
		return err
	}
	g := r.experts[0].geometry
	if err := readPacked(f, packed, r.experts[0].to); err != nil {
		return err
	}
	if r.experts[0].Bundles.Group > 0 {
		if !bytes.Equal(packed, r.bundles) {
			return fmt.Errorf("%s: %w: %v or the next", f.Name(), errPackDiffers, r.experts[0].ID)
		}
		return nil
	}
	gate, up, down := make([]byte, g.GateBytes), make([]byte, g.UpBytes), make([]byte, g.DownBytes)
	for i := range r.experts {
		id, bundles := r.experts[i].ID, packed[int64(i)*g.Stride:][:g.Stride]
		err := g.Verify(bundles, id)
		if err == nil {
			err = g.Unpack(gate, up, down, bundles, id)
		}
		if err != nil {
			return fmt.Errorf("%s: %w: %w", f.Name(), errPackDiffers, err)
		}
		wantGate, wantUp, wantDown := r.matrices(i)
		if !bytes.Equal(gate, wantGate) || !bytes.Equal(up, wantUp) || !bytes.Equal(down, wantDown) {
			return fmt.Errorf("%s: %w: %v", f.Name(), errPackDiffers, id)
		}
	}
	return nil
}

// readPacked fills b from the packed file and gives the page cache back.
func readPacked(f *os.File, b []byte, off int64) error {
	if _, err := f.ReadAt(b, off); err != nil {
		return fmt.Errorf("read %s at byte %d: %w", f.Name(), off, err)
	}
	forgetPages(f, off, int64(len(b)))
	return nil
}
