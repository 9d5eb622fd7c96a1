package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"moed/flashio"
	"moed/moe"
	"moed/moe/expert"
	"moed/moe/ggml"
	"moed/offload/budget"
	"moed/predictor/cost"
)

// estimator holds all that a Forecast is computed from.
type estimator struct {
	header  *header
	options moe.Options // as asked; the batch is the budget's
	config  *moe.Config
	memory  *memory
	context int
	ahead   bool

	dense, output, experts map[ggml.Type]weight
	disk                   DiskRate
	reads                  cost.Reads
	rates                  kernelRates
	routing                *routing

	asked      int64
	smallest   int64
	everything int64
	least      division // smallest
	kvPerToken int64
	denseBytes int64
}

// weight is how much there is of one type.
type weight struct {
	bytes  float64
	values float64
}

// division is how a budget comes to be divided.
type division struct {
	plan  budget.Plan
	batch int // tokens of a prompt's chunk
}

// newEstimator reads the header and finds the budgets that matter. What it
// estimates with is still to be measured and replayed.
func newEstimator(o *PlanOptions) (*estimator, error) {
	kv, err := o.kv()
	if err != nil {
		return nil, err
	}
	threads := o.Threads
	if threads == 0 {
		threads = processors
	}
	e := &estimator{options: moe.Options{Threads: threads, Context: o.Context, KV: kv}, ahead: o.Flash.Ahead >= 0, memory: &memory{share: 1},
		routing: &routing{Routing: Routing{Source: "none"}}}
	if e.header, err = readHeader(o.Model); err != nil {
		return nil, err
	}
	if e.asked, err = e.memory.find(&o.Config); err != nil {
		return nil, err
	}
	if err := e.measure(); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Model, err)
	}
	e.weigh()
	return e, nil
}

// replay draws hit ratios from a trace, where there are experts.
func (e *estimator) replay(ctx context.Context, o *PlanOptions) (err error) {
	if e.memory.footprint.Memory.Experts == 0 {
		return nil
	}
	if e.routing, err = loadRouting(o.Trace, o.Model, e.config); err != nil {
		return err
	}
	share := 1.0
	if d, err := e.at(e.asked); err == nil {
		share = d.share()
	}
	return e.routing.run(ctx, o.Flash.Policy, share)
}

// measureMachine measures the processor before and after the disk, since
// something else may keep it busy for a while.
func (e *estimator) measureMachine(ctx context.Context, o *PlanOptions) error {
	o.Say("measuring the processor")
	var err error
	if e.rates, err = measureKernels(ctx, e.types(), e.options.Threads); err != nil {
		return err
	}
	if e.disk, err = diskRate(ctx, e.header, &o.Flash, e.memory.footprint.Table, o.Say); err != nil {
		return err
	}
	e.reads = cost.Reads{Direct: e.disk.Backend == flashio.Direct.String(), Packed: e.header.file.Has(moe.KeyBundleVersion), Threads: e.options.Threads}
	again, err := measureKernels(ctx, e.types(), e.options.Threads)
	if err == nil {
		e.rates.best(again)
	}
	return err
}

// measure finds the budgets that matter.
func (e *estimator) measure() error {
	_, err := e.at(0)
	var small *budget.TooSmall
	if !errors.As(err, &small) {
		return err
	}
	e.smallest = small.Smallest
	if e.least, err = e.at(e.smallest); err != nil {
		return err
	}
	e.config, e.context = e.memory.footprint.Config, e.memory.footprint.Options.Context
	all, err := e.at(math.MaxInt64)
	if err != nil {
		return err
	}
	e.everything = all.plan.Budget - all.plan.Spare
	e.denseBytes = all.plan.Dense
	e.kvPerToken = e.memory.footprint.KVBlock / int64(e.memory.footprint.KVTokens)
	return nil
}

