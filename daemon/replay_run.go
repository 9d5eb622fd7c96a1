package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"moed/offload"
	"moed/offload/budget"
	"moed/offload/policy"
	"moed/offload/policy/tinylfu"
)

// plan sets the budgets.
func (r *replay) plan(sizes []string) error {
	for _, s := range sizes {
		a, err := budget.ParseSize(s)
		if err != nil {
			return fmt.Errorf("budget: %w", err)
		}
		b, err := r.budget(a.In(r.all()))
		if err != nil {
			return fmt.Errorf("budget %s: %w", s, err)
		}
		r.result.Budgets = append(r.result.Budgets, b)
	}
	if len(sizes) > 0 {
		return nil
	}
	for _, halves := range []int64{1, 2, 3, 4, 6, 8, 12, 16, 24, 32} {
		bytes := min(r.cycle()*halves/2, r.all())
		if b, err := r.budget(bytes); err == nil {
			r.result.Budgets = append(r.result.Budgets, b)
		}
		if bytes == r.all() {
			break
		}
	}
	return nil
}

// all is the memory with which all experts fit.
func (r *replay) all() (n int64) {
	if r.options.Rule == RulePublished {
		return r.result.ExpertBytes
	}
	for _, c := range r.classes {
		n += c.Slot * int64(c.Experts)
	}
	return n
}

// cycle is the memory that one token's experts take.
func (r *replay) cycle() (n int64) {
	if r.options.Rule == RulePublished {
		return r.result.Cycle
	}
	for _, k := range r.class {
		if k >= 0 {
			n += r.classes[k].Slot * int64(r.result.TopK)
		}
	}
	return n
}

func (r *replay) budget(bytes int64) (ReplayBudget, error) {
	b := ReplayBudget{Bytes: bytes, Policies: make([]ReplayPolicy, len(r.options.Policies))}
	if r.options.Rule == RulePublished {
		b.BelowCycle = bytes < r.result.Cycle
		return b, nil
	}
	slots, err := offload.Divide(r.classes, bytes)
	if err != nil {
		return b, err
	}
	for i, n := range slots {
		cycle := 0
		for _, k := range r.class {
			if k == i {
				cycle += r.result.TopK
			}
		}
		b.Slots += n
		b.BelowCycle = b.BelowCycle || n < cycle
	}
	return b, nil
}

// run does all replays, as many at once as there are processors.
func (r *replay) run(ctx context.Context) error {
	type job struct {
		budget *ReplayBudget
		name   string
		to     *ReplayPolicy
	}
	var jobs []job
	for i := range r.result.Budgets {
		b := &r.result.Budgets[i]
		jobs = append(jobs, job{b, belady, &b.Belady})
		for k, name := range r.options.Policies {
			jobs = append(jobs, job{b, name, &b.Policies[k]})
		}
	}
	var mu sync.Mutex // guards the next three
	var errs []error
	next, done := 0, 0
	var workers sync.WaitGroup
	for range min(processors, len(jobs)) {
		workers.Go(func() { // ends when no job is left
			for {
				mu.Lock()
				at := next
				next++
				mu.Unlock()
				if at >= len(jobs) || ctx.Err() != nil {
					return
				}
				err := r.replay(jobs[at].budget.Bytes, jobs[at].name, jobs[at].to)
				mu.Lock()
				errs, done = append(errs, err), done+1
				if r.options.Observe != nil {
					r.options.Observe(done, len(jobs))
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	for _, j := range jobs {
		if best := j.budget.Belady.HitRatio; best > 0 {
			j.to.BeladyShare = j.to.HitRatio / best
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// replay serves the steps once.
func (r *replay) replay(bytes int64, name string, to *ReplayPolicy) error {
	result, err := r.serve(bytes, name)
	if err != nil {
		return err
	}
	*to = ReplayPolicy{Policy: name, HitRatio: result.Decode.Ratio(), TokenBytes: float64(result.Decode.Missed) / float64(max(r.result.Tokens, 1)),
		PrefillRatio: result.Prefill.Ratio(), PrefillBytes: float64(result.Prefill.Missed) / float64(max(r.result.PromptTokens, 1))}
	for i, t := range result.Layers {
		if t.Wanted > 0 && r.options.Layers {
			to.Layers = append(to.Layers, ReplayLayer{Layer: i, Wanted: t.Wanted, Hits: t.Hits, Bytes: t.Missed})
		}
	}
	return nil
}

func (r *replay) serve(bytes int64, name string) (policy.Result, error) {
	c := policy.Cache{Bytes: bytes, Size: r.size}
	switch name {
	case s3fifo:
		return policy.S3FIFO(r.steps, r.shape, c)
	case tinyLFU:
		c.Bytes = max(bytes, 1) // it refuses to be empty; nothing fits in either
		return tinylfu.Replay(r.steps, r.shape, c)
	}
	var p policy.Policy
	if name != belady {
		var err error
		if p, err = newPolicy(name, r.shape); err != nil {
			return policy.Result{}, err
		}
	}
	if r.options.Rule == RulePublished {
		if name == belady {
			return policy.Belady(r.steps, r.shape, c)
		}
		return policy.Replay(r.steps, r.shape, p, c)
	}
	slots, err := offload.Divide(r.classes, bytes)
	if err != nil {
		return policy.Result{}, err
	}
	s := policy.Slots{Class: r.class, Count: slots, Size: r.size}
	if name == belady {
		return s.Belady(r.steps, r.shape)
	}
	return s.Replay(r.steps, r.shape, p)
}
