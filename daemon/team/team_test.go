package team_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"moed/daemon"
	"moed/daemon/cluster"
	"moed/daemon/team"
	"moed/moe/stories"
	"moed/offload/hosts"
	"moed/placement"
)

const version = "1.2.3"

// rig is a coordinator with a model's file of its own, and what members need.
type rig struct {
	t    *testing.T
	dir  string // of models
	path string // of the model
	keys string
	node *cluster.Node
	lead *team.Lead
	want daemon.Result
}

func request() daemon.Request {
	return daemon.Request{Prompt: "Once upon a time", MaxTokens: 60, LogProbs: 1}
}

func newRig(t *testing.T, plans ...string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), keys: t.TempDir()}
	r.path = r.model(r.dir, nil)
	var err error
	r.node, err = cluster.Open(t.Context(), cluster.Options{Name: "home", Listen: "127.0.0.1:0", Dir: r.keys, TTL: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.node.Close() })
	if r.lead, err = team.NewLead(r.node, "home", team.Options{Version: version, Plans: plans}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.lead.Close)
	alone, err := daemon.Open(t.Context(), daemon.Config{Model: r.path, Flash: daemon.FlashConfig{Profile: daemon.NoProfile}})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	r.want = r.generate(alone, nil)
	return r
}

// model writes the model to a directory; change may change its bytes.
func (r *rig) model(dir string, change func([]byte)) string {
	r.t.Helper()
	path, content := filepath.Join(dir, "story.gguf"), slices.Clone(stories.GGUF())
	if change != nil {
		change(content)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// generate is the text of the test; emit may be nil.
func (r *rig) generate(e *daemon.Engine, emit func(n int)) daemon.Result {
	r.t.Helper()
	q, n := request(), 0
	got, err := e.Generate(context.Background(), &q, func(daemon.Piece) error {
		if n++; emit != nil {
			emit(n)
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// same generates and compares, to the bit of the log probabilities.
func (r *rig) same(e *daemon.Engine, emit func(n int)) {
	r.t.Helper()
	got := r.generate(e, emit)
	if got.Text != r.want.Text || len(got.LogProbs) != len(r.want.LogProbs) {
		r.t.Fatalf("the text is\n%s\nalone it is\n%s", got.Text, r.want.Text)
	}
	for i, p := range got.LogProbs {
		if p.Log != r.want.LogProbs[i].Log {
			r.t.Fatalf("token %d has log probability %v, alone %v", i, p.Log, r.want.LogProbs[i].Log)
		}
	}
}

// open opens the model with the team.
func (r *rig) open() *daemon.Engine {
	r.t.Helper()
	e, err := daemon.Open(r.t.Context(), daemon.Config{Model: r.path, Team: r.lead, Flash: daemon.FlashConfig{Profile: daemon.NoProfile}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := e.Close(); err != nil {
			r.t.Error(err)
		}
	})
	return e
}

// box is a member; end may be called twice.
type box struct {
	node *cluster.Node
	end  func()
}

// member starts one that has the models of dir.
func (r *rig) member(name, dir string, o team.Options) *box {
	r.t.Helper()
	file := filepath.Join(r.keys, name+".invitation")
	v, err := cluster.Invite(r.keys, name, []string{r.node.URL()})
	if err == nil {
		err = v.Write(file)
	}
	if err != nil && !errors.Is(err, cluster.ErrInvited) {
		r.t.Fatal(err)
	}
	shelf, err := daemon.NewShelf(daemon.ShelfOptions{Dirs: []string{dir}})
	if err != nil {
		r.t.Fatal(err)
	}
	// The coordinator takes the invitation up within a second.
	var node *cluster.Node
	for {
		node, err = cluster.Open(r.t.Context(), cluster.Options{Invitation: file})
		if !errors.Is(err, cluster.ErrRefused) {
			break
		}
	}
	if err != nil {
		r.t.Fatal(err)
	}
	if o.Version == "" {
		o.Version = version
	}
	o.Models = shelf.List
	m := team.NewMember(node, name, o)
	end := sync.OnceFunc(func() {
		if err := errors.Join(m.Close(), node.Close(), shelf.Close()); err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(end)
	return &box{node, end}
}

// until generates, and compares, until the hosts of the model are as they should
// be.
func (r *rig) until(e *daemon.Engine, what string, is func(hosts []hosts.HostStats, revision uint64) bool) []hosts.HostStats {
	r.t.Helper()
	var last []hosts.HostStats
	for end := time.Now().Add(patience); time.Now().Before(end); {
		r.same(e, nil)
		s := e.Stats()
		if last = s.Hosts; is(last, s.PlanRevision) {
			return last
		}
	}
	r.t.Fatalf("%s never comes true: %+v", what, last)
	return nil
}

const patience = time.Minute // far more than is needed

func ready(names ...string) func([]hosts.HostStats, uint64) bool {
	return func(all []hosts.HostStats, _ uint64) bool {
		var found []string
		for _, h := range all {
			if h.State == hosts.Ready && h.Experts > 0 {
				found = append(found, h.Name)
			}
		}
		return slices.Equal(found, names)
	}
}

const room = 4 << 20

// TestTogether: members compute what the plan gives them as soon as they are there,
// and the text is that of one host, to the bit; also when one leaves in the middle
// of it, and when it is back.
func TestTogether(t *testing.T) {
	r := newRig(t)
	r.follow(r.plan(0, "box1", "box2"))
	e := r.open()
	r.same(e, nil)
	box1 := r.member("box1", r.dir, team.Options{Room: room})
	r.until(e, "box1 computes", ready("box1"))
	r.member("box2", r.dir, team.Options{Room: room, Threads: 1})
	r.until(e, "both compute", ready("box1", "box2"))
	r.same(e, func(n int) {
		if n == 10 {
			box1.end()
		}
	})
	r.until(e, "box1 is absent", func(all []hosts.HostStats, _ uint64) bool { return len(all) == 2 && all[0].State == hosts.Absent })
	before := e.Stats().Hosts[0].Experts
	r.member("box1", r.dir, team.Options{Room: room})
	r.until(e, "box1 is back", func(all []hosts.HostStats, _ uint64) bool {
		return all[0].State == hosts.Ready && all[0].Experts > before
	})
}

// TestMoving: tokens go to members for whole layers, in memory that is little or
// enough, and the text is that of one host; also when a member leaves in the middle
// of it, when it is back, and when a plan takes over by which experts are asked for.
func TestMoving(t *testing.T) {
	r := newRig(t)
	r.follow(r.layers("box1", "box2"))
	e := r.open()
	box1 := r.member("box1", r.dir, team.Options{Room: 40 << 20})
	r.member("box2", r.dir, team.Options{Room: room, Threads: 1})
	moved := func(least int64) func([]hosts.HostStats, uint64) bool {
		return func(all []hosts.HostStats, _ uint64) bool {
			return len(all) == 2 && all[0].Moved > least && all[1].Moved > 0
		}
	}
	r.until(e, "tokens move", moved(100))
	r.same(e, func(n int) {
		if n == 10 {
			box1.end()
		}
	})
	all := r.until(e, "box1 is absent", func(all []hosts.HostStats, _ uint64) bool { return all[0].State == hosts.Absent })
	r.member("box1", r.dir, team.Options{Room: 40 << 20})
	r.until(e, "tokens move again", moved(all[0].Moved+100))
	asked := e.Stats().Hosts[0].Experts
	r.follow(r.plan(0, "box1", "box2"))
	r.until(e, "box1 computes experts", func(all []hosts.HostStats, _ uint64) bool { return all[0].Experts > asked+100 })
}

// TestRefused: a member of another version is not asked and is named, and one with
// another file of the same name is not asked for it.
func TestRefused(t *testing.T) {
	r := newRig(t)
	other := t.TempDir()
	at := 0
	r.model(other, func(content []byte) { // another name in the metadata, and so another header
		at = strings.Index(string(content), "general.architecture")
		content[strings.Index(string(content), "general.name")+20]++
	})
	if at < 0 {
		t.Fatal("the model has changed: it has no name")
	}
	r.follow(r.plan(0, "old", "other", "right"))
	e := r.open()
	r.member("old", r.dir, team.Options{Room: room, Version: "1.2.2"})
	r.member("other", other, team.Options{Room: room})
	r.member("right", r.dir, team.Options{Room: room})
	all := r.until(e, "the right one computes", ready("right"))
	for _, h := range all {
		if h.Name != "right" && (h.State != hosts.Absent || h.Asked > 0) {
			t.Errorf("%s is %s, asked %d times", h.Name, h.State, h.Asked)
		}
	}
	if why := r.lead.Refused(); len(why) != 1 || !strings.Contains(why["old"], "1.2.2") {
		t.Errorf("refused are %v", why)
	}
}

// TestPlans: an operator's plan is followed, and the next one takes over.
func TestPlans(t *testing.T) {
	r := newRig(t)
	r.member("box1", r.dir, team.Options{Room: room})
	r.member("box2", r.dir, team.Options{Room: room})
	first, second := r.plan(1, "box1"), r.plan(0, "box2")
	r.follow(first)
	e := r.open()
	all := r.until(e, "box1 computes alone", ready("box1"))
	if len(all) != 1 {
		t.Errorf("the plan has %+v", all)
	}
	revision := e.Stats().PlanRevision
	r.follow(second)
	r.until(e, "box2 computes", func(all []hosts.HostStats, now uint64) bool {
		return now > revision && slices.ContainsFunc(all, func(h hosts.HostStats) bool { return h.Name == "box2" && h.Experts > 0 })
	})
	for _, bad := range [][]string{{filepath.Join(t.TempDir(), "none.json")}, {first, first}, {r.path}} {
		if err := r.lead.Reload(bad); err == nil {
			t.Errorf("plans %v are taken", bad)
		}
	}
}

func (r *rig) follow(plan string) {
	r.t.Helper()
	if err := r.lead.Reload([]string{plan}); err != nil {
		r.t.Fatal(err)
	}
}

// plan writes one that deals the experts of each layer to hosts, the first ones
// again and again; from 0 on this host is one of them.
func (r *rig) plan(from int, names ...string) string {
	return r.write(func(layer, e, n int) int { return from + (e+layer)%(n-from) }, false, names...)
}

// layers writes a plan by which tokens move from host to host with each layer.
func (r *rig) layers(names ...string) string {
	return r.write(func(layer, _, n int) int { return layer % n }, true, names...)
}

// write writes the plan that has an expert on the device that on says, of n.
func (r *rig) write(on func(layer, e, n int) int, moving bool, names ...string) string {
	r.t.Helper()
	identity, err := daemon.Identity(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	report, err := daemon.Inspect(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	p := placement.Problem{Moving: moving, Layers: placement.Uniform(report.Layers, report.Experts, 1000)}
	for _, name := range append([]string{"home"}, names...) {
		p.Devices = append(p.Devices, placement.Device{Name: name, Host: name, Capacity: 1 << 30, Rate: 1e9})
	}
	a := make(placement.Assignment, report.Layers)
	for l := range a {
		for e := range report.Experts {
			a[l] = append(a[l], []int{on(l, e, len(p.Devices))})
		}
	}
	f := placement.File{Model: placement.Model{Name: "story", Header: identity}, Problem: p, Plan: placement.Plan{Assignment: a}}
	path := filepath.Join(r.t.TempDir(), "plan.json")
	out, err := os.Create(path)
	if err == nil {
		err = errors.Join(f.Write(out), out.Close())
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return path
}
