package flashio

import (
	"fmt"
	"time"
)

// A Priority says which requests go first: every Demand that is queued goes
// before any Prefetch, and within one priority the first come goes first.
type Priority uint8

const (
	Demand   Priority = iota // somebody waits for it
	Prefetch                 // somebody may want it later
	priorities
)

// A Part is one range of the file and where its bytes go.
type Part struct {
	Offset int64  // in the file, a multiple of Alignment
	Into   Buffer // the caller may not touch it from Submit until Done
	// Need is how many bytes must come, 1 to Into.Len(). What lies behind them,
	// up to the next multiple of Alignment, is read where the file has it, and
	// the rest of Into is left alone.
	Need int64
}

// A Request is a batch of parts. The caller owns it but for the time from
// Submit until Done is called or Cancel returns true, and may submit it again
// after that, from within Done too.
type Request struct {
	Parts    []Part // in the order in which they are wanted; at least one
	Priority Priority
	// Done is called exactly once, unless Cancel returned true, when all parts
	// have come or one has failed for good and none is being read any more. It
	// runs on a goroutine of the Reader and must not block: others wait behind
	// it. Those of different requests run concurrently.
	Done func(q *Request, err error)

	// Filled in before Done.
	Bytes   int64         // that came from the file
	Queued  time.Duration // from Submit until the first read began
	Reading time.Duration // from then on until the last one ended

	// The Reader's, under its mutex.
	next, prev *Request
	list       *queue // nil when nothing is left to be started
	part       int    // the next to be started, and
	at         int64  // how much of it has been started
	pending    int    // reads begun and not ended
	busy       bool   // from Submit until Done or Cancel
	err        error  // the first
	submitted  time.Time
	begun      time.Time
}

// check panics where a request is not what Submit wants; it is the caller that
// computed it.
func (q *Request) check() {
	if len(q.Parts) == 0 || q.Done == nil || q.Priority >= priorities {
		panic("flashio: a request wants parts, a priority and a function to call when done")
	}
	for i, p := range q.Parts {
		if p.Offset < 0 || p.Offset%Alignment != 0 || p.Need < 1 || p.Need > p.Into.Len() {
			panic(fmt.Sprintf("flashio: part %d reads %d of %d bytes at %d", i, p.Need, p.Into.Len(), p.Offset))
		}
	}
}

// length returns how many bytes of p are read: Need, to the next alignment.
func (p *Part) length() int64 { return alignUp(p.Need, Alignment) }

// queue is a list of requests, linked through themselves so that queueing
// allocates nothing.
type queue struct{ first, last *Request }

func (l *queue) push(q *Request) {
	q.list, q.prev, q.next = l, l.last, nil
	if l.last != nil {
		l.last.next = q
	} else {
		l.first = q
	}
	l.last = q
}

// remove takes q out of the queue that it is in.
func (q *Request) remove() {
	if q.prev != nil {
		q.prev.next = q.next
	} else {
		q.list.first = q.next
	}
	if q.next != nil {
		q.next.prev = q.prev
	} else {
		q.list.last = q.prev
	}
	q.list, q.prev, q.next = nil, nil, nil
}
