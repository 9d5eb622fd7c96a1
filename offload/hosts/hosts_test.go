package hosts_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"moed/flashio"
	"moed/moe"
	"moed/moe/gguf"
	"moed/moe/stories"
	"moed/offload"
	"moed/offload/hosts"
)

// lan is a network of hosts in this process, each of them a Worker with a store
// of its own.
type lan struct {
	payload  int
	hidden   int
	workers  map[string]*moe.Worker
	stages   map[string]func() *moe.Stage // a new one
	computer map[string]hosts.Computer    // in place of the worker

	mu     sync.Mutex
	stage  map[string]*moe.Stage
	faults map[string]fault
	asked  map[string]int
}

// fault says what becomes of a request to a host, of which it is the n-th; answer
// does it as it should be done.
type fault func(ctx context.Context, n int, answer func() ([]byte, error)) ([]byte, error)

func (l *lan) MaxPayload() int { return l.payload }

func (l *lan) Ask(ctx context.Context, host string, request []byte) ([]byte, error) {
	l.mu.Lock()
	l.asked[host]++
	n, f, stage := l.asked[host], l.faults[host], l.stage[host]
	l.mu.Unlock()
	answer := func() ([]byte, error) {
		if len(request) > l.payload {
			return nil, fmt.Errorf("a request of %d bytes", len(request))
		}
		c := hosts.Computer(l.workers[host])
		if l.computer[host] != nil {
			c = l.computer[host]
		}
		b, err := hosts.Answer(ctx, c, stage, l.hidden, request)
		if len(b) > l.payload {
			return nil, fmt.Errorf("an answer of %d bytes", len(b))
		}
		return b, err
	}
	if f != nil {
		return f(ctx, n, answer)
	}
	return answer()
}

func (l *lan) harm(host string, f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults[host] = f
}

func (l *lan) count(host string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[host]
}

// setup is the built-in model on this host and two others.
type setup struct {
	*lan
	model   *moe.Model
	experts *hosts.Experts
	shape   hosts.Shape
	want    [][]float32 // logits of text with all in memory
}

var names = []string{"box1", "box2"}

// store opens the file's experts in memory of so many bytes.
func store(t testing.TB, path string, bytes int64) (*offload.Store, *moe.Footprint) {
	t.Helper()
	im, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	fp, err := moe.Measure(im.File, moe.Options{Context: 256})
	if err != nil {
		t.Fatal(err)
	}
	r, err := flashio.Open(path, flashio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := offload.New(fp.Table, r, offload.Options{Bytes: bytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); r.Close() })
	return s, fp
}

func start(t testing.TB, payload int, o hosts.Options) *setup {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, stories.GGUF(), 0o600); err != nil {
		t.Fatal(err)
	}
	near, fp := store(t, path, 600<<10)
	s := &setup{lan: &lan{payload: payload, hidden: fp.Config.Hidden, workers: map[string]*moe.Worker{}, stages: map[string]func() *moe.Stage{}, stage: map[string]*moe.Stage{}, computer: map[string]hosts.Computer{}, faults: map[string]fault{}, asked: map[string]int{}}}
	s.shape.Hidden = fp.Config.Hidden
	for i := range fp.Table.Layers {
		s.shape.Experts = append(s.shape.Experts, fp.Table.Layers[i].Experts)
	}
	worker := func(bytes int64) *moe.Worker {
		st, _ := store(t, path, bytes)
		im, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := moe.NewWorker(im, path, moe.Options{Threads: 1, Batch: 64, Experts: st})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		return w
	}
	for i, name := range names {
		s.workers[name] = worker(1 << 20)
		whole := make([]bool, fp.Config.Layers)
		for l := range whole {
			whole[l] = l > 0 && l%3 != i
		}
		s.stages[name] = func() *moe.Stage { return stage(t, path, whole, 1<<20) }
		s.restart(name)
	}
	if o.Check == nil {
		o.Check = worker(300 << 10)
	}
	s.experts = hosts.New(near, s.lan, s.shape, o)
	im, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.model, err = moe.New(im, path, moe.Options{Threads: 1, Context: 256, Batch: 64, Experts: s.experts, Stages: s.experts}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.model.Close() })
	whole, err := moe.FromBytes(stories.Name, stories.GGUF(), moe.Options{Threads: 1, Context: 256, Batch: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	s.want = tell(t, whole, nil)
	return s
}

// ids is a prompt of more than one chunk.
func ids() []int32 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]int32, 80)
	for i := range out {
		out[i] = int32(3 + r.IntN(500))
	}
	return out
}

