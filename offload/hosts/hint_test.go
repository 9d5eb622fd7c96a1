package hosts_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"moed/moe"
	"moed/moe/expert"
	"moed/offload/hosts"
)

// told is a Computer that notes what it is told.
type told struct {
	*moe.Worker
	mu    sync.Mutex
	hints []hosts.Hint
}

func (c *told) Foretell(h *hosts.Hint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hints = append(c.hints, *h)
}

func (c *told) all() []hosts.Hint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.hints)
}

// TestHints: a host that does not hold all its experts is told what it is likely
// to be asked for, and another is not.
func TestHints(t *testing.T) {
	s := start(t, 1<<20, hosts.Options{Patience: time.Minute, Least: time.Minute})
	box := map[string]*told{}
	for _, name := range names {
		box[name] = &told{Worker: s.workers[name]}
		s.computer[name] = box[name]
	}
	s.experts.Foresee(func(dst []expert.Guess, d *expert.Demand, layer int) []expert.Guess {
		for e := range s.shape.Experts[layer] {
			dst = append(dst, expert.Guess{Expert: int32(e), P: 0.5})
		}
		return dst
	}, 2)
	p := s.thirds(1)
	s.follow(t, p)
	s.ready(t)
	if n := len(box["box1"].all()); n > 0 {
		t.Fatalf("box1 was told %d times before it lacked any", n)
	}
	s.experts.Short([]string{"box2"})
	s.same(t, nil)
	for end := time.Now().Add(time.Minute); len(box["box2"].all()) < 100 && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // hints are not waited for
	}
	for _, h := range box["box2"].all() {
		if h.Layer != h.Now+2 || h.Tokens < 1 || len(h.Guesses) == 0 {
			t.Fatalf("%+v", h)
		}
		for _, g := range h.Guesses {
			if !slices.Contains(p.Where[h.Layer][g.Expert], 1) || g.P != 0.5 {
				t.Fatalf("expert %d of layer %d is not on box2, or likely with %v", g.Expert, h.Layer, g.P)
			}
		}
	}
	if n := len(box["box1"].all()); n > 0 {
		t.Errorf("box1 was told %d times", n)
	}
	if h := s.state("box2"); h.Hints < 100 || h.Failed > 0 {
		t.Errorf("%+v", h)
	}
}
