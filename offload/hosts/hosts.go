package hosts

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"moed/moe/expert"
)

// Network carries messages to other hosts.
type Network interface {
	// Ask sends a request and waits for the answer. Its error says why there is
	// none; it returns soon after ctx is done.
	Ask(ctx context.Context, host string, request []byte) ([]byte, error)
	// MaxPayload is the most bytes of a request or an answer.
	MaxPayload() int
}

// Local is where this host gets experts from itself; offload.Store is one. It has
// all of them.
type Local interface {
	Stream() expert.Stream
}

// Shape is what a plan and messages must agree with.
type Shape struct {
	Hidden  int   // size of a hidden state
	Experts []int // of each layer; 0 where it has none
}

// Plan says which hosts hold which experts.
type Plan struct {
	Revision uint64
	Hosts    []string
	// Where is, for each layer and expert, who holds it: numbers into Hosts, or
	// Here. An expert that nobody holds is computed here.
	Where [][][]int16
	// Half is which hosts answer in f16, for slow links; nil is none. The experts
	// that only they and others beside this host have are rounded wherever they
	// are computed, so that what comes out is the same each time, but not that of
	// a single host. Layers that run whole are not concerned.
	Half []bool
	// Moving has the tokens go to a host for the layers of which it holds all
	// experts and this host none.
	Moving bool
}

// Here is this host in a Plan.
const Here = -1

// Whole is, for each layer, the host to which tokens go for it, or Here.
func (p *Plan) Whole() []int16 {
	whole := slices.Repeat([]int16{Here}, len(p.Where))
	if !p.Moving {
		return whole
	}
	for l, experts := range p.Where {
		if len(experts) == 0 {
			continue
		}
		for h := range p.Hosts {
			if !slices.ContainsFunc(experts, func(where []int16) bool {
				return slices.Contains(where, Here) || !slices.Contains(where, int16(h))
			}) {
				whole[l] = int16(h)
				break
			}
		}
	}
	return whole
}

// Options say how patient an Experts is. The zero value is right.
type Options struct {
	// Patience is how long a host may take before its experts are computed here,
	// while little is known of it; 0 is a second. Later it is twice the 99th
	// percentile of how long its answers took, and never more than this.
	Patience time.Duration
	// Least is how long a host may always take, however quick it was; 0 is 5
	// milliseconds.
	Least time.Duration
	// Deadline is when an answer is waited for no longer, not even as a sign of
	// life; 0 is 5 seconds.
	Deadline time.Duration
	// Pause is how long a host that failed is passed over before it is tried
	// again; 0 is a quarter of a second. It doubles up to 32 times that.
	Pause time.Duration
	// Check computes trials here, to compare with what a host answers; nil takes
	// any answer for a good one.
	Check Computer
	// Changed is called, where it is set, when a host's state has changed, on a
	// goroutine that must not be held up.
	Changed func(HostStats)
}

// Experts gets experts from other hosts, and from here.
type Experts struct {
	local Local
	net   Network
	shape Shape
	o     Options

	plan atomic.Pointer[plan]

	guess Guesser // nil where nobody foretells
	ahead int

	mu    sync.Mutex // guards what is below
	hosts map[string]*host
}

// plan is a Plan whose hosts have been found.
type plan struct {
	Plan
	hosts []*host
	whole []int16 // [layer] the host to which tokens go for it, or Here
}

// halves reports whether a host answers in f16 in a layer: all that it is asked for
// is rounded.
func (p *plan) halves(layer, host int) bool {
	return len(p.Half) > 0 && p.Half[host] && p.whole[layer] == Here
}

// rounds reports whether an expert's outputs are rounded.
func (p *plan) rounds(layer int, e int32) bool {
	if len(p.Half) == 0 {
		return false
	}
	where := p.Where[layer][e]
	return !slices.Contains(where, Here) && slices.ContainsFunc(where, func(h int16) bool { return p.halves(layer, int(h)) })
}

// New is a source that computes all experts here until a plan is followed.
func New(local Local, net Network, shape Shape, o Options) *Experts {
	o.Patience = cmp.Or(o.Patience, time.Second)
	o.Least = cmp.Or(o.Least, 5*time.Millisecond)
	o.Deadline = cmp.Or(o.Deadline, 5*time.Second)
	o.Pause = cmp.Or(o.Pause, 250*time.Millisecond)
	e := &Experts{local: local, net: net, shape: shape, o: o, hosts: map[string]*host{}}
	e.plan.Store(&plan{})
	return e
}

