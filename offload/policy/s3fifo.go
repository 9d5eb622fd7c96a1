package policy

import (
	"fmt"
	"slices"
)

// S3FIFO serves the steps from a cache that starts empty and gives up by
// S3-FIFO: new experts wait in a small queue of a tenth of the bytes, those
// wanted again while there move to the main queue, and a ghost queue remembers
// the names of those that were not (Yang et al., FIFO Queues are All You Need
// for Cache Eviction, SOSP 2023, algorithm 1). It is a cache of its own and no
// Policy, to compare with: c must be in bytes, in one part, with nothing known
// beforehand.
func S3FIFO(steps []Step, s Shape, c Cache) (Result, error) {
	if c.Slots != 0 || c.PerLayer || c.Ahead != 0 {
		return Result{}, fmt.Errorf("replay: s3-fifo serves one cache in bytes; found slots %d, per layer %t, ahead %d", c.Slots, c.PerLayer, c.Ahead)
	}
	if err := check(steps, s, c); err != nil {
		return Result{}, err
	}
	r := newReplayer(steps, s, c)
	n := s.Layers * s.Experts
	r.chooser = &byQueues{replayer: r, often: make([]uint8, n), ghostly: make([]bool, n), ghosts: mainExperts(c)}
	return r.run(), nil
}

// mainExperts is how many experts of mean size the main queue has room for.
func mainExperts(c Cache) int {
	var sum, n int64
	for _, size := range c.Size {
		if size > 0 {
			sum, n = sum+size, n+1
		}
	}
	if n == 0 {
		return 0
	}
	return int(max(c.Bytes-c.Bytes/10, 0) / (sum / n))
}

// byQueues evicts by S3-FIFO.
type byQueues struct {
	*replayer
	small, main fifo
	often       []uint8 // [cell] hits since it joined its queue, 3 at most
	ghost       []int32 // cells that left the small queue, the oldest first
	ghostly     []bool  // [cell] in ghost
	ghosts      int     // capacity of ghost
}

// fifo is a queue of held cells, the oldest first.
type fifo struct {
	cells []int32
	bytes int64
}

func (b *byQueues) serve(i int) {
	for _, e := range b.steps[i].Experts {
		if cell := b.cell(b.steps[i].Layer, e); b.place[cell] >= 0 {
			b.often[cell] = min(b.often[cell]+1, 3)
		}
	}
	for _, cell := range b.missed {
		if !b.ghostly[cell] {
			b.push(&b.small, cell, 0)
			continue
		}
		at := slices.Index(b.ghost, cell)
		b.ghost, b.ghostly[cell] = slices.Delete(b.ghost, at, at+1), false
		b.push(&b.main, cell, 0)
	}
}

// victim takes from the small queue while that has its share, and from the
// other queue where the batch at hand wants all of the first.
func (b *byQueues) victim(_, _ int) (int32, bool) {
	if b.small.bytes >= b.cache.Bytes/10 {
		if cell, ok := b.fromSmall(); ok {
			return cell, true
		}
		return b.fromMain()
	}
	if cell, ok := b.fromMain(); ok {
		return cell, true
	}
	return b.fromSmall()
}

// fromSmall moves what was wanted more than once to the main queue, until
// something was not, or the main queue has more than its share and gives one up
// itself.
func (b *byQueues) fromSmall() (int32, bool) {
	for {
		at := b.oldest(&b.small)
		if at < 0 {
			return -1, false
		}
		cell := b.take(&b.small, at)
		if b.often[cell] <= 1 {
			b.remember(cell)
			return cell, true
		}
		b.push(&b.main, cell, 0)
		if b.main.bytes > b.cache.Bytes-b.cache.Bytes/10 {
			return b.fromMain()
		}
	}
}

// fromMain gives what was wanted since it came another round for each time.
func (b *byQueues) fromMain() (int32, bool) {
	for {
		at := b.oldest(&b.main)
		if at < 0 {
			return -1, false
		}
		cell := b.take(&b.main, at)
		if b.often[cell] == 0 {
			return cell, true
		}
		b.push(&b.main, cell, b.often[cell]-1)
	}
}

// oldest is the index in q of the oldest cell that the batch at hand does not
// want, -1 if there is none.
func (b *byQueues) oldest(q *fifo) int {
	return slices.IndexFunc(q.cells, func(cell int32) bool { return b.touched[cell] <= b.batch })
}

func (b *byQueues) push(q *fifo, cell int32, often uint8) {
	q.cells = append(q.cells, cell)
	q.bytes += b.cache.Size[b.keys[cell].Layer]
	b.often[cell] = often
}

func (b *byQueues) take(q *fifo, at int) int32 {
	cell := q.cells[at]
	q.cells = slices.Delete(q.cells, at, at+1)
	q.bytes -= b.cache.Size[b.keys[cell].Layer]
	return cell
}

// remember puts a cell into the ghost queue, whose oldest may go for it.
func (b *byQueues) remember(cell int32) {
	if b.ghosts == 0 {
		return
	}
	if len(b.ghost) >= b.ghosts {
		b.ghostly[b.ghost[0]] = false
		b.ghost = slices.Delete(b.ghost, 0, 1)
	}
	b.ghost, b.ghostly[cell] = append(b.ghost, cell), true
}
