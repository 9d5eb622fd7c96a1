package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"moed/moe"
	"moed/moe/expert"
	"moed/offload"
	"moed/offload/policy"
)

// FlashResult is what a run did to the disk, and what it could have done at
// best. It is empty for a model without routed experts.
type FlashResult struct {
	Backend string `json:"backend"`
	Layout  string `json:"layout"` // stock or packed
	Policy  string `json:"policy"`
	Ahead   int    `json:"ahead"` // layers read ahead

	Budget      int64 `json:"budget_bytes"`
	ExpertBytes int64 `json:"experts_resident_bytes"` // of Budget, for experts

	HitRatio     float64       `json:"hit_ratio"`                // of decode: held when it was wanted
	LateRatio    float64       `json:"late_ratio"`               // of decode: its read was under way
	BytesRead    int64         `json:"bytes_read"`               // of the whole run, dense weights too
	PrefillBytes int64         `json:"bytes_read_prefill"`       // for experts
	Warmed       int64         `json:"warmed"`                   // of the whole run: experts read for the profile's sake
	WarmedBytes  int64         `json:"bytes_read_warming"`       // of BytesRead, for them
	TokenBytes   float64       `json:"bytes_read_per_token"`     // of decode
	BeladyBytes  float64       `json:"bytes_belady_per_token"`   // what the best choice of victims would have read
	Stall        float64       `json:"stall_s"`                  // of decode: waiting for experts
	Guessed      int64         `json:"prefetched"`               // of decode: experts put in the queue before their layer
	Useful       int64         `json:"prefetched_useful"`        // of them, wanted by it
	Wasted       int64         `json:"prefetched_wasted"`        // of them, read and not wanted by it
	Saved        float64       `json:"prefetch_saved_s"`         // of decode: by which the useful ones came earlier
	Asking       float64       `json:"predict_s"`                // of decode: making guesses
	DiskRate     float64       `json:"disk_gb_s"`                // measured around this run, in units of 10^9
	Throttled    float64       `json:"throttled_gb_s,omitempty"` // the bound that was put on DiskRate; 0 is none
	Arithmetic   float64       `json:"arithmetic_ms_per_token"`  // a step that waits for nothing
	Bound        float64       `json:"bound_tok_s"`              // 1 / the larger of arithmetic and Belady's bytes over DiskRate
	Layers       []LayerResult `json:"layers,omitempty"`         // of decode
}

// LayerResult is what decode wanted of one layer.
type LayerResult struct {
	Layer  int   `json:"layer"`
	Wanted int64 `json:"wanted"`
	Hits   int64 `json:"hits"`
	Late   int64 `json:"late"`

	Guessed int64   `json:"prefetched"`
	Useful  int64   `json:"prefetched_useful"`
	Wrong   int64   `json:"prefetched_wasted"`
	Saved   float64 `json:"prefetch_saved_s"`
}

// watch notes what a bench has to know of its store. The zero value watches
// nothing.
type watch struct {
	flash  *flash
	table  *expert.Table
	steps  []policy.Step
	decode bool
	stop   func()
	loaded int64 // bytes read before the first prompt

	atDecode offload.Stats // when decode began
}

func newWatch(e *Engine) *watch {
	w := &watch{}
	if e.flash == nil || e.flash.store == nil {
		return w
	}
	w.flash, w.table = e.flash, e.memory.footprint.Table
	w.loaded = e.flash.reader.Stats().Bytes
	w.stop = e.listeners.add(w.note)
	return w
}

// note keeps what a layer wanted.
func (w *watch) note(d *expert.Demand) {
	w.steps = append(w.steps, policy.Step{Layer: d.Layer, Experts: slices.Clone(d.Experts), Counts: slices.Clone(d.Counts), Tokens: d.Tokens, Decode: w.decode})
}

// decoding is called between prefill and decode.
func (w *watch) decoding() {
	if w.flash != nil {
		w.decode, w.atDecode = true, w.flash.store.Stats()
	}
}

