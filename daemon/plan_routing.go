package daemon

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"moed/moe"
	"moed/offload/policy"
	"moed/predictor/cost"
	"moed/predictor/trace"
)

// typicalTrace is testdata/traces/qwen3-30b-a3b.route.csv in the binary form and
// without weights, under the licence that lies beside that file; go test -run
// TestTypicalTrace -update makes it.
//
//go:embed typical.trace
var typicalTrace []byte

// Routing says which recorded routing a Forecast is drawn from.
type Routing struct {
	Source string `json:"source"` // a file, or typical
	Model  string `json:"model"`  // that was recorded
	Tokens int    `json:"tokens"` // of it that were decoded
	Own    bool   `json:"own"`    // it has the shape of the model planned for
	Note   string `json:"note,omitempty"`
}

// routing is what replays of a trace tell. A trace of another model stands in at
// the same share of all experts: from one model to the next that moves the hit
// ratio by a few points, and the same number of tokens' experts by many.
type routing struct {
	Routing
	trace  *trace.Trace
	replay *replay

	curve     cost.Curve
	cover     cost.Cover
	low, high float64 // of the quarters of the trace, missed bytes over those of the whole
}

// loadRouting reads the trace at path. Without a path it is the one that lies
// beside the model, under its name with .trace, or else the typical one.
func loadRouting(path, model string, c *moe.Config) (*routing, error) {
	if path == "" {
		beside := strings.TrimSuffix(model, ".gguf") + ".trace"
		if _, err := os.Stat(beside); err == nil {
			path = beside
		}
	}
	r := &routing{Routing: Routing{Source: "typical"}}
	var err error
	if path == "" {
		r.trace, err = trace.Read(bytes.NewReader(typicalTrace))
	} else {
		r.Source = path
		r.trace, err = readTrace(path)
	}
	if err != nil {
		return nil, err
	}
	t := r.trace
	r.replay = newReplay(t, &ReplayOptions{Trace: r.Source, Rule: RuleStore})
	r.Model, r.Note, r.Tokens = t.Model, t.Note, r.replay.result.Tokens
	switch {
	case r.Tokens < quarters:
		return nil, fmt.Errorf("trace %s: it has %d decoded tokens, too few to tell anything; record a longer answer", r.Source, r.Tokens)
	case r.replay.result.Cycle == 0:
		return nil, fmt.Errorf("trace %s: it does not say how large an expert is", r.Source)
	}
	r.Own = r.replay.shape.Experts == c.Experts && t.TopK == c.TopK && r.replay.result.Layers == c.Layers-c.LeadDense
	return r, nil
}

// readTrace reads a trace of either form.
func readTrace(path string) (*trace.Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := trace.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// routingShares are the cache sizes that are replayed.
func routingShares() []float64 {
	return []float64{1. / 64, 1. / 32, 3. / 64, 1. / 16, 3. / 32, 1. / 8, 3. / 16, 1. / 4, 3. / 8, 1. / 2, 3. / 4, 1}
}

// quarters of a trace whose hit ratios are told apart.
const quarters = 4

// run sets the curve from caches of several sizes, share among them, and the
// spread at share.
func (r *routing) run(ctx context.Context, policyName string, share float64) error {
	shares := append(routingShares(), share)
	hits := make([]cost.Hit, len(shares))
	missed := make([]int64, quarters+1) // of a trace that ends there
	errs := make([]error, len(shares)+quarters-1)
	var wait sync.WaitGroup
	room := make(chan struct{}, processors)
	each := func(i int, run func() error) {
		wait.Go(func() { // ends with its replay
			room <- struct{}{}
			defer func() { <-room }()
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = run()
			}
		})
	}
	wanted := r.wanted(len(r.replay.steps))
	for i, share := range shares {
		each(i, func() error {
			share, m, err := r.missed(policyName, share, len(r.replay.steps))
			hits[i] = cost.Hit{Share: share, Ratio: 1 - float64(m)/float64(max(wanted, 1))}
			if i == len(shares)-1 {
				missed[quarters] = m
			}
			return err
		})
	}
	for q := 1; q < quarters; q++ {
		each(len(shares)+q-1, func() (err error) {
			_, missed[q], err = r.missed(policyName, share, r.end(q))
			return err
		})
	}
	wait.Wait()
	r.curve, r.cover = cost.NewCurve(hits), r.covers()
	r.spread(missed)
	return errors.Join(errs...)
}

// missed is how many bytes decode reads within the first steps from a cache of
// that share of the experts, or a little more where not one of each size fits.
func (r *routing) missed(policyName string, share float64, steps int) (float64, int64, error) {
	least := int64(0)
	for _, c := range r.replay.classes {
		least += c.Slot
	}
	size := max(int64(share*float64(r.replay.all())), least)
	part := *r.replay
	part.steps = part.steps[:steps]
	result, err := part.serve(size, policyName)
	return float64(size) / float64(r.replay.all()), result.Decode.Missed, err
}

// spread sets low and high from the bytes missed up to the end of each quarter.
func (r *routing) spread(missed []int64) {
	r.low, r.high = 1, 1
	all := float64(missed[quarters])
	for q := range quarters {
		share := float64(r.wanted(r.end(q+1))-r.wanted(r.end(q))) / float64(max(r.wanted(len(r.replay.steps)), 1))
		if all > 0 && share > 0 {
			x := max(float64(missed[q+1]-missed[q])/all/share, 0)
			r.low, r.high = min(r.low, x), max(r.high, x)
		}
	}
}

// wanted is how many bytes decode wants within the first steps.
func (r *routing) wanted(steps int) int64 {
	sum := int64(0)
	for _, s := range r.replay.steps[:steps] {
		if s.Decode {
			sum += int64(len(s.Experts)) * r.replay.size[s.Layer]
		}
	}
	return sum
}

// end is the number of steps up to the end of the q-th quarter of decode.
func (r *routing) end(q int) int {
	steps := r.replay.steps
	first := slices.IndexFunc(steps, func(s policy.Step) bool { return s.Decode })
	return first + (len(steps)-first)*q/quarters
}

// covers counts how many experts of a layer so many tokens in a row want.
func (r *routing) covers() cost.Cover {
	tokens := make([][][]int32, len(r.trace.Layers)) // [layer][token]: chosen
	k := r.trace.TopK
	for i := range r.trace.Visits {
		v := &r.trace.Visits[i]
		for t := range v.Tokens {
			tokens[v.Layer] = append(tokens[v.Layer], v.Chosen[t*k:(t+1)*k])
		}
	}
	var c cost.Cover
	for n := 1; ; n *= 2 {
		point, found := coverOf(tokens, r.trace, n)
		if !found {
			return c
		}
		c = append(c, point)
	}
}

// coverOf is the mean over all layers and runs of n tokens.
func coverOf(tokens [][][]int32, t *trace.Trace, n int) (cost.Covered, bool) {
	choices, share, runs := 0.0, 0.0, 0
	seen := make([]int, t.Experts()) // number of the run that wanted it last, from 1
	for layer, of := range tokens {
		for from := 0; from+n <= len(of); from += n {
			runs++
			different := 0
			for _, chosen := range of[from : from+n] {
				for _, e := range chosen {
					if seen[e] != runs {
						seen[e] = runs
						different++
					}
				}
			}
			experts := float64(t.Layers[layer].Experts)
			choices += float64(n*t.TopK) / experts
			share += float64(different) / experts
		}
	}
	return cost.Covered{Choices: choices / float64(max(runs, 1)), Share: share / float64(max(runs, 1))}, runs > 0
}
