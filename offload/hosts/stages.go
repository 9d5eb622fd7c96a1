package hosts

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"moed/moe/expert"
)

// MostTransit is the most tokens of a passage that is sent at once, and so the
// least that a Stage must take.
const MostTransit = 256

var errLong = errors.New("a message cannot hold one token")

// Until returns the layer before which another host stops that runs those from
// layer on; layer itself where they are to be run here. With Run it is what
// moe.Stages asks for.
func (e *Experts) Until(layer int) int {
	p := e.plan.Load()
	if layer >= len(p.whole) || p.whole[layer] == Here || !p.hosts[p.whole[layer]].runs(time.Now()) {
		return layer
	}
	to := layer + 1
	for to < len(p.whole) && p.whole[to] == p.whole[layer] {
		to++
	}
	return to
}

// runs reports whether layers may be sent there.
func (h *host) runs(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state == Ready && !h.busy && !now.Before(h.full)
}

// Run has the plan's host run a passage. The first one after each start of the
// host is run here as well, and compared.
func (e *Experts) Run(ctx context.Context, p *expert.Passage) (compare func(x []float32), err error) {
	pl := e.plan.Load()
	if p.From >= len(pl.whole) || pl.whole[p.From] == Here || slices.ContainsFunc(pl.whole[p.From:p.To], func(h int16) bool { return h != pl.whole[p.From] }) {
		return nil, errors.New("the plan has changed")
	}
	m := &move{experts: e, host: pl.hosts[pl.whole[p.From]], passage: p, width: e.shape.Hidden}
	m.row = (p.To - p.From) * p.KV.RowBytes()
	m.boot, m.proved = m.host.begins()
	m.most = min(MostTransit, (e.net.MaxPayload()-transitHeader)/(4*m.width+max(perToken, m.row)))
	if m.most < 1 || e.net.MaxPayload() < fillHeader+m.row {
		return nil, errLong
	}
	if err := m.fill(ctx); err != nil {
		return nil, m.settle(ctx, err)
	}
	if !m.proved {
		if len(p.Pos) > m.most {
			return nil, errors.New("too long for a trial")
		}
		return m.try(ctx), nil
	}
	err = m.through(ctx)
	if errors.Is(err, expert.ErrMissing) {
		m.unhold()
		if err = m.fill(ctx); err == nil {
			err = m.through(ctx)
		}
	}
	return nil, m.settle(ctx, err)
}

// begins is which start of the host this is, and whether it has been proved.
func (h *host) begins() (boot uint64, proved bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.boot, h.proved
}

// move is a passage on its way to a host.
type move struct {
	experts *Experts
	host    *host
	passage *expert.Passage
	width   int // of a hidden state
	row     int // bytes of a token's keys and values in all layers
	most    int // tokens of a message
	boot    uint64
	proved  bool
	waited  time.Duration // at most, for the last message
	parts   [][]byte
}

// settle notes on the host what an error says of it.
func (m *move) settle(ctx context.Context, err error) error {
	h := m.host
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.Is(err, expert.ErrFull):
		h.mu.Lock()
		h.full = time.Now().Add(fullPause)
		h.mu.Unlock()
	case errors.Is(err, context.DeadlineExceeded):
		if h.late(0, m.waited, time.Now()) {
			m.experts.changed(h)
		}
	default:
		if h.failed(0, err, time.Now()) {
			m.experts.changed(h)
		}
	}
	return err
}

// layerPairs is about how many pairs of token and expert a layer of one token is
// as much work as.
const layerPairs = 8

func (m *move) pairs(tokens int) int { return layerPairs * tokens * (m.passage.To - m.passage.From) }

// slowest is the bytes per second of a network that is not too slow for tokens to
// move.
const slowest = 5e6

// patience is how long a message of so many tokens and bytes, there and back, may
// take; one of no tokens brings keys and values.
func (m *move) patience(tokens, bytes int) time.Duration {
	m.host.mu.Lock()
	defer m.host.mu.Unlock()
	o := &m.experts.o
	wait := o.Patience
	if tokens > 0 {
		wait = m.host.stride.wait(m.pairs(tokens), o.Least, o.Patience*time.Duration(1+tokens/8))
	}
	return wait + time.Duration(float64(bytes)/slowest*float64(time.Second))
}

// ask sends a message and reads the answer, of so many tokens, into x.
func (m *move) ask(ctx context.Context, request []byte, x []float32, tokens int) ([]byte, error) {
	m.waited = m.patience(tokens, len(request)+4*len(x)+tokens*m.row)
	ctx, cancel := context.WithTimeout(ctx, m.waited)
	defer cancel()
	m.host.asked(len(request))
	began := time.Now()
	b, err := m.experts.net.Ask(ctx, m.host.name, request)
	if err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	m.host.moved(len(b), tokens, m.passage.To-m.passage.From, m.pairs(tokens), time.Since(began))
	s, rows, err := readPassed(b, x, tokens, tokens*m.row)
	switch {
	case err != nil:
		return nil, err
	case s == missing:
		return nil, expert.ErrMissing
	case s == full:
		return nil, expert.ErrFull
	}
	return rows, nil
}

