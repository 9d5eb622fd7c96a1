package team

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"moed/daemon"
	"moed/daemon/cluster"
	"moed/offload/hosts"
	"moed/placement"
)

// Member computes experts for the coordinator of its cluster.
type Member struct {
	node *cluster.Node
	name string
	o    Options
	ctx  context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex       // guards what is below, and the fields of duties
	duties map[string]*duty // by id
}

// duty is a model of which this host may compute experts.
type duty struct {
	member   *Member
	id       string
	path     string
	identity string
	stop     func()

	turn    sync.Mutex // one plan is taken up at a time; guards worker and unserve
	worker  *daemon.Worker
	unserve func()

	room     int64 // bytes of the worker's experts
	experts  int   // that it computes
	lacks    int   // of them, that had no room
	revision uint64
}

// lookEvery is how often a member looks for new models.
const lookEvery = 10 * time.Second

// NewMember offers the node's cluster this host's memory for experts of its
// models, until Close.
func NewMember(node *cluster.Node, name string, o Options) *Member {
	o.settle()
	m := &Member{node: node, name: name, o: o, duties: map[string]*duty{}}
	m.ctx, m.end = context.WithCancel(context.Background())
	m.work.Go(m.look) // ends with Close
	return m
}

// Close ends all duties. The node is closed after it.
func (m *Member) Close() error {
	m.end()
	m.work.Wait()
	m.mu.Lock()
	all := m.duties
	m.duties = map[string]*duty{}
	m.mu.Unlock()
	var errs []error
	for _, d := range all {
		d.stop()
		errs = append(errs, d.close())
	}
	return errors.Join(errs...)
}

// look finds models now and then, and says what there is.
func (m *Member) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		m.find()
		m.announce()
		select {
		case <-m.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// find takes up duties for models that are new. One that is gone stays until a
// read fails.
func (m *Member) find() {
	for _, info := range m.o.Models() {
		if info.Path == "" || info.Report == nil || info.Report.Experts == 0 {
			continue
		}
		identity, err := daemon.Identity(info.Path)
		if err != nil {
			m.o.Log.Warn("a model is not offered", "model", info.Name, "err", err)
			continue
		}
		id := modelID(info.Name, identity)
		m.mu.Lock()
		known := m.duties[id] != nil
		m.mu.Unlock()
		if known {
			continue
		}
		d := &duty{member: m, id: id, path: info.Path, identity: identity}
		if d.stop, err = m.node.WatchPlan(m.ctx, id, d.take); err != nil {
			m.o.Log.Warn("a model is not offered", "model", info.Name, "err", err)
			continue
		}
		m.mu.Lock()
		m.duties[id] = d
		m.mu.Unlock()
	}
}

// announce says what this host has.
func (m *Member) announce() {
	m.mu.Lock()
	out := cluster.Member{Version: m.o.Version, Kernels: daemon.Kernels(), Threads: m.o.Threads, Bytes: m.o.Room}
	for _, d := range m.duties {
		out.Models = append(out.Models, cluster.Holding{ID: d.id, Header: d.identity, Room: m.left() + d.room, Experts: d.experts, Lacks: d.lacks, Revision: d.revision})
	}
	m.mu.Unlock()
	slices.SortFunc(out.Models, func(a, b cluster.Holding) int { return strings.Compare(a.ID, b.ID) })
	if err := m.node.Announce(out); err != nil {
		m.o.Log.Error("this host cannot say what it has", "err", err)
	}
}

// left is the room that no duty has. The caller holds mu.
func (m *Member) left() int64 {
	left := m.o.Room
	for _, d := range m.duties {
		left -= d.room
	}
	return max(left, 0)
}

// take takes up a plan: it reads the experts that are this host's and then serves
// them.
func (d *duty) take(revision uint64, data []byte) {
	m := d.member
	_, file, err := decodePut(data)
	if err == nil {
		err = d.follow(revision, file)
	}
	if err != nil && m.ctx.Err() == nil {
		m.o.Log.Error("a plan cannot be followed", "model", d.id, "revision", revision, "err", err)
	}
	m.announce()
}

func (d *duty) follow(revision uint64, file *placement.File) error {
	m := d.member
	if file.Model.Header != "" && file.Model.Header != d.identity {
		return fmt.Errorf("it is for another model, %s", file.Model.Name)
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	experts, n := shareOf(file, m.name)
	if n == 0 {
		m.o.Log.Info("the plan has nothing for this host", "model", d.id, "revision", revision)
		return d.drop()
	}
	if err := d.hold(experts, wholeOf(file, m.name)); err != nil {
		return err
	}
	began := time.Now()
	read, err := d.worker.Warm(m.ctx, experts, nil)
	if err != nil {
		return err
	}
	m.mu.Lock()
	d.experts, d.lacks, d.revision = n, n-d.worker.Held(experts), revision
	m.mu.Unlock()
	m.o.Log.Info("experts are in memory", "model", d.id, "revision", revision, "experts", n, "read", read,
		"bytes", d.worker.Bytes(), "seconds", time.Since(began).Seconds())
	for _, note := range d.worker.Notes() {
		m.o.Log.Warn("disks", "model", d.id, "note", note)
	}
	if d.unserve != nil {
		return nil
	}
	d.unserve, err = m.node.Serve(d.id, d.answer(d.worker))
	return err
}

// hold has room for the experts, and runs these layers whole. The caller holds
// turn.
func (d *duty) hold(experts [][]int, whole []bool) error {
	m := d.member
	m.mu.Lock()
	room := m.left() + d.room
	m.mu.Unlock()
	if room <= 0 {
		return errors.New("no memory is left for its experts; give more with --room")
	}
	var err error
	if d.worker == nil {
		d.worker, err = daemon.OpenWorker(m.ctx, daemon.WorkerOptions{Model: d.path, Experts: experts, Whole: whole, Room: room, Threads: m.o.Threads})
	} else {
		err = d.worker.Resize(m.ctx, experts, whole, room)
	}
	if err != nil {
		return err
	}
	m.mu.Lock()
	d.room = d.worker.Bytes()
	m.mu.Unlock()
	return nil
}

// answer is what the network asks for.
func (d *duty) answer(w *daemon.Worker) func(ctx context.Context, from string, request []byte) ([]byte, error) {
	hidden := w.Config().Hidden
	return func(ctx context.Context, _ string, request []byte) ([]byte, error) {
		return hosts.Answer(ctx, w, w, hidden, request)
	}
}

// drop gives back what the model has. The caller holds turn.
func (d *duty) drop() error {
	if d.unserve != nil {
		d.unserve()
		d.unserve = nil
	}
	var err error
	if d.worker != nil {
		err = d.worker.Close()
		d.worker = nil
	}
	d.member.mu.Lock()
	d.room, d.experts, d.lacks, d.revision = 0, 0, 0, 0
	d.member.mu.Unlock()
	return err
}

func (d *duty) close() error {
	d.turn.Lock()
	defer d.turn.Unlock()
	return d.drop()
}