// Follow has a plan take over from the next pass on. The plan must not change
// afterwards. One that is older than what is followed is left alone.
func (e *Experts) Follow(p Plan) error {
	if err := e.check(&p); err != nil {
		return fmt.Errorf("plan %d: %w", p.Revision, err)
	}
	next := &plan{Plan: p}
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.Revision < e.plan.Load().Revision {
		return nil
	}
	for _, name := range p.Hosts {
		next.hosts = append(next.hosts, e.host(name))
	}
	next.whole = p.Whole()
	e.plan.Store(next)
	return nil
}

func (e *Experts) check(p *Plan) error {
	if len(p.Half) != 0 && len(p.Half) != len(p.Hosts) {
		return fmt.Errorf("found %d hosts, and %d that may answer in f16", len(p.Hosts), len(p.Half))
	}
	if len(p.Where) != len(e.shape.Experts) {
		return fmt.Errorf("found %d layers, want %d", len(p.Where), len(e.shape.Experts))
	}
	for l, experts := range p.Where {
		if len(experts) != e.shape.Experts[l] {
			return fmt.Errorf("layer %d: found %d experts, want %d", l, len(experts), e.shape.Experts[l])
		}
		for i, where := range experts {
			for _, h := range where {
				if h < Here || int(h) >= len(p.Hosts) {
					return fmt.Errorf("expert %d of layer %d: found host %d of %d", i, l, h, len(p.Hosts))
				}
			}
		}
	}
	return nil
}

// Away reports whether another host is counted on for an expert.
func (e *Experts) Away(layer int, expert int32) bool {
	p := e.plan.Load()
	if layer >= len(p.Where) || int(expert) >= len(p.Where[layer]) {
		return false
	}
	where := p.Where[layer][expert]
	return !slices.Contains(where, Here) && slices.ContainsFunc(where, func(h int16) bool { return p.hosts[h].counted() })
}

// Follows reports whether what is followed says the same as p, whatever its
// revision.
func (e *Experts) Follows(p Plan) bool {
	now := e.plan.Load()
	same := func(a, b [][]int16) bool { return slices.EqualFunc(a, b, slices.Equal) }
	return now.Moving == p.Moving && slices.Equal(now.Half, p.Half) && slices.Equal(now.Hosts, p.Hosts) && slices.EqualFunc(now.Where, p.Where, same)
}

// Rounds is which hosts answer in f16, by the plan that is followed.
func (e *Experts) Rounds() []string {
	p := e.plan.Load()
	var names []string
	for h, half := range p.Half {
		if half {
			names = append(names, p.Hosts[h])
		}
	}
	return names
}

// Revision is that of the plan that is followed.
func (e *Experts) Revision() uint64 { return e.plan.Load().Revision }

// Present says which hosts there are, by name, and which start of theirs it is: a
// host that has started again is tried before it is relied on. One that is not
// there is not asked.
func (e *Experts) Present(starts map[string]string) {
	e.mu.Lock()
	for name := range starts {
		e.host(name)
	}
	all := make([]*host, 0, len(e.hosts))
	for _, h := range e.hosts {
		all = append(all, h)
	}
	e.mu.Unlock()
	for _, h := range all {
		start, there := starts[h.name]
		if h.present(there, start) {
			e.changed(h)
		}
	}
}

// host is the one of that name. The caller holds mu.
func (e *Experts) host(name string) *host {
	h := e.hosts[name]
	if h == nil {
		h = &host{name: name, id: uint64(len(e.hosts)) + 1, pause: e.o.Pause}
		e.hosts[name] = h
	}
	return h
}

func (e *Experts) changed(h *host) {
	if e.o.Changed != nil {
		e.o.Changed(h.stats())
	}
}

// Stats are those of all hosts, by name.
func (e *Experts) Stats() []HostStats {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []HostStats
	for _, h := range e.hosts {
		all = append(all, h.stats())
	}
	slices.SortFunc(all, func(a, b HostStats) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Stream opens a stream of leases for one goroutine.
func (e *Experts) Stream() expert.Stream {
	return &stream{experts: e, local: e.local.Stream(), plan: e.plan.Load(), last: math.MaxInt}
}
