package kernels

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A Task is work cut into chunks that may run in any order and at the same
// time. worker is in [0, Threads) and no two chunks run on one worker at once,
// so it can pick scratch memory.
type Task interface {
	Do(worker, chunk int)
}

// Pool is a fixed set of workers for work of a few microseconds to a few
// milliseconds. The caller of Run is worker 0; the others spin for a bounded
// time after each run, since the next one usually follows within microseconds,
// and then sleep. Chunks are claimed one by one, so that a worker that the
// system has taken off its core delays only the chunk it holds.
//
// A Pool serves one Run at a time.
type Pool struct {
	threads int
	scratch []scratch

	task   Task
	chunks int64

	// next is the first chunk not claimed, or closed between runs.
	next atomic.Int64
	// done counts the chunks finished.
	done atomic.Int64
	// inside counts the workers that may read task: Run does not return, and
	// so task does not change, before it is zero.
	inside atomic.Int64

	asleep atomic.Int64
	wake   chan struct{}
	quit   chan struct{}
	ended  sync.WaitGroup
}

const (
	closed = 1 << 40 // above any chunk number
	// spins bounds how long an idle worker polls before it sleeps: about a
	// quarter of a millisecond, longer than any gap within a decode step.
	spins = 4000
)

// NewPool starts threads-1 workers (threads below 1 counts as 1). They end at
// Close.
func NewPool(threads int) *Pool {
	p := &Pool{threads: max(threads, 1), wake: make(chan struct{}, max(threads, 1)), quit: make(chan struct{})}
	p.scratch = make([]scratch, p.threads)
	for i := range p.scratch {
		p.scratch[i].panels = alignedFloats(maxPanels / 4)
	}
	p.next.Store(closed)
	for w := 1; w < p.threads; w++ {
		p.ended.Add(1)
		go p.work(w) // ends when quit is closed
	}
	return p
}

// Threads is the number of workers, the caller included.
func (p *Pool) Threads() int { return p.threads }

// PoolBytes is the memory that a pool holds for that many workers.
func PoolBytes(threads int) int { return threads * maxPanels }

// Close ends the workers and waits for them. No Run may be under way.
func (p *Pool) Close() {
	close(p.quit)
	p.ended.Wait()
}

// Run does all chunks of t and returns when they are done.
func (p *Pool) Run(chunks int, t Task) {
	if chunks == 1 || p.threads == 1 {
		for c := range chunks {
			t.Do(0, c)
		}
		return
	}
	if chunks <= 0 {
		return
	}
	p.task, p.chunks = t, int64(chunks)
	p.done.Store(0)
	p.next.Store(0)
	for n := min(p.asleep.Load(), int64(chunks-1)); n > 0; n-- {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	p.claim(0)
	for i := 0; p.done.Load() < int64(chunks); i++ {
		relax(i)
	}
	p.next.Store(closed)
	for i := 0; p.inside.Load() != 0; i++ {
		relax(i)
	}
	p.task = nil
}

// claim does chunks until none is left.
func (p *Pool) claim(worker int) {
	for {
		c := p.next.Load()
		if c >= p.chunks {
			return
		}
		if p.next.CompareAndSwap(c, c+1) {
			p.task.Do(worker, int(c))
			p.done.Add(1)
		}
	}
}

func (p *Pool) work(worker int) {
	defer p.ended.Done()
	for idle := 0; ; idle++ {
		if p.next.Load() < closed {
			p.inside.Add(1)
			// Only a worker that is inside while next is open may look at
			// chunks and task.
			if c := p.next.Load(); c < closed && c < p.chunks {
				p.claim(worker)
				idle = 0
			}
			p.inside.Add(-1)
		}
		if idle < spins {
			relax(idle)
			continue
		}
		select {
		case <-p.quit:
			return
		default:
		}
		if !p.sleep() {
			return
		}
		idle = 0
	}
}

// sleep blocks until a run may need the worker; it is false at the end.
func (p *Pool) sleep() bool {
	p.asleep.Add(1)
	defer p.asleep.Add(-1)
	// A run that began before asleep was counted did not send a wake-up.
	if p.next.Load() < closed {
		return true
	}
	select {
	case <-p.wake:
		return true
	case <-p.quit:
		return false
	}
}

// relax is called in a polling loop with its count.
func relax(i int) {
	if i&255 == 255 {
		runtime.Gosched()
		return
	}
	pause()
}
