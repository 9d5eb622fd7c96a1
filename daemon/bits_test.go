package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"moed/flashio"
	"moed/flashio/flashtest"
	"moed/moe"
	"moed/offload"
	"moed/offload/policy"
)

// TestBits is the one big test: the same tokens give the same logits, bit for
// bit, as with all weights in memory, whatever the backend, the memory, the
// layout of the file, the threads, the policy, the reading ahead, the warming and
// the hosts, also where reads fail and are tried again.
func TestBits(t *testing.T) {
	files, err := filepath.Glob("../testdata/golden/*.gguf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden models: %v", err)
	}
	for at, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			h, err := readHeader(path)
			if err != nil {
				t.Fatal(err)
			}
			fp, err := moe.Measure(h.file, bitsOptions(1))
			if err != nil {
				t.Fatal(err)
			}
			m, err := moe.Open(path, bitsOptions(1))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			want, err := bitsOf(t, m)
			if err != nil {
				t.Fatal(err)
			}
			layouts := map[string]*header{"stock": h}
			if fp.Memory.Experts > 0 {
				layouts["packed"] = packed(t, path)
			}
			for i, c := range bitsCases() {
				// All cases on the first model, on the others a part that
				// differs from model to model.
				if at > 0 && (testing.Short() || i%9 != at%9) || layouts[c.layout] == nil {
					continue
				}
				t.Run(c.String(), func(t *testing.T) { c.check(t, layouts[c.layout], want) })
			}
		})
	}
}

// bitsCase is one way to run a model.
type bitsCase struct {
	layout  string
	backend flashio.Backend
	share   float64 // of the experts' bytes that fits
	threads int
	ahead   int
	policy  string
	faults  bool
	warmed  bool // while it runs
	hosts   int  // others that compute experts, too
	moving  bool // or to which the tokens go for whole layers
}

func (c *bitsCase) String() string {
	return fmt.Sprintf("%s/%v/share=%.2f/threads=%d/ahead=%d/%s/faults=%v/warmed=%v/hosts=%d/moving=%v", c.layout, c.backend, c.share, c.threads, c.ahead, c.policy, c.faults, c.warmed, c.hosts, c.moving)
}

func bitsCases() []bitsCase {
	var all []bitsCase
	names := policy.Names()
	for _, layout := range []string{"stock", "packed"} {
		for _, backend := range flashio.Backends() {
			for _, share := range []float64{0, 0.3, 1} {
				for threads := 1; threads <= 2; threads++ {
					for _, ahead := range []int{-1, 2} {
						for _, faults := range []bool{false, true} {
							all = append(all, bitsCase{layout, backend, share, threads, ahead, names[len(all)%len(names)], faults, len(all)%5 == 1, len(all) % 7 % 3, len(all)%4 > 1})
						}
					}
				}
			}
		}
	}
	return all
}

func bitsOptions(threads int) moe.Options {
	return moe.Options{Threads: threads, Context: 128, Batch: 16}
}

// bitsOf feeds a prompt in chunks and then single tokens, in two sessions, and
// returns the logits after each.
func bitsOf(t *testing.T, m *moe.Model) ([][]float32, error) {
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all [][]float32
	keep := func(logits []float32) { all = append(all, append([]float32(nil), logits...)) }
	ids := make([]int32, 40)
	for i := range ids {
		ids[i] = int32((i*i*7 + 3*i + 11) % min(m.Config().Vocab, 250))
	}
	logits, err := s.Prefill(t.Context(), ids, moe.PrefillOptions{})
	if err != nil {
		return nil, err
	}
	keep(logits)
	for _, id := range ids[:24] {
		if logits, err = s.Step(t.Context(), id); err != nil {
			return nil, err
		}
		keep(logits)
	}
	return all, nil
}

func (c *bitsCase) check(t *testing.T, h *header, want [][]float32) {
	fp, err := moe.Measure(h.file, bitsOptions(c.threads))
	if err != nil {
		t.Fatal(err)
	}
	o := c.options(fp)
	var team *teamOf
	if c.hosts > 0 && fp.Memory.Experts > 0 {
		team = newTeam(t, h.path, c.hosts, c.moving)
		o.team = team
	}
	f, err := openFlash(t.Context(), h, fp, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.close(); err != nil {
			t.Error(err)
		}
	}()
	if c.warmed && fp.Memory.Experts > 0 {
		defer warmBeside(t, f.store, fp)()
	}
	if team != nil {
		team.prove(f.model)
	}
	got, err := bitsOf(t, f.model)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		for j := range want[i] {
			if math.Float32bits(got[i][j]) != math.Float32bits(want[i][j]) {
				t.Fatalf("logit %d after token %d: %v, with all in memory %v", j, i, got[i][j], want[i][j])
			}
		}
	}
	if team != nil && !team.used() {
		t.Errorf("some host has served no expert: %+v", team.led.Stats())
	}
	if c.faults && f.reader.Stats().Retries == 0 {
		t.Error("no read was tried again: this case tests nothing of its own")
	}
}

func (c *bitsCase) options(fp *moe.Footprint) flashOptions {
	o := flashOptions{Options: bitsOptions(c.threads), ahead: c.ahead, policy: c.policy,
		reader: flashio.Options{Backend: c.backend, MaxRead: 8 << 10}}
	o.bytes = offload.Least(fp.Table) + int64(c.share*float64(2*fp.Memory.Experts))
	if c.faults {
		o.open = func(path string, ro flashio.Options) (*flashio.Reader, error) {
			r, _, err := flashtest.Open(path, ro,
				flashtest.Rule{Fault: flashtest.EIO, After: 3, Count: 1},
				flashtest.Rule{Fault: flashtest.Short, After: 30, Count: 1},
				flashtest.Rule{Fault: flashtest.EAGAIN, After: 60, Count: 1},
				flashtest.Rule{Fault: flashtest.Slow, After: 40, Count: 20, Delay: 100 * time.Microsecond})
			return r, err
		}
	}
	return o
}

// warmBeside seeds the store with uses that nobody has counted and warms it
// while something else runs, until end.
func warmBeside(t *testing.T, s *offload.Store, fp *moe.Footprint) (end func()) {
	var order []offload.Key
	for i := range fp.Table.Layers {
		share := make([]float32, fp.Table.Layers[i].Experts)
		for e := range share {
			share[e] = 1 / float32(1+e)
			order = append(order, offload.Key{Layer: i, Expert: e})
		}
		if len(share) > 0 {
			s.Seed(i, share)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { // ends with the order, or with end
		_, err := s.Warm(ctx, order, nil)
		done <- err
	}()
	return func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// packed packs a model into the test's folder.
func packed(t testing.TB, path string) *header {
	t.Helper()
	out := filepath.Join(t.TempDir(), "packed.gguf")
	if _, err := Pack(context.Background(), PackOptions{Model: path, Out: out, Verify: true}); err != nil {
		t.Fatal(err)
	}
	h, err := readHeader(out)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
