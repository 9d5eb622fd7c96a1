package flashio

import "time"

// maxPieces bounds how many buffers one read scatters into.
const maxPieces = 16

// A read is what goes to the Source at once: a range of the file, scattered
// into pieces of one or more requests. Each worker has one and uses it again.
type read struct {
	off    int64
	size   int64
	pieces []piece
	bufs   [][]byte // of the pieces, for the Source
	begun  time.Time
	done   []*Request // that ended with this read
	err    []error    // beside done
	again  [1][]byte  // for what is read a second time
}

// A piece is a stretch of one part of one request.
type piece struct {
	q    *Request
	buf  []byte
	need int // bytes at its front that must come
	got  int
	err  error
}

func newRead() *read {
	return &read{
		pieces: make([]piece, 0, maxPieces), bufs: make([][]byte, 0, maxPieces),
		done: make([]*Request, 0, maxPieces), err: make([]error, 0, maxPieces),
	}
}

func (rd *read) reset() {
	clear(rd.pieces)
	rd.pieces, rd.bufs, rd.done, rd.err = rd.pieces[:0], rd.bufs[:0], rd.done[:0], rd.err[:0]
	rd.off, rd.size = 0, 0
}

// share returns how much of what is left to read at once: all of it up to most,
// and else an even share of it, so that no small remainder is left.
func share(left, most int64) int64 {
	if left <= most {
		return left
	}
	reads := (left + most - 1) / most
	return min(alignUp((left+reads-1)/reads, Alignment), most)
}

// take moves the front of l into rd: one stretch of at most most bytes, and
// behind it those that continue it in the file, as long as they fit whole. A
// request that has nothing left to start leaves l. It reports whether there was
// anything.
func (rd *read) take(l *queue, most int64) bool {
	rd.reset()
	for l.first != nil && len(rd.pieces) < maxPieces {
		q := l.first
		p := &q.Parts[q.part]
		off, left := p.Offset+q.at, p.length()-q.at
		n := share(left, most)
		switch {
		case len(rd.pieces) == 0:
			rd.off = off
		case off != rd.off+rd.size || n != left || rd.size+n > most:
			return true
		}
		buf := p.Into.data[q.at : q.at+n : q.at+n]
		rd.pieces = append(rd.pieces, piece{q: q, buf: buf, need: int(min(p.Need-q.at, n))})
		rd.bufs = append(rd.bufs, buf)
		rd.size += n
		q.pending++
		if q.at += n; q.at == p.length() {
			q.part, q.at = q.part+1, 0
		}
		if q.part == len(q.Parts) {
			q.remove()
		}
	}
	return len(rd.pieces) > 0
}
