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

// makeBounces makes them for a model that has packed layers, on any disk.
func (s *Store) makeBounces() error {
	size, reads := int64(0), 0
	for _, d := range s.disks {
		largest, err := s.bounce(d)
		if err != nil {
			return err
		}
		if largest > 0 {
			size, reads = max(size, largest), reads+d.reader.Info().InFlight
		}
	}
	if size == 0 {
		return nil
	}
	count := int64(bounceFactor * reads)
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

// bounce finds the geometries of a disk's packed layers, and how large the
// largest expert is: 0 where none is packed.
func (s *Store) bounce(d *disk) (largest int64, err error) {
	for i := range d.layers {
		l := &d.layers[i]
		if l.bundles.Group == 0 {
			continue
		}
		as := s.layers[i].Layer
		as.Bundles = l.bundles
		if l.packed, err = geometry(&as); err != nil {
			if d.number > 0 {
				return 0, fmt.Errorf("disk %q: layer %d: %w", d.name, i, err)
			}
			return 0, fmt.Errorf("layer %d: %w", i, err)
		}
		largest = max(largest, l.bundles.Stride)
	}
	return largest, nil
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
// the model was packed: a byte that the disk has lost since does not pass. They
// do not tell models apart, so that a disk's file must also be the one that was
// opened; who computes with the model's own looks after that.
func (s *Store) land(rd *read) error {
	l, id := &s.layers[rd.layer], bundle.ID{Layer: int(rd.layer), Expert: int(rd.expert)}
	src, packed := rd.place.used.Bytes(), rd.disk.layers[rd.layer].packed
	if rd.disk.number > 0 {
		if err := rd.disk.reader.Check(); err != nil {
			return err
		}
	}
	if err := packed.Verify(src, id); err != nil {
		return err
	}
	var m [3][]byte
	for k := range m {
		m[k] = l.matrix(rd.slot, int(rd.expert), k)
	}
	return packed.Unpack(m[0], m[1], m[2], src, id)
}
