package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"moed/moe/expert"
	"moed/offload"
	"moed/predictor/profile"
)

const (
	// NoProfile is the FlashConfig.Profile that neither uses nor keeps one.
	NoProfile = "off"
	// leastDecoded is how many tokens a run must make for its use of experts to
	// be kept.
	leastDecoded = 16
)

// usage keeps the profile of an open model: what earlier runs have used, to warm
// the store with, and what this one uses, to be kept at its end.
type usage struct {
	path string
	stop func() // hears no more demands
	end  context.CancelFunc
	done chan struct{} // closed when the store is warm, or warming has ended

	mu      sync.Mutex
	run     *profile.Profile // what this run uses
	decoded int64
	problem string // what the user should know, or ""
}

// openUsage begins to keep the profile of a model and to warm its store with
// it. It is nil where there is nothing to keep, and never fails: what is wrong
// with the profile is a note. The caller closes it before the store.
func openUsage(c *FlashConfig, h *header, t *expert.Table, f *flash, l *listeners) *usage {
	if c.Profile == NoProfile || f.store == nil {
		return nil
	}
	u := &usage{end: func() {}, stop: func() {}, done: make(chan struct{})}
	m, err := modelOf(h, t)
	if err == nil {
		u.run, err = profile.New(m, time.Now())
	}
	if err == nil {
		u.path, err = profilePath(m.Fingerprint, c.Profile)
	}
	if err != nil {
		u.problem = fmt.Sprintf("profile: nothing is kept: %v", err)
		close(u.done)
		return u
	}
	u.run.Sessions = 1
	u.stop = l.add(u.hear)
	kept, err := readProfile(u.path, u.run.Model())
	if kept == nil {
		if !errors.Is(err, os.ErrNotExist) {
			u.problem = fmt.Sprintf("profile: %s begins anew: %v", u.path, err)
		}
		close(u.done)
		return u
	}
	ctx, cancel := context.WithCancel(context.Background())
	u.end = cancel
	seed(f.store, kept)
	go u.warm(ctx, f.store, f.near(orderOf(kept, t))) // ends with the order, or with close
	return u
}

// hear notes what a demand uses. The forward pass calls it.
func (u *usage) hear(d *expert.Demand) {
	u.mu.Lock()
	defer u.mu.Unlock()
	before := u.run.Seen
	u.run.Observe(d.Layer, d.Tokens, d.Experts, d.Counts, d.Probs)
	if d.Tokens == 1 {
		u.decoded += u.run.Seen - before
	}
}

// seed tells the store's policy what to expect.
func seed(s *offload.Store, kept *profile.Profile) {
	var share []float32
	for layer := range kept.Model().Experts {
		if share = kept.Share(share[:0], layer); len(share) > 0 {
			s.Seed(layer, share)
		}
	}
}

// orderOf is what to read first: the most uses per token for each byte.
func orderOf(kept *profile.Profile, t *expert.Table) []offload.Key {
	bytes := make([]int64, len(t.Layers))
	for i := range t.Layers {
		bytes[i] = t.Layers[i].Bytes()
	}
	var order []offload.Key
	for _, p := range kept.Order(bytes) {
		order = append(order, offload.Key(p))
	}
	return order
}

func (u *usage) warm(ctx context.Context, s *offload.Store, order []offload.Key) {
	defer close(u.done)
	_, err := s.Warm(ctx, order, nil)
	if err != nil && !errors.Is(err, context.Canceled) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.problem = fmt.Sprintf("profile: warming ended early: %v", err)
	}
}

// close ends the warming and keeps what was used, if that is enough to tell
// anything. It may be called again.
func (u *usage) close() {
	if u == nil {
		return
	}
	u.end()
	<-u.done
	u.stop()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.run == nil || u.decoded < leastDecoded {
		return
	}
	if err := keepProfile(u.path, u.run, time.Now()); err != nil {
		u.problem = fmt.Sprintf("profile: what this run used is not kept: %v", err)
	}
	u.run = nil
}

// note is what the user should know of the profile, or "".
func (u *usage) note() string {
	if u == nil {
		return ""
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.problem
}
