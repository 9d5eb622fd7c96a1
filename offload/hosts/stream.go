package hosts

import (
	"context"
	"slices"
	"time"

	"moed/moe/expert"
)

// stream serves one demand after the other, for one goroutine.
type stream struct {
	experts *Experts
	local   expert.Stream
	plan    *plan
	last    int // layer of the demand before

	demand *expert.Demand
	near   expert.Demand // what is computed here, and
	slots  []int32       // where its experts stand in demand
	more   bool          // local has more of it to give
	parts  []*part       // what other hosts were asked for
	come   chan arrival

	assign []int16 // [expert in demand] number of the host in plan, or Here
	pairs  pairing

	guesses []expert.Guess
	out     []float32
}

// Want implements expert.Stream.
func (st *stream) Want(ctx context.Context, d *expert.Demand) error {
	if d.Layer <= st.last { // a new pass
		st.plan = st.experts.plan.Load()
	}
	st.last, st.demand, st.parts = d.Layer, d, st.parts[:0]
	st.divide(ctx)
	st.send(ctx)
	if err := st.begin(ctx, func(i int) bool { return st.assign[i] == Here }); err != nil {
		return err
	}
	st.foretell(ctx)
	return nil
}

// begin has those experts of the demand computed here for which want is true.
func (st *stream) begin(ctx context.Context, want func(i int) bool) error {
	d := st.demand
	experts, counts := st.near.Experts[:0], st.near.Counts[:0]
	st.slots = st.slots[:0]
	for i, e := range d.Experts {
		if want(i) {
			experts, counts, st.slots = append(experts, e), append(counts, d.Counts[i]), append(st.slots, int32(i))
		}
	}
	st.near = *d
	st.near.Experts, st.near.Counts = experts, counts
	st.more = true
	return st.local.Want(ctx, &st.near)
}

// divide says who computes each expert of the demand: of several hosts one that
// is asked anyway, else the one that comes first.
func (st *stream) divide(ctx context.Context) {
	d, p := st.demand, st.plan
	st.assign = append(st.assign[:0], slices.Repeat([]int16{Here}, len(d.Experts))...)
	if len(p.Where) == 0 || d.Chosen == nil || d.Tokens == 0 {
		return
	}
	now := time.Now()
	ready := make([]bool, len(p.hosts))
	for i, h := range p.hosts {
		trial := false
		if ready[i], trial = h.use(now); trial {
			st.experts.try(ctx, h, p, d)
		}
	}
	asked := make([]bool, len(p.hosts))
	for _, several := range []bool{false, true} {
		for i, e := range d.Experts {
			where := p.Where[d.Layer][e]
			if len(where) > 1 != several || slices.Contains(where, Here) {
				continue
			}
			for _, h := range where {
				if ready[h] && (st.assign[i] == Here || asked[h] && !asked[st.assign[i]]) {
					st.assign[i] = h
				}
			}
			if h := st.assign[i]; h != Here {
				asked[h] = true
			}
		}
	}
}

// Next implements expert.Stream: what is computed here first, since the others
// are at work meanwhile.
func (st *stream) Next(ctx context.Context, dst []expert.Lease) (int, error) {
	for {
		if st.more {
			n, err := st.local.Next(ctx, dst)
			if err != nil {
				return 0, err
			}
			for i := range n {
				dst[i].Slot = int(st.slots[dst[i].Slot])
				dst[i].Round = st.rounds(dst[i].Slot)
			}
			if n > 0 {
				return n, nil
			}
			st.more = false
		}
		st.collect()
		if n := st.give(dst); n > 0 {
			return n, nil
		}
		if len(st.parts) == 0 {
			return 0, nil
		}
		lost, err := st.await(ctx)
		if err != nil {
			return 0, err
		}
		if len(lost) > 0 {
			err := st.begin(ctx, func(i int) bool {
				return slices.ContainsFunc(lost, func(p *part) bool { return slices.Contains(p.slots, int32(i)) })
			})
			if err != nil {
				return 0, err
			}
		}
	}
}

// rounds reports whether the outputs of the demand's expert are rounded.
func (st *stream) rounds(slot int) bool {
	return st.plan.rounds(st.demand.Layer, st.demand.Experts[slot])
}

// Release implements expert.Stream.
func (st *stream) Release(l *expert.Lease) {
	if l.Out != nil {
		*l = expert.Lease{}
		return
	}
	st.local.Release(l)
}
