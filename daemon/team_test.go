package daemon

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"moed/moe"
	"moed/offload"
	"moed/offload/hosts"
)

// teamOf is workers in this process that are asked as if they were other hosts:
// every expert lies on one of them, on two, or on none. Where tokens move, whole
// layers lie on one of them or on none.
type teamOf struct {
	t       *testing.T
	moving  bool
	layers  int
	workers []*Worker
	hidden  int
	payload int

	mu  sync.Mutex
	led *hosts.Experts
}

func newTeam(t *testing.T, path string, n int, moving bool) *teamOf {
	t.Helper()
	team := &teamOf{t: t, payload: 64 << 10}
	h, err := readHeader(path)
	if err != nil {
		t.Fatal(err)
	}
	fp, err := moe.Measure(h.file, bitsOptions(1))
	if err != nil {
		t.Fatal(err)
	}
	team.hidden, team.layers = fp.Config.Hidden, fp.Config.Layers
	team.moving = moving && fp.Config.Layers-fp.Config.LeadDense >= n // each gets a layer
	for at := range n {
		experts, whole := make([][]int, len(fp.Table.Layers)), make([]bool, len(fp.Table.Layers))
		for l := range experts {
			for e := range fp.Table.Layers[l].Experts {
				if slices.Contains(team.placed(l, e, n), int16(at)) {
					experts[l] = append(experts[l], e)
				}
			}
			whole[l] = team.moving && len(experts[l]) > 0
		}
		w, err := OpenWorker(t.Context(), WorkerOptions{Model: path, Experts: experts, Whole: whole, Threads: 1 + at%2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
		if at == 0 { // the other reads them when it is asked
			wanted := 0
			for _, list := range experts {
				wanted += len(list)
			}
			if n, err := w.Warm(t.Context(), experts, nil); err != nil || n != wanted {
				t.Fatalf("warmed %d of %d experts: %v", n, wanted, err)
			}
		}
		team.workers = append(team.workers, w)
	}
	return team
}

// placed is where the team of n has an expert.
func (team *teamOf) placed(layer, e, n int) []int16 {
	if team.moving {
		if k := (team.layers - 1 - layer) % (n + 1); k < n {
			return []int16{int16(k)}
		}
		return []int16{hosts.Here}
	}
	switch k := (7*layer + 5*e) % (n + 2); {
	case k == n:
		return []int16{hosts.Here}
	case k == n+1 && n > 1:
		return []int16{0, int16(n - 1)}
	case k == n+1:
		return nil
	default:
		return []int16{int16(k)}
	}
}

func (team *teamOf) MaxPayload() int { return team.payload }

func (team *teamOf) Ask(ctx context.Context, host string, request []byte) ([]byte, error) {
	var at int
	if _, err := fmt.Sscanf(host, "box%d", &at); err != nil {
		return nil, err
	}
	return hosts.Answer(ctx, team.workers[at], team.workers[at], team.hidden, request)
}

// Lead implements Team.
func (team *teamOf) Lead(m Led) (*hosts.Experts, func(), error) {
	shape := hosts.Shape{Hidden: m.Hidden}
	plan := hosts.Plan{Revision: 1, Moving: team.moving}
	there := map[string]string{}
	for at := range team.workers {
		plan.Hosts = append(plan.Hosts, fmt.Sprintf("box%d", at))
		there[plan.Hosts[at]] = "1"
	}
	for l := range m.Table.Layers {
		n := m.Table.Layers[l].Experts
		shape.Experts = append(shape.Experts, n)
		where := make([][]int16, n)
		for e := range where {
			where[e] = team.placed(l, e, len(team.workers))
		}
		plan.Where = append(plan.Where, where)
	}
	led := hosts.New(m.Local, team, shape, hosts.Options{Check: m.Check, Least: time.Minute, Patience: time.Minute})
	if err := led.Follow(plan); err != nil {
		return nil, nil, err
	}
	led.Present(there)
	led.Short(plan.Hosts) // so that they are sent hints
	team.mu.Lock()
	defer team.mu.Unlock()
	team.led = led
	return led, func() {}, nil
}

// prove runs the model until every host has passed its trial.
func (team *teamOf) prove(m *moe.Model) {
	team.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if _, err := bitsOf(team.t, m); err != nil {
			team.t.Fatal(err)
		}
		if !slices.ContainsFunc(team.led.Stats(), func(h hosts.HostStats) bool { return h.State != hosts.Ready || team.moving && h.Moved == 0 }) {
			return
		}
	}
	team.t.Fatalf("hosts are not relied on: %+v", team.led.Stats())
}

// used reports whether all hosts have served.
func (team *teamOf) used() bool {
	return !slices.ContainsFunc(team.led.Stats(), func(h hosts.HostStats) bool { return h.Experts == 0 && h.Moved == 0 })
}

// TestWorkerRoom: with less room than its experts need a worker holds a part.
func TestWorkerRoom(t *testing.T) {
	path := "../testdata/golden/" + "qwen3moe-Q4_K_M.gguf"
	h, err := readHeader(path)
	if err != nil {
		t.Fatal(err)
	}
	fp, err := moe.Measure(h.file, bitsOptions(1))
	if err != nil {
		t.Fatal(err)
	}
	experts := make([][]int, len(fp.Table.Layers))
	all := 0
	for l := range experts {
		for e := range fp.Table.Layers[l].Experts {
			experts[l] = append(experts[l], e)
			all++
		}
	}
	room := offload.SlotBytes(fp.Table) / 2
	w, err := OpenWorker(t.Context(), WorkerOptions{Model: path, Experts: experts, Room: room})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.Bytes() > room {
		t.Errorf("it takes %d bytes of %d", w.Bytes(), room)
	}
	some, err := w.Warm(t.Context(), experts, nil)
	if err != nil || some == 0 || some >= all {
		t.Errorf("warmed %d of %d: %v", some, all, err)
	}
	if err := w.Resize(t.Context(), experts, nil, 0); err != nil {
		t.Fatal(err)
	}
	if rest, err := w.Warm(t.Context(), experts, nil); err != nil || some+rest != all {
		t.Errorf("then %d of %d: %v", rest, all-some, err)
	}
	experts[len(experts)-1] = []int{1, 1}
	if err := w.Resize(t.Context(), experts, nil, 0); err == nil {
		t.Error("an expert twice is no error")
	}
}

// TestIdentity: a packed file is the model that it was made of.
func TestIdentity(t *testing.T) {
	path := "../testdata/golden/" + "qwen3moe-Q4_K_M.gguf"
	stock, err := Identity(path)
	if err != nil || len(stock) != 64 {
		t.Fatalf("%q, %v", stock, err)
	}
	if again, err := Identity(packed(t, path).path); err != nil || again != stock {
		t.Errorf("packed it is %s, %v; want %s", again, err, stock)
	}
}
