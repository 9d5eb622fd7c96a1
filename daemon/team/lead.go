package team

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"moed/daemon"
	"moed/daemon/cluster"
	"moed/offload/hosts"
	"moed/placement"
)

// Options are of both sides.
type Options struct {
	Version string                    // of moed; members with another are refused
	Log     *slog.Logger              // nil: nowhere
	Plans   []string                  // with Lead: files of moed place, put when their models are opened
	Room    int64                     // with Join: bytes of memory for experts, over all models
	Threads int                       // with Join: 0 is all processors
	Models  func() []daemon.ModelInfo // with Join: what there is
}

func (o *Options) settle() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Lead is the coordinator's side. It is a daemon.Team.
type Lead struct {
	node *cluster.Node
	home string
	o    Options
	stop func()

	mu      sync.Mutex                 // guards what is below
	plans   map[string]*placement.File // by identity of the model
	members []cluster.Member
	led     map[*led]bool
	refused map[string]string // why, by member
}

// led is a model that is open.
type led struct {
	lead    *Lead
	model   daemon.Led
	id      string
	experts *hosts.Experts
	wake    chan struct{} // something has changed that a plan may depend on
	ctx     context.Context

	mu       sync.Mutex // guards what is below
	revision uint64
	auto     bool
	hosts    []string // of the plan
}

// NewLead has engines use the members of the node's cluster. The plans are read at
// once.
func NewLead(node *cluster.Node, home string, o Options) (*Lead, error) {
	o.settle()
	l := &Lead{node: node, home: home, o: o, led: map[*led]bool{}, refused: map[string]string{}}
	if err := l.Reload(o.Plans); err != nil {
		return nil, err
	}
	l.stop = node.WatchMembers(l.changed)
	return l, nil
}

// Close stops watching. Engines must be closed before.
func (l *Lead) Close() { l.stop() }

// Reload reads the files of plans anew; models that are open take them up. Where
// one is wrong all stays as it was.
func (l *Lead) Reload(paths []string) error {
	plans := map[string]*placement.File{}
	for _, path := range paths {
		file, err := readPlan(path)
		if err != nil {
			return err
		}
		if file.Model.Header == "" {
			return fmt.Errorf("%s: does not say for which model it is; make it with moed place MODEL", path)
		}
		if plans[file.Model.Header] != nil {
			return fmt.Errorf("%s: is the second plan for %s", path, file.Model.Name)
		}
		plans[file.Model.Header] = file
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plans = plans
	for m := range l.led {
		m.stir()
	}
	return nil
}

func readPlan(path string) (*placement.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; moed place -o makes one", err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := placement.ReadFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// Lead implements daemon.Team.
func (l *Lead) Lead(m daemon.Led) (*hosts.Experts, func(), error) {
	shape := hosts.Shape{Hidden: m.Hidden}
	for i := range m.Table.Layers {
		shape.Experts = append(shape.Experts, m.Table.Layers[i].Experts)
	}
	d := &led{lead: l, model: m, id: modelID(m.Name, m.Identity), wake: make(chan struct{}, 1)}
	d.experts = hosts.New(m.Local, network{l.node, d.id}, shape, hosts.Options{Check: m.Check, Changed: func(s hosts.HostStats) {
		l.o.Log.Info("host of a model", "model", m.Name, "host", s.Name, "state", string(s.State), "why", s.Why)
	}})
	var end context.CancelFunc
	d.ctx, end = context.WithCancel(context.Background())
	stop, err := l.node.WatchPlan(d.ctx, d.id, d.take)
	if err != nil {
		end()
		return nil, nil, err
	}
	var working sync.WaitGroup
	working.Go(d.keep) // ends with leave
	l.mu.Lock()
	l.led[d] = true
	d.experts.Present(l.present(d))
	d.experts.Short(l.short(d))
	l.mu.Unlock()
	d.stir()
	return d.experts, func() {
		l.mu.Lock()
		delete(l.led, d)
		l.mu.Unlock()
		stop()
		end()
		working.Wait()
	}, nil
}

// network carries messages about one model.
type network struct {
	node *cluster.Node
	id   string
}

func (n network) MaxPayload() int { return n.node.MaxPayload() }

func (n network) Ask(ctx context.Context, host string, request []byte) ([]byte, error) {
	return n.node.Ask(ctx, host, n.id, request)
}

// changed takes in who is there.
func (l *Lead) changed(members []cluster.Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members = slices.DeleteFunc(members, func(m cluster.Member) bool { return m.Name == l.home })
	for _, m := range l.members {
		why := ""
		if m.Version != l.o.Version {
			why = fmt.Sprintf("runs moed %s, this is %s", cmp.Or(m.Version, "of no version"), l.o.Version)
		}
		l.refuse(m.Name, why)
	}
	for d := range l.led {
		d.experts.Present(l.present(d))
		d.experts.Short(l.short(d))
		d.stir()
	}
}

// refuse notes why a member is not asked, and says so once.
func (l *Lead) refuse(name, why string) {
	if l.refused[name] == why {
		return
	}
	l.refused[name] = why
	if why != "" {
		l.o.Log.Warn("a host is not asked", "host", name, "why", why)
	}
}

// Refused is why members are not asked, by name.
func (l *Lead) Refused() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]string{}
	for name, why := range l.refused {
		if why != "" {
			out[name] = why
		}
	}
	return out
}

