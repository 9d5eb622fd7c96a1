package flashio

import (
	"fmt"
	"io"
	"time"
)

// serve reads what is queued until Close.
func (r *Reader) serve() {
	defer r.workers.Done()
	rd := newRead()
	for r.next(rd) {
		if len(rd.pieces) > 0 {
			n, err := r.src.ReadVec(rd.bufs, rd.off)
			r.settle(rd, n, err)
		}
		for i, q := range rd.done {
			q.Done(q, rd.err[i])
		}
	}
}

// next waits for something to read and takes it, or, once the reader is
// closed, for something to fail. It returns false when nothing will come.
func (r *Reader) next(rd *read) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		for i := range r.queues {
			l := &r.queues[i]
			switch {
			case l.first == nil:
			case r.closed:
				rd.reset()
				r.drop(rd, l.first)
				return true
			case rd.take(l, r.info.MaxRead):
				r.begin(rd)
				return true
			}
		}
		if r.closed {
			return false
		}
		r.work.Wait()
	}
}

// drop fails q, or what has not been started of it. The caller holds mu.
func (r *Reader) drop(rd *read, q *Request) {
	q.remove()
	if q.err == nil {
		q.err = ErrClosed
	}
	r.conclude(rd, q, time.Now())
}

// begin accounts for a read that starts now. The caller holds mu.
func (r *Reader) begin(rd *read) {
	rd.begun = time.Now()
	if r.active == 0 {
		r.since = rd.begun
	}
	r.active++
	r.stats.Reads++
	r.stats.Merged += int64(len(rd.pieces) - 1)
	for i := range rd.pieces {
		q := rd.pieces[i].q
		if q.begun.IsZero() {
			q.begun = rd.begun
			r.stats.Queue.add(q.begun.Sub(q.submitted))
		}
	}
	if r.queues[Demand].first != nil || r.queues[Prefetch].first != nil {
		r.work.Signal() // wakes the next worker, which wakes the one after it
	}
}

// settle gives the n bytes that came to the pieces of rd, tries once more for
// those that miss some, and gathers the requests that have ended with them.
func (r *Reader) settle(rd *read, n int, err error) {
	if err != nil {
		n = 0
	}
	var retries int64
	off := rd.off
	for i := range rd.pieces {
		p := &rd.pieces[i]
		p.got = min(n, len(p.buf))
		n -= p.got
		if p.got < p.need {
			retries += r.again(rd, p, off, err)
		}
		off += int64(len(p.buf))
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Retries += retries
	r.stats.Read.add(now.Sub(rd.begun))
	if r.active--; r.active == 0 {
		r.stats.Busy += now.Sub(r.since)
	}
	for i := range rd.pieces {
		p := &rd.pieces[i]
		r.stats.Bytes += int64(p.got)
		p.q.Bytes += int64(p.got)
		p.q.pending--
		if p.err != nil && p.q.err == nil {
			p.q.err = p.err
			if p.q.list != nil {
				p.q.remove() // the rest is of no use
			}
		}
		r.conclude(rd, p.q, now)
	}
}

// again reads what p misses once more, and goes on as long as more comes. It
// returns the number of attempts. A merged read is tried again piece by piece,
// so that a bad spot fails none but those who want it.
func (r *Reader) again(rd *read, p *piece, off int64, cause error) (attempts int64) {
	for {
		from := p.got &^ (Alignment - 1)
		rd.again[0] = p.buf[from:]
		n, err := r.src.ReadVec(rd.again[:], off+int64(from))
		attempts++
		if err != nil {
			cause, n = err, 0
		}
		before := p.got
		p.got = max(p.got, from+n)
		if p.got >= p.need {
			return attempts
		}
		if p.got&^(Alignment-1) == before&^(Alignment-1) {
			break
		}
	}
	if cause == nil {
		cause = io.ErrUnexpectedEOF
		if err := r.src.Check(); err != nil {
			cause = fmt.Errorf("%w: %w", cause, err)
		}
	}
	p.err = &ReadError{Name: r.info.Name, Offset: off, Length: int64(p.need), Err: cause}
	return attempts
}

// conclude puts q among those of rd that have ended, if it has. The caller
// holds mu.
func (r *Reader) conclude(rd *read, q *Request, now time.Time) {
	if q.pending > 0 || q.list != nil || !q.busy {
		return
	}
	q.busy = false
	q.Queued = now.Sub(q.submitted)
	if !q.begun.IsZero() {
		q.Queued, q.Reading = q.begun.Sub(q.submitted), now.Sub(q.begun)
	}
	r.stats.Requests++
	if q.err != nil {
		r.stats.Failed++
	}
	rd.done = append(rd.done, q)
	rd.err = append(rd.err, q.err)
}
