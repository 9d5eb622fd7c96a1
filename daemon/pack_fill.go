package daemon

import (
	"context"
	"fmt"

	"moed/flashio"
)

const (
	// packChunk is how much of a tensor is copied at a time.
	packChunk = 4 << 20
	// packRunBytes is about how much of a layer's experts is read at a time.
	packRunBytes = 16 << 20
)

// fill writes what the partial file does not have yet, and returns how much it
// had.
func (p *packer) fill(ctx context.Context) (resumed int64, err error) {
	next, fresh, err := p.target.resume(p.plan)
	if err != nil {
		return 0, err
	}
	if fresh {
		err = p.copyDense(ctx)
	} else {
		resumed = p.target.end
	}
	if err == nil {
		err = p.packExperts(ctx, next)
	}
	if err == nil {
		err = p.target.sync()
	}
	if err == nil {
		err = p.source.unchanged()
	}
	return resumed, err
}

// copyDense writes the header and the tensors that stay as they are. What lies
// between them is not written and reads as zero.
func (p *packer) copyDense(ctx context.Context) error {
	if err := p.target.write(p.plan.head, 0); err != nil {
		return err
	}
	buf := make([]byte, packChunk)
	for _, d := range p.plan.dense {
		for at := int64(0); at < d.size; at += packChunk {
			if err := p.stopped(ctx); err != nil {
				return err
			}
			b := buf[:min(packChunk, d.size-at)]
			if err := p.source.readAt(b, d.from+at); err != nil {
				return fmt.Errorf("tensor %q: %w", d.name, err)
			}
			if err := p.target.write(b, d.to+at); err != nil {
				return err
			}
			p.progress(false, p.target.end)
		}
	}
	return p.target.sync()
}

// stopped fails where the work should end.
func (p *packer) stopped(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped at byte %d of %d: %w", p.target.end, p.plan.size, err)
	}
	return p.source.unchanged()
}

// packRun is a few experts of one layer, one after the other.
type packRun struct {
	experts        []expertPlan
	gate, up, down []byte // where the source is a stock file
	bundles        []byte // where it is packed
	err            error  // of reading
}

// packExperts writes the experts from number next on. While some are packed and
// written, the next are read.
func (p *packer) packExperts(ctx context.Context, next int) error {
	most := int64(0)
	for rest := p.plan.experts[next:]; len(rest) > 0; rest = rest[runLength(rest):] {
		most = max(most, int64(runLength(rest))*rest[0].geometry.Stride)
	}
	if most == 0 {
		return nil
	}
	packed, err := flashio.NewArena(most, flashio.ArenaOptions{})
	if err != nil {
		return err
	}
	defer packed.Close()
	reading, stop := context.WithCancel(ctx)
	free, full := make(chan *packRun, 2), make(chan *packRun)
	free <- &packRun{}
	free <- &packRun{}
	go p.readRuns(reading, p.plan.experts[next:], free, full)
	defer func() {
		stop()
		for range full { // until it has ended
		}
	}()
	for r := range full {
		if r.err != nil {
			return r.err
		}
		if err := p.writeRun(r, packed); err != nil {
			return err
		}
		if err := p.stopped(ctx); err != nil {
			return err
		}
		p.progress(false, p.target.end)
		free <- r
	}
	return p.stopped(ctx)
}

// readRuns reads experts into the runs it gets from free and sends them to full,
// which it closes when all are read, one could not be, or ctx is done.
func (p *packer) readRuns(ctx context.Context, experts []expertPlan, free <-chan *packRun, full chan<- *packRun) {
	defer close(full)
	for len(experts) > 0 {
		var r *packRun
		select {
		case r = <-free:
		case <-ctx.Done():
			return
		}
		r.experts = experts[:runLength(experts)]
		experts = experts[len(r.experts):]
		r.err = p.readRun(r)
		select {
		case full <- r:
		case <-ctx.Done():
			return
		}
		if r.err != nil {
			return
		}
	}
}

// runLength is how many of the experts, of which there is at least one, make a
// run: those that follow the first in the source too.
func runLength(experts []expertPlan) int {
	n, bytes := 0, int64(0)
	for n < len(experts) && experts[n].layerPlan == experts[0].layerPlan && experts[n].Expert == experts[0].Expert+n &&
		(n == 0 || bytes+experts[n].Bytes() <= packRunBytes) {
		bytes += experts[n].Bytes()
		n++
	}
	return n
}

func (p *packer) readRun(r *packRun) error {
	first, n := &r.experts[0], int64(len(r.experts))
	g := first.geometry
	if first.Bundles.Group > 0 {
		return p.readBundles(r)
	}
	r.gate, r.up, r.down = sized(r.gate, n*g.GateBytes), sized(r.up, n*g.UpBytes), sized(r.down, n*g.DownBytes)
	at := int64(first.Expert)
	err := p.source.readAt(r.gate, first.Gate.Offset+at*g.GateBytes)
	if err == nil {
		err = p.source.readAt(r.up, first.Up.Offset+at*g.UpBytes)
	}
	if err == nil {
		err = p.source.readAt(r.down, first.Down.Offset+at*g.DownBytes)
	}
	if err != nil {
		return fmt.Errorf("%d experts from %v on: %w", n, first.ID, err)
	}
	return nil
}

// readBundles reads a run from a source that is packed already.
func (p *packer) readBundles(r *packRun) error {
	g, first := r.experts[0].geometry, &r.experts[0]
	r.bundles = sized(r.bundles, g.Stride*int64(len(r.experts)))
	if err := p.source.readAt(r.bundles, first.Bundles.Offset+int64(first.Expert)*g.Stride); err != nil {
		return fmt.Errorf("%d experts from %v on: %w", len(r.experts), first.ID, err)
	}
	for i := range r.experts {
		if err := g.Verify(r.bundles[int64(i)*g.Stride:][:g.Stride], r.experts[i].ID); err != nil {
			return fmt.Errorf("%s: %w", p.source.f.Name(), err)
		}
	}
	return nil
}

// matrices are those of expert i of the run.
func (r *packRun) matrices(i int) (gate, up, down []byte) {
	g, at := r.experts[0].geometry, int64(i)
	return r.gate[at*g.GateBytes:][:g.GateBytes], r.up[at*g.UpBytes:][:g.UpBytes], r.down[at*g.DownBytes:][:g.DownBytes]
}

func (p *packer) writeRun(r *packRun, memory *flashio.Arena) error {
	g := r.experts[0].geometry
	packed := memory.Bytes(0, g.Stride*int64(len(r.experts)))
	if r.experts[0].Bundles.Group > 0 {
		copy(packed, r.bundles)
		return p.target.writeBundles(packed, r.experts[0].to)
	}
	for i := range r.experts {
		gate, up, down := r.matrices(i)
		g.Pack(packed[int64(i)*g.Stride:][:g.Stride], r.experts[i].ID, gate, up, down)
	}
	return p.target.writeBundles(packed, r.experts[0].to)
}
