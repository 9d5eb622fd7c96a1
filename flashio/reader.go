package flashio

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Errors of requests and of Check, to be asked for with errors.Is.
var (
	ErrClosed  = errors.New("reader is closed")
	ErrChanged = errors.New("file has changed since it was opened")
)

// A ReadError is a read that failed twice, or found the file too short.
type ReadError struct {
	Name   string // of the file
	Offset int64
	Length int64 // bytes that had to come
	Err    error
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("read %d bytes at %d of %s: %v", e.Length, e.Offset, e.Name, e.Err)
}

func (e *ReadError) Unwrap() error { return e.Err }

// A Source is the file under a Reader. It must be safe for concurrent use.
type Source interface {
	// ReadVec fills bufs, one after the other, with the file's bytes from off
	// on, and returns how many came. It blocks. Buffers and off are aligned.
	// Fewer bytes without an error mean that the file has ended, or that
	// the rest should be asked for again.
	ReadVec(bufs [][]byte, off int64) (int, error)
	// Check returns an error that is ErrChanged where the file is no longer
	// what was opened.
	Check() error
	// Close is called once, when no read is under way.
	Close() error
}

// A Reader reads parts of one file, several at once: demands before prefetches,
// neighbours together, long parts in pieces. A read that fails is tried once
// more. Its methods are safe for concurrent use and none but Close and Check
// blocks.
type Reader struct {
	src  Source
	info Info

	mu     sync.Mutex
	work   sync.Cond // something was queued, or the end has come
	queues [priorities]queue
	closed bool
	active int // reads under way
	since  time.Time
	stats  Stats

	workers sync.WaitGroup
	closing sync.Once
	end     error // of closing
}

// NewReader reads from src, which it closes in the end. The name is for errors.
func NewReader(src Source, name string, size int64, o Options) *Reader {
	o = o.withDefaults()
	r := &Reader{src: src, info: Info{
		Name: name, Size: size, Backend: o.Backend, InFlight: o.InFlight, MaxRead: o.MaxRead,
		Rate: o.Rate, Latency: o.Latency,
	}}
	if o.Rate > 0 || o.Latency > 0 {
		r.src = newThrottle(src, o)
	}
	r.work.L = &r.mu
	r.workers.Add(o.InFlight)
	for range o.InFlight {
		go r.serve() // ends when Close was called and the queues are empty
	}
	return r
}

// Info tells what was opened and how it is read.
func (r *Reader) Info() Info { return r.info }

// Submit queues q. After Close it fails, also by way of Done.
func (r *Reader) Submit(q *Request) {
	q.check()
	now := time.Now()
	r.mu.Lock()
	if q.busy {
		r.mu.Unlock()
		panic("flashio: a request was submitted while it was under way")
	}
	q.Bytes, q.Queued, q.Reading = 0, 0, 0
	q.part, q.at, q.pending, q.err = 0, 0, 0, nil
	q.submitted, q.begun = now, time.Time{}
	if r.closed {
		r.mu.Unlock()
		go q.Done(q, ErrClosed) // ends with Done; the caller may hold a lock that Done takes
		return
	}
	q.busy = true
	r.queues[q.Priority].push(q)
	r.mu.Unlock()
	r.work.Signal()
}

// Raise turns a prefetch into a demand, behind those that are queued. What has
// been started of it, or all of it, is not affected.
func (r *Reader) Raise(q *Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !q.busy || q.list != &r.queues[Prefetch] {
		return
	}
	q.remove()
	r.queues[Demand].push(q)
	r.stats.Raised++
}

// Cancel takes q out of the queue and reports true where no read of it has
// begun. Else Done is called, or was.
func (r *Reader) Cancel(q *Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !q.busy || q.list == nil || !q.begun.IsZero() {
		return false
	}
	q.remove()
	q.busy = false
	r.stats.Canceled++
	return true
}

// Stats returns the counts so far.
func (r *Reader) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	if r.active > 0 {
		s.Busy += time.Since(r.since)
	}
	return s
}

// Check returns an error that is ErrChanged where the file was modified,
// truncated or replaced since it was opened.
func (r *Reader) Check() error { return r.src.Check() }

// Close fails what is queued with ErrClosed, waits for what is being read, and
// for every Done, and closes the file. It must not be called from a Done.
func (r *Reader) Close() error {
	r.closing.Do(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.work.Broadcast()
		r.workers.Wait()
		r.end = r.src.Close()
	})
	return r.end
}
