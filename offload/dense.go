package offload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"

	"moed/flashio"
)

// Range is a part of a file, in bytes.
type Range struct {
	Offset, Size int64
}

// Dense holds parts of a file in anonymous memory: the weights that every token
// needs. Unlike a mapping's its pages are not the first that the kernel takes
// when memory is short, and a file that is cut off cannot kill the process. It
// is not changed after it is made.
type Dense struct {
	arena *flashio.Arena
	runs  []run // ascending, apart from each other
}

// run is a range of the file and where it lies in the arena.
type run struct {
	Range
	at int64 // of the first byte of the window around it
}

// denseRead is the size of one request: enough to keep a device busy, and small
// enough for a progress report.
const denseRead = 16 << 20

// ReadDense reads ranges with r, which may touch or overlap, and calls progress,
// if that is set, from time to time. The caller closes the result.
func ReadDense(ctx context.Context, r *flashio.Reader, ranges []Range, progress func(done, total int64)) (_ *Dense, err error) {
	d := &Dense{runs: join(ranges)}
	total := int64(0)
	for i := range d.runs {
		d.runs[i].at = total
		_, length, _ := flashio.Window(d.runs[i].Offset, d.runs[i].Size)
		total += length
	}
	if d.arena, err = flashio.NewArena(max(total, flashio.Alignment), flashio.ArenaOptions{Lock: true}); err != nil {
		return nil, err
	}
	if err := d.read(ctx, r, total, progress); err != nil {
		return nil, errors.Join(err, d.arena.Close())
	}
	return d, nil
}

// join sorts ranges and unites those whose windows touch.
func join(ranges []Range) []run {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b Range) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	var runs []run
	for _, r := range sorted {
		if n := len(runs); n > 0 {
			last := &runs[n-1]
			start, length, _ := flashio.Window(last.Offset, last.Size)
			if r.Offset <= start+length {
				last.Size = max(last.Offset+last.Size, r.Offset+r.Size) - last.Offset
				continue
			}
		}
		runs = append(runs, run{Range: r})
	}
	return runs
}

// read fills the arena. It returns when no read is under way any more.
func (d *Dense) read(ctx context.Context, r *flashio.Reader, total int64, progress func(done, total int64)) error {
	type result struct {
		bytes int64
		err   error
	}
	requests := d.requests()
	results := make(chan result, len(requests)) // never blocks a Done
	for _, q := range requests {
		q.Done = func(q *flashio.Request, err error) { results <- result{q.Bytes, err} }
		r.Submit(q)
	}
	var failure error
	stop := func(err error) {
		if failure != nil {
			return
		}
		failure = err
		for _, q := range requests {
			if r.Cancel(q) {
				results <- result{}
			}
		}
	}
	cancelled, done := ctx.Done(), int64(0)
	for left := len(requests); left > 0; {
		select {
		case got := <-results:
			left--
			if got.err != nil {
				stop(fmt.Errorf("read dense weights: %w", got.err))
			}
			if done += got.bytes; progress != nil && failure == nil {
				progress(min(done, total), total)
			}
		case <-cancelled:
			stop(ctx.Err())
			cancelled = nil
		}
	}
	return failure
}

// requests cuts the runs into reads.
func (d *Dense) requests() []*flashio.Request {
	var all []*flashio.Request
	for _, r := range d.runs {
		start, length, skip := flashio.Window(r.Offset, r.Size)
		end := int64(skip) + r.Size
		for at := int64(0); at < end; at += denseRead {
			n := min(denseRead, length-at)
			all = append(all, &flashio.Request{Parts: []flashio.Part{{
				Offset: start + at, Into: d.arena.Buffer(r.at+at, n), Need: min(n, end-at)}}})
		}
	}
	return all
}

// Bytes is a part of a range that was read; it panics for any other.
func (d *Dense) Bytes(offset, size int64) []byte {
	i := sort.Search(len(d.runs), func(i int) bool { return d.runs[i].Offset > offset }) - 1
	r := d.runs[i]
	if offset+size > r.Offset+r.Size {
		panic(fmt.Sprintf("offload: %d bytes at %d are not dense weights", size, offset))
	}
	_, _, skip := flashio.Window(r.Offset, r.Size)
	return d.arena.Bytes(r.at+int64(skip)+offset-r.Offset, size)
}

// Size is the memory held, in bytes.
func (d *Dense) Size() int64 { return d.arena.Size() }

// Close gives the memory back.
func (d *Dense) Close() error { return d.arena.Close() }

// DenseBytes is the memory that ReadDense takes for ranges.
func DenseBytes(ranges []Range) int64 {
	total := int64(0)
	for _, r := range join(ranges) {
		_, length, _ := flashio.Window(r.Offset, r.Size)
		total += length
	}
	return total
}
