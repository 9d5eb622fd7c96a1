package daemon

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"moed/moe"
	"moed/offload"
	"moed/offload/budget"
)

// turn is one step of the model for all that want one.
func (l *loop) turn() int {
	l.turns++
	l.pick()
	if again := l.fill(); again {
		return turnWorked
	}
	if len(l.running) == 0 && l.chunk == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.all) > 0 {
			return turnRests
		}
		return turnIdle
	}
	chunk, layers := l.chunk, 0
	if n := len(l.running); chunk != nil && n > 0 && l.pace.rests(n) {
		chunk = nil
	} else if chunk != nil {
		layers = min(l.pace.through(chunk.Len(), n), chunk.Layers())
	}
	l.step(chunk, layers)
	return turnWorked
}

// pick makes the batch: the next token of each running answer whose reader keeps
// up. While a failed step is being looked into it is one alone.
func (l *loop) pick() {
	l.running, l.batch = l.running[:0], l.batch[:0]
	for _, g := range l.requests() {
		if g.session == nil || g.reading() || g.mail.full() {
			continue
		}
		if len(l.alone) > 0 && l.alone[0] != g {
			continue
		}
		l.running = append(l.running, g)
	}
	l.choose()
	for _, g := range l.running {
		l.batch = append(l.batch, moe.Token{Session: g.session, ID: g.next, Logits: g.logits})
	}
}

// fill begins a chunk of the prompts that wait, where none is under way. It
// reports whether the turn has to begin again: a request has ended, or memory
// was found.
func (l *loop) fill() (again bool) {
	if l.chunk != nil || len(l.alone) > 0 && len(l.running) > 0 {
		return false
	}
	room := l.pace.most
	if len(l.running) > 0 {
		room = min(l.pace.tokens(len(l.running)), l.pace.most-len(l.running))
	}
	l.parts, l.tokens = l.parts[:0], l.tokens[:0]
	for _, g := range l.waiting() {
		if len(l.tokens) >= room {
			break
		}
		if err := l.seat(g); err != nil {
			l.end(g, err)
			return true
		}
		n := min(room-len(l.tokens), len(g.ids)-g.read)
		for i := range n {
			t := moe.Token{Session: g.session, ID: g.ids[g.read+i]}
			if g.read+i == len(g.ids)-1 {
				t.Logits = g.logits
			}
			l.tokens = append(l.tokens, t)
		}
		l.parts = append(l.parts, portion{g, n})
		if len(l.alone) > 0 {
			break
		}
	}
	if len(l.parts) == 0 {
		return false
	}
	chunk, err := l.model.Begin(l.tokens)
	if err == nil {
		l.chunk = chunk
		return false
	}
	g := l.parts[0].g
	l.parts = l.parts[:0]
	if !short(err) || !l.makeRoom() {
		l.end(g, err)
	}
	return true
}

// waiting is the requests whose prompts are not read to their end, in the order
// of their turns: callers that were served least come first, and of one caller's
// those that are seated, then in order of arrival.
func (l *loop) waiting() []*generation {
	var w []*generation
	seated := 0
	for _, g := range l.requests() {
		if g.reading() && (len(l.alone) == 0 || l.alone[0] == g) {
			w = append(w, g)
		}
		if g.session != nil {
			seated++
		}
	}
	slices.SortFunc(w, func(a, b *generation) int {
		if (a.session != nil) != (b.session != nil) && a.request.Caller.Key() == b.request.Caller.Key() {
			if a.session != nil {
				return -1
			}
			return 1
		}
		if l.fair.before(a, b) {
			return -1
		}
		return 1
	})
	return slices.DeleteFunc(w, func(g *generation) bool {
		if g.session != nil {
			return false
		}
		if seated >= l.seats || seated > 0 && !l.affords(g) {
			return true
		}
		seated++
		return false
	})
}

// affords reports whether the KV cache of one more request leaves experts enough
// of the memory. The first request is taken in any case.
func (l *loop) affords(g *generation) bool {
	if l.engine.memory == nil {
		return true
	}
	tokens := int64(len(g.ids) + min(g.limit, usualAnswer))
	need := tokens * l.engine.memory.footprint.KVBlock / int64(l.engine.memory.footprint.KVTokens)
	used := l.engine.memory.account.Usage()
	return used.Parts[budget.KV]-l.kept.bytes()+need <= used.Total/kvShare
}

const (
	// All requests' keys and values may take a kvShare-th of the budget together;
	// an answer is counted with so many tokens at first.
	kvShare     = 4
	usualAnswer = 256
)

// seat gives a request a session, which begins with what is kept of its prompt.
func (l *loop) seat(g *generation) error {
	if g.session != nil {
		return nil
	}
	session, err := l.model.NewSession()
	if err != nil {
		return err
	}
	if g.logits == nil {
		g.logits = make([]float32, l.model.Config().Vocab)
	}
	n := l.kept.adopt(g, session)
	l.mu.Lock()
	g.session, g.read = session, n
	if g.cause != nil {
		session.Leave()
	}
	if len(g.result.IDs) == 0 {
		g.result.CachedTokens = n
		g.result.Timings.Queued = time.Since(g.began)
		g.info.Cached = n
		l.counts.CachedTokens += int64(n)
	}
	g.info.Phase, g.info.Read = PhasePrefill, n
	l.mu.Unlock()
	l.fair.enter(g.request.Caller.Key())
	g.mail.tell(PromptProgress{Total: g.result.PromptTokens, Cached: n, Read: min(n, g.result.PromptTokens)})
	return nil
}