// result adds the run up. Only after the run does it measure the disk, and a
// step that waits for nothing.
func (w *watch) result(ctx context.Context, e *Engine, steps []time.Duration) (*FlashResult, error) {
	if w.flash == nil {
		return nil, nil
	}
	store := w.flash.store
	now := store.Stats()
	d := now.Sub(&w.atDecode)
	w.stop()
	r := &FlashResult{Backend: w.flash.reader.Info().Backend.String(), Layout: w.layout(), Policy: store.PolicyName(), Ahead: store.Ahead(),
		Budget: e.memory.plan.Budget, ExpertBytes: store.Bytes(),
		BytesRead: w.loaded + now.Bytes, PrefillBytes: w.atDecode.Bytes, Warmed: now.Warmed, WarmedBytes: now.WarmedBytes,
		Stall: d.Stall.Seconds(), Asking: d.Asking.Seconds()}
	if len(steps) == 0 {
		return r, nil
	}
	total := d.Total()
	r.Guessed, r.Useful, r.Wasted, r.Saved = total.Guessed, total.Useful, total.Wrong, total.Saved.Seconds()
	r.HitRatio = float64(total.Hits) / float64(total.Wanted)
	r.LateRatio = float64(total.Late) / float64(total.Wanted)
	r.TokenBytes = float64(d.Bytes) / float64(len(steps))
	for i, l := range d.Layers {
		if l.Wanted > 0 {
			r.Layers = append(r.Layers, LayerResult{Layer: i, Wanted: l.Wanted, Hits: l.Hits, Late: l.Late,
				Guessed: l.Guessed, Useful: l.Useful, Wrong: l.Wrong, Saved: l.Saved.Seconds()})
		}
	}
	missed, err := w.belady()
	if err != nil {
		return nil, err
	}
	r.BeladyBytes = float64(missed) / float64(len(steps))
	alone, err := stepAlone(ctx, e.session, store)
	if err != nil {
		return nil, err
	}
	if alone == 0 { // not even one token's experts stay
		for _, s := range steps {
			alone += s / time.Duration(len(steps))
		}
		alone -= d.Stall / time.Duration(len(steps))
	}
	rate, err := w.flash.reader.Rate(ctx, rateTime)
	if err != nil {
		return nil, err
	}
	r.Throttled = float64(w.flash.reader.Info().Rate) / 1e9
	r.Arithmetic, r.DiskRate = alone.Seconds()*1e3, rate/1e9
	r.Bound = 1 / max(alone.Seconds(), r.BeladyBytes/rate)
	return r, nil
}

// rateTime is how long the disk is measured.
const rateTime = time.Second

func (w *watch) layout() string {
	for i := range w.table.Layers {
		if w.table.Layers[i].Bundles.Group > 0 {
			return "packed"
		}
	}
	return "stock"
}

// belady is how many bytes decode would have read with a cache of this size and
// the best choice of victims, the prompt's experts having gone through it.
func (w *watch) belady() (int64, error) {
	c := policy.Cache{Bytes: w.flash.store.Bytes(), Size: make([]int64, len(w.table.Layers))}
	shape := policy.Shape{Layers: len(w.table.Layers)}
	for i := range w.table.Layers {
		c.Size[i] = w.table.Layers[i].Bytes()
		shape.Experts = max(shape.Experts, w.table.Layers[i].Experts)
	}
	r, err := policy.Belady(w.steps, shape, c)
	return r.Decode.Missed, err
}

// stepAlone measures a decode step that waits for nothing: the last token again
// and again, until its experts are all held. It is 0 where they do not stay.
func stepAlone(ctx context.Context, s *moe.Session, store *offload.Store) (time.Duration, error) {
	last := s.Tokens()[len(s.Tokens())-1]
	var times []time.Duration
	for range 12 {
		if err := s.Rewind(len(s.Tokens()) - 1); err != nil {
			return 0, err
		}
		before, began := store.Stats(), time.Now()
		if _, err := s.Step(ctx, last); err != nil {
			return 0, fmt.Errorf("measure a step: %w", err)
		}
		took, after := time.Since(began), store.Stats()
		if after.Reads == before.Reads {
			times = append(times, took)
		}
	}
	if len(times) < 3 {
		return 0, nil
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}