// suitable is the members that may compute a model's experts. The caller holds mu.
func (l *Lead) suitable(d *led) []cluster.Member {
	var all []cluster.Member
	for _, m := range l.members {
		if l.refused[m.Name] != "" {
			continue
		}
		for _, h := range m.Models {
			if h.ID == d.id && h.Header == d.model.Identity && h.Room > 0 {
				all = append(all, m)
			}
		}
	}
	return all
}

// present is those of the suitable that have read their experts, and their
// starts. The caller holds mu.
func (l *Lead) present(d *led) map[string]string {
	there := map[string]string{}
	for _, m := range l.suitable(d) {
		for _, h := range m.Models {
			if h.ID == d.id && h.Experts > 0 {
				there[m.Name] = m.Boot
			}
		}
	}
	return there
}

// short is those of the suitable that have no room for some of their experts. The
// caller holds mu.
func (l *Lead) short(d *led) (names []string) {
	for _, m := range l.suitable(d) {
		if slices.ContainsFunc(m.Models, func(h cluster.Holding) bool { return h.ID == d.id && h.Lacks > 0 }) {
			names = append(names, m.Name)
		}
	}
	return names
}

// stir has the model's keeper look whether a plan is wanted.
func (d *led) stir() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// keep puts plans where that is wanted.
func (d *led) keep() {
	var again <-chan time.Time // after a failure
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.wake:
		case <-again:
		}
		again = nil
		err := d.plan()
		if err == nil || d.ctx.Err() != nil || errors.Is(err, cluster.ErrConflict) { // then another is on its way
			continue
		}
		d.lead.o.Log.Error("no plan is put", "model", d.model.Name, "err", err)
		again = time.After(planAgain)
	}
}

const planAgain = 5 * time.Second

// plan puts the operator's plan, or one of its own where no plan has all members
// that could help.
func (d *led) plan() error {
	l := d.lead
	l.mu.Lock()
	file, members := l.plans[d.model.Identity], l.suitable(d)
	l.mu.Unlock()
	d.mu.Lock()
	revision, auto, known := d.revision, d.auto, d.hosts
	d.mu.Unlock()
	made := file == nil
	switch {
	case file != nil:
		if revision != 0 && !auto && d.follows(file) {
			return nil
		}
	case revision != 0 && !auto, len(members) == 0:
		return nil
	case revision != 0 && !slices.ContainsFunc(members, func(m cluster.Member) bool { return !slices.Contains(known, m.Name) }):
		return nil
	default:
		var err error
		if file, err = arrange(&d.model, l.home, members, d.id, d.away); err != nil {
			return err
		}
	}
	data, err := encodePut(made, file)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(d.ctx, planAgain)
	defer cancel()
	_, err = l.node.PutPlan(ctx, d.id, revision, data)
	return err
}

// away measures how long a message to a host takes: half of the quickest of some
// round trips.
func (d *led) away(host string) time.Duration {
	ctx, cancel := context.WithTimeout(d.ctx, planAgain)
	defer cancel()
	least := 2 * usualLatency
	for i := range trips {
		took, err := d.lead.node.RTT(ctx, host)
		if err != nil {
			break // it may have left; the plan is made all the same
		}
		if i == 0 || took < least {
			least = took
		}
	}
	return least / 2
}

const trips = 5

// follows reports whether the plan in use is that of file.
func (d *led) follows(file *placement.File) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.hosts != nil && d.experts.Follows(follow(file, d.lead.home, d.revision))
}

// take takes in a plan, whoever has put it.
func (d *led) take(revision uint64, data []byte) {
	l := d.lead
	p, file, err := decodePut(data)
	if err == nil {
		plan := follow(file, l.home, revision)
		err = d.experts.Follow(plan)
		d.mu.Lock()
		d.revision, d.auto, d.hosts = revision, p.Auto, plan.Hosts
		d.mu.Unlock()
	}
	if err != nil {
		l.o.Log.Error("a plan cannot be followed", "model", d.model.Name, "revision", revision, "err", err)
		return
	}
	l.o.Log.Info("plan", "model", d.model.Name, "revision", revision, "hosts", d.hosts, "own", p.Auto)
	d.stir()
}
