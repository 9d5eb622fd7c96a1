package daemon

import (
	"cmp"
	"context"
	"slices"
	"time"

	"moed/offload"
	"moed/offload/budget"
)

// Requests are those under way or waiting, the oldest first.
func (e *Engine) Requests() []RequestInfo {
	l := e.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	infos := make([]RequestInfo, len(l.all))
	for i, g := range l.all {
		infos[i] = g.info
	}
	slices.SortStableFunc(infos, func(a, b RequestInfo) int { return a.Began.Compare(b.Began) })
	return infos
}

// Cancel ends a request of that ID, which fails with ErrCancelled, and reports
// whether there is one that by may end: its own, or any where by is an
// administrator.
func (e *Engine) Cancel(id string, by Caller) bool {
	l := e.loop
	for _, g := range l.requests() {
		// ID and caller do not change after submit.
		if g.info.ID == id && (by.Admin || by.Key() == g.request.Caller.Key()) {
			l.abandon(g, ErrCancelled)
			return true
		}
	}
	return false
}

// Stats is a copy of the counts so far.
func (e *Engine) Stats() EngineStats {
	l := e.loop
	l.mu.Lock()
	s := l.counts
	s.Rate = l.rate.perSecond(time.Now())
	for _, g := range l.all {
		if g.info.Phase == PhaseQueued {
			s.Queued++
			continue
		}
		s.Running++
		s.ContextUsed = max(s.ContextUsed, g.info.Read+g.info.Generated)
	}
	l.mu.Unlock()
	s.Steps = int64(l.steps.Load())
	s.Context = e.model.Options().Context
	s.Memory = e.memoryUse()
	s.Prefixes, s.Memory.Prefix = l.kept.len(), l.kept.bytes()
	if e.flash != nil && e.flash.store != nil {
		s.countStore(e.flash.store.Stats())
		if e.flash.hosts != nil {
			s.Hosts, s.PlanRevision, s.Rounded = e.flash.hosts.Stats(), e.flash.hosts.Revision(), e.flash.hosts.Rounds()
		}
	}
	return s
}

func (s *EngineStats) countStore(o offload.Stats) {
	s.Stall, s.Reads, s.BytesRead, s.Evictions = o.Stall, o.Reads, o.Bytes, o.Evicted
	s.Disks = o.Disks
	s.Layers = make([]LayerUse, len(o.Layers))
	for i, l := range o.Layers {
		s.Layers[i] = LayerUse{Wanted: l.Wanted, Hits: l.Hits, Late: l.Late}
	}
}

// memoryUse is the model's own account, or for the built-in model, which has
// none, what it holds.
func (e *Engine) memoryUse() MemoryUse {
	if e.memory == nil {
		m := e.model.Memory()
		return MemoryUse{Dense: m.Dense, Experts: m.Experts, KV: m.KV, Scratch: m.Scratch}
	}
	u := e.memory.account.Usage()
	return MemoryUse{Budget: u.Total, Dense: u.Parts[budget.Dense], Experts: u.Parts[budget.Experts], KV: u.Parts[budget.KV],
		Scratch: u.Parts[budget.Scratch], Heap: u.Parts[budget.Heap]}
}

// Steps grows with each forward pass and each layer of experts in one, so that
// it tells an engine that works from one that hangs.
func (e *Engine) Steps() uint64 { return e.loop.steps.Load() }

// Drain has the engine refuse new requests, with ErrDraining, and waits until
// those under way have ended or ctx has.
func (e *Engine) Drain(ctx context.Context) error {
	l := e.loop
	l.mu.Lock()
	l.closing = ErrDraining
	all := slices.Clone(l.all)
	l.mu.Unlock()
	for _, g := range all {
		select {
		case <-g.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// reads reports whether the model's experts do not all fit into their memory.
func (e *Engine) reads() bool {
	return e.flash != nil && e.flash.store != nil && e.flash.store.Bytes() < e.memory.plan.AllExperts
}

// use is what a step takes of the store.
func (l *loop) use() (u expertCount) {
	f := l.engine.flash
	if f == nil || f.store == nil {
		return u
	}
	o := f.store.Stats()
	t := o.Total()
	return expertCount{ExpertUse{Hits: t.Hits, Misses: t.Wanted - t.Hits, BytesRead: o.Bytes, Stall: o.Stall}}
}

type expertCount struct{ ExpertUse }

func (u expertCount) since(before expertCount) expertCount {
	u.Hits -= before.Hits
	u.Misses -= before.Misses
	u.BytesRead -= before.BytesRead
	u.Stall -= before.Stall
	return u
}

// share divides what a step has taken among the requests in it.
func (l *loop) share(u expertCount) {
	n := int64(len(l.running) + len(l.parts))
	if n == 0 {
		return
	}
	give := func(g *generation) {
		e := &g.result.Experts
		e.Hits += u.Hits / n
		e.Misses += u.Misses / n
		e.BytesRead += u.BytesRead / n
		e.Stall += u.Stall
	}
	for _, g := range l.running {
		give(g)
	}
	for _, p := range l.parts {
		give(p.g)
	}
}

// meter counts tokens over the last seconds.
type meter struct {
	at []time.Time
}

const meterWindow = 5 * time.Second

func (m *meter) add(now time.Time) {
	m.trim(now)
	m.at = append(m.at, now)
}

func (m *meter) trim(now time.Time) {
	i, _ := slices.BinarySearchFunc(m.at, now.Add(-meterWindow), func(t, from time.Time) int { return cmp.Compare(t.UnixNano(), from.UnixNano()) })
	m.at = slices.Delete(m.at, 0, i)
}

// perSecond is the rate over the window, or since its first token.
func (m *meter) perSecond(now time.Time) float64 {
	m.trim(now)
	if len(m.at) < 2 {
		return 0
	}
	return float64(len(m.at)-1) / max(now.Sub(m.at[0]).Seconds(), 1e-3)
}
