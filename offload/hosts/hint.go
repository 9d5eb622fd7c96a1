package hosts

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"moed/moe/expert"
)

// A hint, little-endian; the answer is that of a passage, with no tokens:
//
//	"MoEh" version now layer tokens experts    u32 each
//	expert u32 and how likely it is f32        each
const (
	hintMagic  = 0x68456f4d
	hintHeader = 6 * 4
	perHint    = 8
)

// Hint is which experts a layer to come is likely to want, for the tokens that are
// at layer Now.
type Hint struct {
	Now, Layer int
	Tokens     int
	Guesses    []expert.Guess
}

// Foreteller takes hints; a Computer may be one.
type Foreteller interface {
	// Foretell begins to read what is worth it. It returns soon, and makes nothing
	// of a hint that makes no sense.
	Foretell(h *Hint)
}

// Guesser foretells what layers to come will want. It is called by the goroutine of
// a stream, after the demand was observed.
type Guesser func(dst []expert.Guess, d *expert.Demand, layer int) []expert.Guess

// Foresee has hosts that do not hold all of their experts told, so many layers
// before, what is likely to be asked of them, so that they have it in memory by
// then. It is to be called before the first pass.
func (e *Experts) Foresee(g Guesser, ahead int) { e.guess, e.ahead = g, ahead }

// Short says which hosts do not hold all experts that the plan gives them.
func (e *Experts) Short(names []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range e.hosts {
		h.short.Store(slices.Contains(names, h.name))
	}
}

// foretell sends hints about a layer to come.
func (st *stream) foretell(ctx context.Context) {
	e, d, p := st.experts, st.demand, st.plan
	layer := d.Layer + e.ahead
	if e.guess == nil || layer >= len(p.Where) || !slices.ContainsFunc(p.hosts, func(h *host) bool { return h.short.Load() }) {
		return
	}
	st.guesses = e.guess(st.guesses[:0], d, layer)
	for at, h := range p.hosts {
		hint := Hint{Now: d.Layer, Layer: layer, Tokens: d.Tokens}
		for _, g := range st.guesses {
			if w := p.Where[layer][g.Expert]; len(w) > 0 && int(w[0]) == at {
				hint.Guesses = append(hint.Guesses, g)
			}
		}
		if len(hint.Guesses) > 0 && h.short.Load() && h.counted() {
			st.hint(ctx, h, &hint)
		}
	}
}

// hint sends one. What becomes of it is not waited for.
func (st *stream) hint(ctx context.Context, h *host, hint *Hint) {
	e, request := st.experts, appendHint(nil, hint)
	if len(request) > e.net.MaxPayload() {
		return
	}
	h.hinted(len(request))
	go func() { // ends by the deadline
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.o.Patience)
		defer cancel()
		e.net.Ask(ctx, h.name, request) // the request that follows tells what is wrong
	}()
}

func (h *host) hinted(bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Hints++
	h.counts.Sent += int64(bytes)
}

func appendHint(dst []byte, h *Hint) []byte {
	le := binary.LittleEndian
	for _, v := range [...]int{hintMagic, version, h.Now, h.Layer, h.Tokens, len(h.Guesses)} {
		dst = le.AppendUint32(dst, uint32(v))
	}
	for _, g := range h.Guesses {
		dst = le.AppendUint32(dst, uint32(g.Expert))
		dst = le.AppendUint32(dst, math.Float32bits(g.P))
	}
	return dst
}

func readHint(b []byte) (*Hint, error) {
	le := binary.LittleEndian
	if len(b) < hintHeader {
		return nil, fmt.Errorf("%w: a hint of %d bytes", ErrMessage, len(b))
	}
	var v [6]uint32
	for i := range v {
		v[i] = le.Uint32(b[4*i:])
	}
	if err := checkHead(v[0], v[1], hintMagic); err != nil {
		return nil, err
	}
	if max(v[2], v[3], v[4]) > math.MaxInt32 || int64(len(b)) != hintHeader+perHint*int64(v[5]) {
		return nil, fmt.Errorf("%w: %d experts in %d bytes", ErrMessage, v[5], len(b))
	}
	h := &Hint{Now: int(v[2]), Layer: int(v[3]), Tokens: int(v[4]), Guesses: make([]expert.Guess, v[5])}
	for i := range h.Guesses {
		at := b[hintHeader+perHint*i:]
		h.Guesses[i] = expert.Guess{Expert: int32(le.Uint32(at)), P: math.Float32frombits(le.Uint32(at[4:]))}
	}
	return h, nil
}