// tell is the logits of a prompt and 30 steps behind it; before is called before
// each step.
func tell(t testing.TB, m *moe.Model, before func(step int)) [][]float32 {
	t.Helper()
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	logits, err := s.Prefill(t.Context(), ids(), moe.PrefillOptions{})
	all := [][]float32{append([]float32{}, logits...)}
	for i := range 30 {
		if before != nil {
			before(i)
		}
		best := 0
		for k, v := range logits {
			if v > logits[best] {
				best = k
			}
		}
		if err == nil {
			logits, err = s.Step(t.Context(), int32(best))
		}
		all = append(all, append([]float32{}, logits...))
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s *setup) same(t testing.TB, before func(step int)) {
	t.Helper()
	got := tell(t, s.model, before)
	for i := range s.want {
		for k := range s.want[i] {
			if math.Float32bits(got[i][k]) != math.Float32bits(s.want[i][k]) {
				t.Fatalf("step %d, logit %d: %v, want %v", i, k, got[i][k], s.want[i][k])
			}
		}
	}
}

// thirds is a plan with a third of the experts on each host, this one included.
func (s *setup) thirds(revision uint64) hosts.Plan {
	p := hosts.Plan{Revision: revision, Hosts: names}
	for _, n := range s.shape.Experts {
		layer := make([][]int16, n)
		for e := range layer {
			layer[e] = []int16{int16((e+int(revision))%3) - 1}
		}
		p.Where = append(p.Where, layer)
	}
	return p
}

func (s *setup) follow(t testing.TB, p hosts.Plan) {
	t.Helper()
	if err := s.experts.Follow(p); err != nil {
		t.Fatal(err)
	}
}

// ready has all hosts pass their trials.
func (s *setup) ready(t testing.TB) {
	t.Helper()
	s.experts.Present(map[string]string{"box1": "a", "box2": "a"})
	for range 1000 {
		s.same(t, nil)
		if s.state("box1").State == hosts.Ready && s.state("box2").State == hosts.Ready {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("the hosts are %+v", s.experts.Stats())
}

func (s *setup) state(name string) hosts.HostStats {
	for _, h := range s.experts.Stats() {
		if h.Name == name {
			return h
		}
	}
	return hosts.HostStats{}
}

func TestBits(t *testing.T) {
	for _, payload := range []int{1 << 20, 3000} {
		t.Run(fmt.Sprint(payload), func(t *testing.T) {
			s := start(t, payload, hosts.Options{Patience: time.Minute, Least: time.Minute})
			s.same(t, nil) // without a plan
			s.follow(t, s.thirds(1))
			s.same(t, nil) // nobody is there
			if n := s.count("box1"); n != 0 {
				t.Fatalf("an absent host was asked %d times", n)
			}
			s.ready(t)
			before := s.state("box1").Experts + s.state("box2").Experts
			s.same(t, nil)
			if after := s.state("box1").Experts + s.state("box2").Experts; after-before < 200 {
				t.Errorf("%d experts came from other hosts", after-before)
			}
			s.same(t, func(step int) { s.follow(t, s.thirds(uint64(2+step))) })
			if got := s.experts.Revision(); got != 31 {
				t.Errorf("follows plan %d", got)
			}
			for _, h := range s.experts.Stats() {
				if h.Failed > 0 || h.P99 < h.P50 || h.Sent == 0 || h.Received == 0 {
					t.Errorf("%+v", h)
				}
			}
		})
	}
}

// TestReplicas: where an expert is held by several, hosts that are asked anyway are
// preferred, and one that is away is replaced.
func TestReplicas(t *testing.T) {
	s := start(t, 1<<20, hosts.Options{Patience: time.Minute, Least: time.Minute})
	p := s.thirds(1)
	for l := range p.Where {
		for e := range p.Where[l] {
			p.Where[l][e] = []int16{0, 1}
		}
	}
	s.follow(t, p)
	s.ready(t)
	one, two := s.count("box1"), s.count("box2")
	s.same(t, nil)
	if s.count("box1") == one || s.count("box2") != two {
		t.Errorf("asked %d and %d times, want one host alone", s.count("box1")-one, s.count("box2")-two)
	}
	s.experts.Present(map[string]string{"box2": "a"})
	two = s.count("box2")
	s.same(t, nil)
	if s.count("box2") == two {
		t.Error("the replica was not asked")
	}
}

func TestFaults(t *testing.T) {
	down := errors.New("connection refused")
	for _, test := range []struct {
		name string
		f    fault
	}{
		{"refuses", func(context.Context, int, func() ([]byte, error)) ([]byte, error) { return nil, down }},
		{"hangs", func(ctx context.Context, _ int, _ func() ([]byte, error)) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}},
		{"answers nothing", func(context.Context, int, func() ([]byte, error)) ([]byte, error) { return nil, nil }},
		{"answers less", func(_ context.Context, _ int, answer func() ([]byte, error)) ([]byte, error) {
			b, err := answer()
			return b[:len(b)-1], err
		}},
		{"answers garbage", func(_ context.Context, _ int, answer func() ([]byte, error)) ([]byte, error) {
			b, err := answer()
			copy(b, "GARBAGE")
			return b, err
		}},
		{"answers late", func(_ context.Context, n int, answer func() ([]byte, error)) ([]byte, error) {
			if n%7 == 0 {
				time.Sleep(30 * time.Millisecond)
			}
			return answer()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, 20000, hosts.Options{Patience: 20 * time.Millisecond, Deadline: 500 * time.Millisecond, Pause: time.Millisecond})
			s.follow(t, s.thirds(1))
			s.ready(t)
			s.same(t, func(step int) {
				if step == 5 {
					s.harm("box1", test.f)
				}
			})
			if h := s.state("box1"); h.Late+h.Failed == 0 || h.Instead == 0 {
				t.Errorf("%+v", h)
			}
			s.same(t, nil)
			s.harm("box1", nil)
			s.ready(t) // it comes back
		})
	}
}

// TestRefused: a host that gives other numbers is not relied on, not even once,
// until it has started again.
func TestRefused(t *testing.T) {
	s := start(t, 1<<20, hosts.Options{Pause: time.Microsecond})
	lies := func(_ context.Context, _ int, answer func() ([]byte, error)) ([]byte, error) {
		b, err := answer()
		if err == nil {
			b[len(b)-4] ^= 1
		}
		return b, err
	}
	s.harm("box1", lies)
	s.follow(t, s.thirds(1))
	s.experts.Present(map[string]string{"box1": "a"})
	for range 1000 {
		s.same(t, nil)
		if s.state("box1").State == hosts.Refused {
			break
		}
	}
	h := s.state("box1")
	if h.State != hosts.Refused || h.Experts != 0 || h.Why == "" {
		t.Fatalf("%+v", h)
	}
	n := s.count("box1")
	s.same(t, nil)
	if s.count("box1") != n {
		t.Error("a refused host was asked")
	}
	s.harm("box1", nil)
	s.experts.Present(map[string]string{"box1": "b", "box2": "a"})
	for range 1000 {
		s.same(t, nil)
		if s.state("box1").State == hosts.Ready {
			return
		}
	}
	t.Errorf("after another start %+v", s.state("box1"))
}

// TestAtRandom: whatever happens to hosts and plans, the bits stay.
func TestAtRandom(t *testing.T) {
	s := start(t, 30000, hosts.Options{Patience: 3 * time.Millisecond, Deadline: 20 * time.Millisecond, Pause: time.Millisecond})
	s.follow(t, s.thirds(1))
	r := rand.New(rand.NewPCG(3, 4))
	chaos := func(_ context.Context, n int, answer func() ([]byte, error)) ([]byte, error) {
		switch n * 2654435761 >> 8 % 9 {
		case 0:
			return nil, errors.New("lost")
		case 1:
			time.Sleep(8 * time.Millisecond)
		case 2:
			return []byte("x"), nil
		}
		return answer()
	}
	for _, name := range names {
		s.harm(name, chaos)
	}
	revision, boot := uint64(1), 0
	for range 4 {
		s.same(t, func(int) {
			switch r.IntN(4) {
			case 0:
				revision++
				s.follow(t, s.thirds(revision))
			case 1:
				there := map[string]string{}
				for _, name := range names {
					if boot++; r.IntN(3) > 0 {
						there[name] = fmt.Sprint(boot / 20)
					}
				}
				s.experts.Present(there)
			}
		})
	}
	if s.state("box1").Experts == 0 {
		t.Error("nothing came from other hosts")
	}
}

// TestCancelled: a pass that is ended does not count against a host.
func TestCancelled(t *testing.T) {
	s := start(t, 1<<20, hosts.Options{Patience: time.Minute, Least: time.Minute})
	s.follow(t, s.thirds(1))
	s.ready(t)
	ctx, cancel := context.WithCancel(t.Context())
	hang := func(ctx context.Context, _ int, _ func() ([]byte, error)) ([]byte, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	s.harm("box1", hang)
	s.harm("box2", hang)
	session, err := s.model.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if _, err := session.Prefill(ctx, ids(), moe.PrefillOptions{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	s.harm("box1", nil)
	s.harm("box2", nil)
	for _, h := range s.experts.Stats() {
		if h.Failed > 0 {
			t.Errorf("%+v", h)
		}
	}
	s.same(t, nil)
}

func TestPlansRefused(t *testing.T) {
	s := start(t, 1<<20, hosts.Options{})
	for _, bad := range []func(p *hosts.Plan){
		func(p *hosts.Plan) { p.Where = p.Where[1:] },
		func(p *hosts.Plan) { p.Where[0] = p.Where[0][1:] },
		func(p *hosts.Plan) { p.Where[0][0] = []int16{2} },
		func(p *hosts.Plan) { p.Where[0][0] = []int16{-2} },
		func(p *hosts.Plan) { p.Hosts = nil },
	} {
		p := s.thirds(7)
		bad(&p)
		if err := s.experts.Follow(p); err == nil {
			t.Errorf("followed %+v", p.Hosts)
		}
	}
	s.follow(t, s.thirds(7))
	s.follow(t, s.thirds(6))
	if got := s.experts.Revision(); got != 7 {
		t.Errorf("went back to plan %d", got)
	}
}

// TestHalf: where hosts answer in f16, the outputs are others than those of one
// host, and the same whoever computes them.
func TestHalf(t *testing.T) {
	s := start(t, 1<<20, hosts.Options{Patience: time.Minute, Least: time.Minute, Pause: time.Nanosecond})
	exact := s.want
	p := s.thirds(1)
	p.Half = []bool{true, false}
	for l := range p.Where {
		p.Where[l][2] = []int16{0, 1} // by whichever is there
	}
	s.follow(t, p)
	s.want = tell(t, s.model, nil) // all is computed here
	if math.Float32bits(exact[0][0]) == math.Float32bits(s.want[0][0]) && math.Float32bits(exact[0][1]) == math.Float32bits(s.want[0][1]) {
		t.Error("nothing is rounded")
	}
	s.ready(t)
	before := s.state("box1")
	s.same(t, nil)
	after := s.state("box1")
	half := float64(after.Received-before.Received) / float64(after.Experts-before.Experts)
	s.harm("box1", func(_ context.Context, n int, answer func() ([]byte, error)) ([]byte, error) {
		if n%5 == 0 {
			return nil, errors.New("down")
		}
		return answer()
	})
	s.same(t, nil)
	s.experts.Present(map[string]string{"box2": "a"})
	s.same(t, nil)
	if got := s.experts.Rounds(); len(got) != 1 || got[0] != "box1" {
		t.Errorf("%v answer in f16", got)
	}

	p = s.thirds(2)
	s.follow(t, p)
	s.want = exact
	s.harm("box1", nil)
	s.ready(t)
	before = s.state("box1")
	s.same(t, nil)
	after = s.state("box1")
	if all := float64(after.Received-before.Received) / float64(after.Experts-before.Experts); half > 0.7*all {
		t.Errorf("an expert's answers have %.0f bytes in f16, %.0f in f32", half, all)
	}
}