// at divides a budget as the engine would.
func (e *estimator) at(total int64) (division, error) {
	o := e.options
	if err := e.memory.divide(e.header, &o, total); err != nil {
		return division{}, err
	}
	return division{e.memory.plan, e.memory.footprint.Options.Batch}, nil
}

// share of all experts that fit; 1 where there are none.
func (d division) share() float64 {
	if d.plan.AllExperts == 0 {
		return 1
	}
	return float64(d.plan.Experts) / float64(d.plan.AllExperts)
}

// grown is d when the KV cache has taken what it can: first of what nobody uses,
// then of the experts.
func (d division) grown(kvPerToken int64) division {
	more := kvPerToken * int64(d.plan.MostTokens-d.plan.Tokens)
	spare := min(d.plan.Spare, more)
	d.plan.Spare -= spare
	d.plan.Experts = max(d.plan.Experts-(more-spare), 0)
	d.plan.KV += more
	d.plan.Tokens = d.plan.MostTokens
	return d
}

// weigh counts the weights that a token goes through, by type.
func (e *estimator) weigh() {
	e.dense, e.output, e.experts = map[ggml.Type]weight{}, map[ggml.Type]weight{}, map[ggml.Type]weight{}
	_, untied := e.header.file.Tensor("output.weight")
	for i := range e.header.file.Tensors {
		t := &e.header.file.Tensors[i]
		group, _ := groupOf(t.Name)
		into := e.dense
		switch {
		case moe.IsExpertTensor(t.Name) || group == "norms" || layerOf(t.Name) >= e.config.Layers:
			continue
		case t.Name == "output.weight" || t.Name == "token_embd.weight" && !untied:
			into = e.output // of one token of a prompt alone
		case group == "embedding": // a row of it
			continue
		}
		add(into, t.Type, float64(t.Size), float64(t.Elems()))
	}
	table := e.memory.footprint.Table
	for i := range table.Layers {
		l := &table.Layers[i]
		for _, s := range []*expert.Stack{&l.Gate, &l.Up, &l.Down} {
			if l.Experts > 0 {
				add(e.experts, s.Type, float64(s.Size)*float64(l.Experts), float64(s.Rows)*float64(s.Cols)*float64(l.Experts))
			}
		}
	}
}

func add(to map[ggml.Type]weight, t ggml.Type, bytes, values float64) {
	w := to[t]
	to[t] = weight{w.bytes + bytes, w.values + values}
}

// types are those of the weights that are multiplied with.
func (e *estimator) types() []ggml.Type {
	var types []ggml.Type
	for _, group := range []map[ggml.Type]weight{e.dense, e.output, e.experts} {
		for t := range group {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	slices.Sort(types)
	return types
}

// besides is what a pass takes beyond its products: norms, the routers' choices,
// attention's small parts, and threads that wait for each other. A model of 48
// layers took 88 ms a token for products of 73 ms.
const besides = 1.2

// arithmetic is the seconds of n tokens in a batch that want that share of the
// experts, the last of which has so many tokens before it.
func (e *estimator) arithmetic(n int, share float64, before int) float64 {
	var products []cost.Product
	for _, t := range e.types() {
		r, dense, output, experts := e.rates[t], e.dense[t], e.output[t], e.experts[t]
		products = append(products,
			cost.Product{Rate: r, Bytes: dense.bytes, Adds: dense.values * float64(n)},
			cost.Product{Rate: r, Bytes: output.bytes, Adds: output.values},
			cost.Product{Rate: r, Bytes: experts.bytes * share, Adds: experts.values * e.chosen() * float64(n)})
	}
	kv := float64(e.kvPerToken) * float64(before)
	products = append(products, cost.Product{Rate: cost.Rate{Bytes: e.rates.memory()}, Bytes: kv})
	return besides * cost.Arithmetic(products)
}

// chosen is the share of a layer's experts that one token chooses.
func (e *estimator) chosen() float64 {
	if e.config.Experts == 0 {
		return 0
	}
	return float64(min(e.config.TopK, e.config.Experts)) / float64(e.config.Experts)
}