// moved counts tokens that were there.
func (h *host) moved(bytes, tokens, layers, pairs int, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Received += int64(bytes)
	h.counts.Moved += int64(tokens)
	if tokens > 0 {
		h.layers = layers
		h.stride.add(pairs, took)
	}
}

// fill sends what the host lacks of the sessions' keys and values.
func (m *move) fill(ctx context.Context) error {
	p := m.passage
	for i, lane := range p.Lanes {
		if slices.Contains(p.Lanes[:i], lane) {
			continue
		}
		held := m.held(lane, p.Pos[i])
		for held < p.Pos[i] {
			n := min(p.Pos[i]-held, max(1, (m.experts.net.MaxPayload()-fillHeader)/m.row))
			request := appendFill(make([]byte, 0, fillHeader+n*m.row), &expert.Fill{Key: lane.Key, From: p.From, To: p.To, First: held, KVType: p.KV.Type()})
			for pos := held; pos < held+n; pos++ {
				request = m.rows(request, i, pos)
			}
			if _, err := m.ask(ctx, request, nil, 0); errors.Is(err, expert.ErrMissing) && held > 0 {
				m.unhold()
				held = 0
				continue
			} else if err != nil {
				return err
			}
			held += n
			m.hold(lane, held)
		}
	}
	return nil
}

// held is how many positions the host has of a session in all layers, up to first.
func (m *move) held(lane *expert.Lane, first int) int {
	n := first
	for _, h := range lane.Held[m.passage.From:m.passage.To] {
		if h.By != m.by() {
			return 0
		}
		n = min(n, h.Positions)
	}
	return n
}

// by is the host and its start, as sessions note them.
func (m *move) by() uint64 { return m.host.id<<32 | m.boot&math.MaxUint32 }

func (m *move) hold(lane *expert.Lane, positions int) {
	for l := m.passage.From; l < m.passage.To; l++ {
		lane.Held[l] = expert.Held{By: m.by(), Positions: positions}
	}
}

// unhold forgets that the host has anything of the sessions.
func (m *move) unhold() {
	for _, lane := range m.passage.Lanes {
		m.hold(lane, 0)
	}
}

// rows appends the keys and values of a position of token i's session.
func (m *move) rows(dst []byte, i, pos int) []byte {
	p := m.passage
	for l := p.From; l < p.To; l++ {
		m.parts = p.KV.Row(m.parts[:0], i, l, pos)
		for _, b := range m.parts {
			dst = append(dst, b...)
		}
	}
	return dst
}

// request is the message for tokens from … to-1.
func (m *move) request(from, to int) []byte {
	p := m.passage
	t := expert.Transit{From: p.From, To: p.To, Pos: p.Pos[from:to], X: p.X[from*m.width : to*m.width], KVType: p.KV.Type()}
	for _, lane := range p.Lanes[from:to] {
		t.Keys = append(t.Keys, lane.Key)
	}
	return appendTransit(make([]byte, 0, transitHeader+(to-from)*(perToken+4*m.width)), &t)
}

// through sends the tokens, some after the others, and takes in what comes back
// when all of it is there.
func (m *move) through(ctx context.Context) error {
	p, x := m.passage, make([]float32, len(m.passage.X))
	for from := 0; from < len(p.Pos); {
		to := min(from+m.most, len(p.Pos))
		rows, err := m.ask(ctx, m.request(from, to), x[from*m.width:to*m.width], to-from)
		if err != nil {
			return err
		}
		for i := from; i < to; i++ {
			for l := p.From; l < p.To; l++ {
				m.parts = p.KV.Row(m.parts[:0], i, l, p.Pos[i])
				for _, b := range m.parts {
					rows = rows[copy(b, rows):]
				}
			}
			m.hold(p.Lanes[i], p.Pos[i]+1)
		}
		from = to
	}
	copy(p.X, x)
	return nil
}

// try has the host run the passage while it is run here, and returns what compares
// the two. Neither holds up the pass.
func (m *move) try(ctx context.Context) func(x []float32) {
	h, n := m.host, len(m.passage.Pos)
	h.mu.Lock()
	h.busy = true
	h.mu.Unlock()
	request, found, computed := m.request(0, n), make([]float32, n*m.width), make(chan []float32, 1)
	// The passage is another one when the answer comes; what ask needs of it stays.
	own := *m
	own.passage = &expert.Passage{From: m.passage.From, To: m.passage.To}
	go func() { // ends by the deadline
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.experts.o.Deadline)
		defer cancel()
		if _, err := own.ask(ctx, request, found, n); err == nil {
			select {
			case want := <-computed:
				own.judge(found, want)
			case <-ctx.Done():
			}
		}
		h.mu.Lock()
		h.busy = false
		h.mu.Unlock()
	}()
	return func(x []float32) { computed <- slices.Clone(x) }
}

// judge says whether a host has given what was computed here.
func (m *move) judge(found, want []float32) {
	h := m.host
	same := slices.EqualFunc(found, want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
	h.mu.Lock()
	if h.boot == m.boot {
		h.proved = same
		if !same {
			h.state, h.why = Refused, fmt.Sprintf("layers %d to %d: %v", m.passage.From, m.passage.To-1, errDiffers)
		}
	}
	h.mu.Unlock()
	m.experts.changed(h)
}