// step runs the model once, with a chunk for some layers or without, and hands
// out what came of it.
func (l *loop) step(chunk *moe.Chunk, layers int) {
	before := l.use()
	began := time.Now()
	chunked := 0
	if chunk != nil {
		chunked = chunk.Len()
	}
	err := l.engine.changed(l.model.Step(l.ctx, l.batch, chunk, layers))
	took := time.Since(began)
	l.steps.Add(1)
	if err != nil {
		l.failed(err)
		return
	}
	used := l.use().since(before)
	l.pace.tight = l.engine.reads()
	if chunked > 0 {
		l.pace.chunk(chunked, layers, len(l.batch), took)
	} else {
		l.pace.step(len(l.batch), took)
	}
	l.share(used)
	if m := l.engine.memory; m != nil {
		m.settleDebt()
	}
	l.settle(time.Now())
}

// settle takes the step's logits to the answers, and ends those that are through.
func (l *loop) settle(now time.Time) {
	for _, g := range l.running {
		if len(g.session.Tokens()) < g.result.PromptTokens+len(g.result.IDs) {
			continue // it has left
		}
		g.stepped = l.turns
		l.next(g, now)
	}
	if l.chunk == nil {
		return
	}
	if l.chunk.Layers() > 0 && l.chunk.Len() > 0 {
		l.tellProgress()
		return
	}
	l.chunk.Drop()
	l.chunk = nil
	parts := l.parts
	l.parts = nil
	for _, p := range parts {
		g := p.g
		if g.session == nil || len(g.session.Tokens()) < g.read+p.n {
			continue // it has left
		}
		g.read += p.n
		l.fair.charge(g.request.Caller.Key(), p.n)
		l.mu.Lock()
		g.info.Read = min(g.read, g.result.PromptTokens)
		l.counts.PromptTokens += int64(p.n)
		read := g.info.Read
		l.mu.Unlock()
		g.mail.tell(PromptProgress{Total: g.result.PromptTokens, Cached: g.result.CachedTokens, Read: read})
		if g.reading() {
			continue
		}
		l.setPhase(g, PhaseDecode)
		if len(g.result.IDs) == 0 {
			g.result.Timings.Prefill = now.Sub(g.began)
		}
		l.next(g, now)
	}
	l.parts = parts[:0]
}

// tellProgress counts the layers that a chunk has been through as so much of its
// tokens.
func (l *loop) tellProgress() {
	for _, p := range l.parts {
		read := p.g.read + p.n*(l.pace.layers-l.chunk.Layers())/l.pace.layers
		p.g.mail.tell(PromptProgress{Total: p.g.result.PromptTokens, Cached: p.g.result.CachedTokens, Read: min(read, p.g.result.PromptTokens)})
	}
}

// next chooses an answer's next token.
func (l *loop) next(g *generation, now time.Time) {
	ended, err := g.choose(now)
	l.fair.charge(g.request.Caller.Key(), 1)
	l.mu.Lock()
	l.rate.add(now)
	l.counts.GeneratedTokens++
	g.info.Generated = len(g.result.IDs)
	g.info.Rate = Rate(g.result.Timings.Decoded, g.result.Timings.Decode)
	l.mu.Unlock()
	if len(l.alone) > 0 && l.alone[0] == g {
		l.alone = l.alone[1:]
	}
	if ended || err != nil {
		l.end(g, err)
	}
}

// failed decides what to do about a step that has: make room where there was no
// memory, else step those that were in it one by one, so that what goes wrong
// for one ends that one.
func (l *loop) failed(err error) {
	if l.ctx.Err() != nil {
		return // close has given each its cause
	}
	if short(err) && l.makeRoom() {
		return
	}
	in := slices.Clone(l.running)
	for _, p := range l.parts {
		in = append(in, p.g)
	}
	if l.chunk != nil {
		l.chunk.Drop()
		l.chunk, l.parts = nil, l.parts[:0]
	}
	if len(in) == 1 {
		l.end(in[0], err)
		return
	}
	if errors.Is(err, offload.ErrClosed) {
		for _, g := range in {
			l.end(g, err)
		}
		return
	}
	l.alone = in
}

// choose leaves in running those that are stepped this turn: all, unless they
// are more than a batch has room for. Then who has waited longest comes first.
func (l *loop) choose() {
	most := l.pace.most
	if l.chunk != nil {
		most -= l.chunk.Len()
	}
	if len(l.running) <= most {
		return
	}
	slices.SortStableFunc(l.running, func(a, b *generation) int { return cmp.Compare(a.stepped, b.stepped) })
	l.running = l.running[:most]
}
