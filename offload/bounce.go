package offload

import (
	"fmt"

	"moed/flashio"
	"moed/flashio/bundle"
	"moed/moe/expert"
)

// bounces are the places where packed experts land before they are taken apart
// into their slots.
type bounces struct {
	arena *flashio.Arena
	idle  []flashio.Buffer
}

// bounceFactor is how many places there are for each read in flight: one to
// read into, and one whose expert is being taken apart.
const bounceFactor = 2

// makeBounces makes them for a model that has packed layers.
func (s *Store) makeBounces() error {
	size := int64(0)
	for i := range s.layers {
		l := &s.layers[i]
		if l.Bundles.Group == 0 {
			continue
		}
		var err error
		if l.packed, err = geometry(&l.Layer); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		size = max(size, l.Bundles.Stride)
	}
	if size == 0 {
		return nil
	}
	count := int64(bounceFactor * s.reader.Info().InFlight)
	arena, err := flashio.NewArena(count*size, flashio.ArenaOptions{})
	if err != nil {
		return err
	}
	s.bounces = &bounces{arena: arena}
	for i := range count {
		s.bounces.idle = append(s.bounces.idle, arena.Buffer(i*size, size))
	}
	return nil
}

// geometry is that of a packed layer, whose stride must be the file's.
func geometry(l *expert.Layer) (*bundle.Geometry, error) {
	shape := func(s *expert.Stack) bundle.Shape { return bundle.Shape{Type: s.Type, Rows: s.Rows, Cols: s.Cols} }
	g, err := bundle.New(shape(&l.Gate), shape(&l.Up), shape(&l.Down), l.Bundles.Group)
	if err != nil {
		return nil, err
	}
	if g.Stride != l.Bundles.Stride || l.Bundles.Offset%flashio.Alignment != 0 {
		return nil, fmt.Errorf("bundles of %d neurons lie at %d and every %d bytes, want a multiple of %d and every %d",
			l.Bundles.Group, l.Bundles.Offset, l.Bundles.Stride, flashio.Alignment, g.Stride)
	}
	return g, nil
}

// free reports whether there is a place.
func (b *bounces) free() bool { return len(b.idle) > 0 }

// take gives a place of n bytes out, and give takes it back.
func (b *bounces) take(n int64) place {
	last := b.idle[len(b.idle)-1]
	b.idle = b.idle[:len(b.idle)-1]
	return place{whole: last, used: last.Slice(0, n)}
}

func (b *bounces) give(p place) { b.idle = append(b.idle, p.whole) }

// place is a place to land, and how much of it one expert takes.
type place struct {
	whole, used flashio.Buffer
}

// land takes a packed expert apart into its slot. The checksums were made when
// the model was packed: a byte that the disk has lost since does not pass.
func (s *Store) land(rd *read) error {
	l, id := &s.layers[rd.layer], bundle.ID{Layer: int(rd.layer), Expert: int(rd.expert)}
	src := rd.place.used.Bytes()
	if err := l.packed.Verify(src, id); err != nil {
		return err
	}
	var m [3][]byte
	for k := range m {
		m[k] = l.matrix(rd.slot, int(rd.expert), k)
	}
	return l.packed.Unpack(m[0], m[1], m[2], src, id)
}
