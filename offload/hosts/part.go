package hosts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"moed/moe/expert"
)

// part is one message to a host and what became of it.
type part struct {
	host  *host
	half  bool    // it answers in f16
	slots []int32 // experts of the demand, ascending
	pairs int
	out   []float32 // [pairs][hidden size], of the stream
	given int       // slots given out
	place int       // in out, of what is given next
	asked time.Time
	due   time.Time
	state partState
}

type partState uint8

const (
	outstanding partState = iota
	come
	lost // failed or late: computed here
)

// arrival is the answer to a part's message, or why there is none.
type arrival struct {
	part   *part
	answer []byte
	err    error
}

// pairing is a demand's pairs by expert, within an expert by token, as the
// forward pass numbers them.
type pairing struct {
	slot   []int32 // [expert of the layer] its place in the demand, valid for those in it
	next   []int32 // [expert in demand]
	tokens []int32 // [pair]
	row    []int32 // [token] its row in the message at hand, 1 up; 0 is none
}

func (pr *pairing) order(d *expert.Demand, experts int) {
	pr.slot = grow(pr.slot, experts)
	pr.next = grow(pr.next, len(d.Experts)+1)
	pr.tokens = grow(pr.tokens, len(d.Chosen))
	pr.row = grow(pr.row, d.Tokens)
	at := int32(0)
	for i, e := range d.Experts {
		pr.slot[e], pr.next[i] = int32(i), at
		at += d.Counts[i]
	}
	k := len(d.Chosen) / d.Tokens
	for i, e := range d.Chosen {
		s := pr.slot[e]
		pr.tokens[pr.next[s]] = int32(i / k)
		pr.next[s]++
	}
}

// of is the tokens of the demand's expert i, after order: next has come to the end
// of it.
func (pr *pairing) of(d *expert.Demand, i int32) []int32 {
	return pr.tokens[pr.next[i]-d.Counts[i] : pr.next[i]]
}

func grow(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n)
	}
	return s[:n]
}

// send asks other hosts for their experts: a message to each, or several where
// one would be too long. An expert that is too long for one is left here.
func (st *stream) send(ctx context.Context) {
	d, width := st.demand, st.experts.shape.Hidden
	most := (st.experts.net.MaxPayload() - requestHeader) / (4*width + 4 + perExpert)
	far := false
	for i, h := range st.assign {
		if h != Here && int(d.Counts[i]) > most {
			st.assign[i] = Here
		}
		far = far || st.assign[i] != Here
	}
	if !far {
		return
	}
	st.pairs.order(d, st.experts.shape.Experts[d.Layer])
	total := 0
	for h := range st.plan.hosts {
		var p *part
		for i, at := range st.assign {
			if int(at) != h {
				continue
			}
			n := int(d.Counts[i])
			if p == nil || p.pairs+n > most {
				p = &part{host: st.plan.hosts[h], half: st.plan.halves(d.Layer, h)}
				st.parts = append(st.parts, p)
			}
			p.slots, p.pairs = append(p.slots, int32(i)), p.pairs+n
			total += n
		}
	}
	if cap(st.out) < total*width {
		st.out = make([]float32, total*width)
	}
	st.come = make(chan arrival, len(st.parts)) // one of its own, which late answers may fill
	at := 0
	for _, p := range st.parts {
		p.out = st.out[at : at+p.pairs*width]
		at += p.pairs * width
		st.ask(ctx, p)
	}
}

// ask sends a part's message, and has its answer come without holding up anybody.
func (st *stream) ask(ctx context.Context, p *part) {
	e, h, to := st.experts, p.host, st.come
	request := appendRequest(make([]byte, 0, requestSize(min(p.pairs, st.demand.Tokens), len(p.slots), p.pairs, e.shape.Hidden)), st.job(p), e.shape.Hidden)
	p.asked = time.Now()
	p.due = p.asked.Add(h.wait(p.pairs, e.o.Least, e.o.Patience))
	h.asked(len(request))
	asked, pairs := p.asked, p.pairs
	go func() { // ends by the deadline
		ctx, cancel := context.WithTimeout(ctx, e.o.Deadline)
		defer cancel()
		b, err := e.net.Ask(ctx, h.name, request)
		if err == nil {
			h.answered(len(b), pairs, time.Since(asked))
		}
		to <- arrival{p, b, err}
	}()
}

// job is what a part asks for.
func (st *stream) job(p *part) *expert.Job {
	d, width, pr := st.demand, st.experts.shape.Hidden, &st.pairs
	j := &expert.Job{Layer: d.Layer, Half: p.half}
	clear(pr.row)
	for _, i := range p.slots {
		j.Experts, j.Counts = append(j.Experts, d.Experts[i]), append(j.Counts, d.Counts[i])
		for _, t := range pr.of(d, i) {
			if pr.row[t] == 0 {
				j.Hidden = append(j.Hidden, d.Hidden[int(t)*width:int(t+1)*width]...)
				pr.row[t] = int32(len(j.Hidden) / width)
			}
			j.Rows = append(j.Rows, pr.row[t]-1)
		}
	}
	return j
}

// collect takes in the answers that have come.
func (st *stream) collect() {
	for {
		select {
		case a := <-st.come:
			st.take(a)
		default:
			return
		}
	}
}

// take takes in an answer. One that is malformed is as good as none.
func (st *stream) take(a arrival) {
	p := a.part
	if p.state != outstanding {
		return // it is computed here already
	}
	if a.err == nil {
		a.err = readAnswer(a.answer, p.pairs, p.half, p.out)
	}
	if a.err == nil {
		p.state = come
		p.host.served(len(p.slots))
		return
	}
	p.state = lost
	if errors.Is(a.err, context.Canceled) { // the pass has ended
		return
	}
	if p.host.failed(len(p.slots), fmt.Errorf("no answer: %w", a.err), time.Now()) {
		st.experts.changed(p.host)
	}
}

// give hands out what has come.
func (st *stream) give(dst []expert.Lease) int {
	n, kept, width := 0, st.parts[:0], st.experts.shape.Hidden
	for _, p := range st.parts {
		for p.state == come && p.given < len(p.slots) && n < len(dst) {
			slot := p.slots[p.given]
			end := p.place + int(st.demand.Counts[slot])*width
			dst[n] = expert.Lease{Slot: int(slot), Out: p.out[p.place:end], Round: st.rounds(int(slot))}
			p.given, p.place = p.given+1, end
			n++
		}
		if p.state != come || p.given < len(p.slots) {
			kept = append(kept, p)
		}
	}
	st.parts = kept
	return n
}

// await waits for an answer, or until one is late, and returns the parts that are
// lost, which are no longer the stream's.
func (st *stream) await(ctx context.Context) (away []*part, err error) {
	due := st.parts[0].due
	for _, p := range st.parts {
		if p.state == lost {
			return st.leave(), nil
		}
		if p.due.Before(due) {
			due = p.due
		}
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case a := <-st.come:
		st.take(a)
	case now := <-timer.C:
		for _, p := range st.parts {
			if !p.due.After(now) {
				p.state = lost
				if p.host.late(len(p.slots), now.Sub(p.asked), now) {
					st.experts.changed(p.host)
				}
			}
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return st.leave(), nil
}

// leave takes the lost parts out.
func (st *stream) leave() (away []*part) {
	kept := st.parts[:0]
	for _, p := range st.parts {
		if p.state == lost {
			away = append(away, p)
		} else {
			kept = append(kept, p)
		}
	}
	st.parts = kept
	return away
}
