package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"moed/moe"
	"moed/offload/budget"
)

// loop advances all requests of an engine together, on one goroutine that lives
// while there is work. Each turn is one Step of the model: the next token of
// running answers, and a chunk of the prompts that wait, which goes as many
// layers as the answers' pace allows (pace.go). An expert that several of them
// want is fetched once.
type loop struct {
	engine *Engine
	model  *moe.Model
	ctx    context.Context // ends with close
	stop   context.CancelFunc
	wake   chan struct{} // [1]
	gone   chan struct{} // closed when the goroutine has ended; nil while there is none
	steps  atomic.Uint64 // forward passes, and layers of them
	turns  int64

	mu      sync.Mutex // guards what follows, and the info and cause of each generation
	all     []*generation
	closing error // why new ones are refused, or nil
	counter uint64
	counts  EngineStats
	rate    meter
	heat    heat
	active  bool // the goroutine runs

	// The goroutine's own.
	fair    *fair
	pace    pace
	chunk   *moe.Chunk
	parts   []portion // of the chunk
	tokens  []moe.Token
	batch   []moe.Token
	running []*generation // of batch
	alone   []*generation // to be stepped one by one, since a step of all has failed
	kept    *prefixes
	seats   int // requests that may be worked on: fewer after one was preempted
	most    int // of seats
}

// portion is the tokens of a chunk that are one request's.
type portion struct {
	g *generation
	n int
}

const (
	// Requests that are worked on at a time, and that may wait, of all callers and
	// of one.
	maxParallel = 32
	maxWaiting  = 256
	maxCallers  = 64
	busyAfter   = 2 * time.Second
)

func newLoop(e *Engine, c Config) *loop {
	l := &loop{engine: e, model: e.model, wake: make(chan struct{}, 1), fair: newFair()}
	l.ctx, l.stop = context.WithCancel(context.Background())
	o := e.model.Options()
	l.most = min(maxParallel, max(o.Batch/2, 1))
	l.seats = l.most
	l.pace = pace{layers: e.model.Config().Layers, most: o.Batch}
	l.kept = newPrefixes(e, c)
	if e.memory != nil {
		e.memory.relieve(l.kept.drop)
	}
	e.listeners.add(l.hear)
	return l
}

// submit hands a request to the loop.
func (l *loop) submit(g *generation) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing != nil {
		return l.closing
	}
	waiting, own := 0, 0
	for _, x := range l.all {
		if x.info.Phase == PhaseQueued {
			waiting++
			if x.request.Caller.Key() == g.request.Caller.Key() {
				own++
			}
		}
	}
	if waiting >= maxWaiting || own >= maxCallers {
		return &BusyError{Reason: fmt.Sprintf("%d requests wait already", waiting), After: busyAfter}
	}
	l.counter++
	g.number = l.counter
	c := g.request.Caller
	id := g.request.ID
	if id == "" {
		id = fmt.Sprintf("%s-%d", l.engine.name, g.number)
	}
	g.info = RequestInfo{ID: id, Model: l.engine.name, UID: c.UID, PID: c.PID, Token: c.Token, Phase: PhaseQueued, Began: g.began, Prompt: len(g.ids)}
	l.all = append(l.all, g)
	l.counts.Requests++
	if !l.active {
		l.active, l.gone = true, make(chan struct{})
		go l.run(l.gone) // ends when there is nothing to do, or with close
	}
	l.nudge()
	return nil
}

// nudge has the loop look again. Any goroutine may call it.
func (l *loop) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// abandon ends a request before it is through. Any goroutine may call it.
func (l *loop) abandon(g *generation, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.cause == nil {
		g.cause = why
	}
	if g.session != nil {
		g.session.Leave()
	}
	l.nudge()
}

// run takes turns until nothing is left to do.
func (l *loop) run(gone chan struct{}) {
	defer close(gone)
	for {
		l.dismiss()
		switch l.turn() {
		case turnWorked:
		case turnRests:
			<-l.wake
		case turnIdle:
			l.mu.Lock()
			if len(l.all) == 0 {
				l.active = false
				l.mu.Unlock()
				return
			}
			l.mu.Unlock()
		}
	}
}

// turns end so.
const (
	turnWorked = iota
	turnRests  // requests are there, but all wait for their readers
	turnIdle
)

// dismiss ends the requests whose callers have left or that were cancelled.
func (l *loop) dismiss() {
	for _, g := range l.requests() {
		l.mu.Lock()
		why := g.cause
		l.mu.Unlock()
		if why != nil {
			l.end(g, why)
		}
	}
}

// requests is all of them as they are now.
func (l *loop) requests() []*generation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// end takes a request out of the loop. What its session has computed is kept for
// the caller's next prompt.
func (l *loop) end(g *generation, err error) {
	if err != nil {
		g.result.Finish = FinishInterrupted
	}
	if g.session != nil {
		l.kept.put(g)
		l.unseat(g)
	}
	l.seats = min(l.seats+1, l.most)
	l.mu.Lock()
	l.all = slices.DeleteFunc(l.all, func(x *generation) bool { return x == g })
	l.mu.Unlock()
	l.alone = slices.DeleteFunc(l.alone, func(x *generation) bool { return x == g })
	g.mail.finish(err)
	close(g.ended)
}

// unseat gives a request's session back.
func (l *loop) unseat(g *generation) {
	if i := slices.IndexFunc(l.parts, func(p portion) bool { return p.g == g }); i >= 0 {
		g.session.Leave() // its tokens are on their way
		l.parts = slices.Delete(l.parts, i, i+1)
		l.abandonChunk()
	}
	l.mu.Lock()
	session := g.session
	g.session = nil
	l.mu.Unlock()
	session.Close()
	l.fair.leave(g.request.Caller.Key())
}

// abandonChunk drops the chunk where nobody is left in it; otherwise it goes on
// with those who are.
func (l *loop) abandonChunk() {
	if len(l.parts) == 0 && l.chunk != nil {
		l.chunk.Drop()
		l.chunk = nil
	}
}

// makeRoom frees memory for the KV cache: kept prefixes go first, then the
// request that came last starts again later, when another has ended. False
// where neither helps.
func (l *loop) makeRoom() bool {
	if l.kept.shrink() {
		return true
	}
	var last *generation
	seated := 0
	for _, g := range l.requests() {
		if g.session != nil {
			seated++
			if last == nil || g.number > last.number {
				last = g
			}
		}
	}
	if seated < 2 {
		return false
	}
	l.preempt(last)
	l.seats = seated - 1
	return true
}

// preempt has a request wait again. Its answer goes on where it was: the same
// tokens give the same state.
func (l *loop) preempt(g *generation) {
	g.ids = slices.Concat(g.ids[:g.result.PromptTokens], g.result.IDs)
	l.unseat(g)
	g.read = 0
	l.setPhase(g, PhaseQueued)
}

func (l *loop) setPhase(g *generation, phase string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.info.Phase = phase
}

// close ends all requests and waits for the goroutine.
func (l *loop) close() {
	l.mu.Lock()
	l.closing = ErrDraining
	gone := l.gone
	if !l.active {
		gone = nil
	}
	for _, g := range l.all {
		if g.cause == nil {
			g.cause = ErrDraining
		}
		if g.session != nil {
			g.session.Leave()
		}
	}
	l.mu.Unlock()
	l.stop()
	l.nudge()
	if gone != nil {
		<-gone
	}
	l.kept.close()
}

// short reports an error for want of memory.
func short(err error) bool {
	var f *budget.Full
	return errors.As(err, &f)
}
