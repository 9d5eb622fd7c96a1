package daemon

import (
	"context"
	"errors"
	"fmt"

	"moed/offload/budget"
)

// PlanOptions say what to plan for.
type PlanOptions struct {
	Config        // Model is a file; nothing of it but its header is read, and a second of its data for the disk's rate
	Trace  string // of routing, recorded with moed trace; "" is the model's own where there is one, else a typical one

	Say func(line string) // is told what goes on; may be nil
}

// Forecast is what a model would run like in a budget, told without loading it.
type Forecast struct {
	Model        string `json:"model"`
	Architecture string `json:"architecture"`
	Threads      int    `json:"threads"`
	Context      int    `json:"context"`

	// Runs is whether the budget is enough; if not, Why says what is missing and
	// what depends on the budget is nil or 0.
	Runs   bool   `json:"runs"`
	Why    string `json:"why,omitempty"`
	Budget int64  `json:"budget_bytes"`
	Memory *Parts `json:"memory"`
	Chunk  int    `json:"prompt_chunk_tokens"`

	KVPerThousand int64 `json:"kv_bytes_per_1000_tokens"`
	Smallest      int64 `json:"smallest_budget_bytes"`        // that works at all
	Useful        int64 `json:"smallest_useful_budget_bytes"` // half as fast as with everything in memory
	Everything    int64 `json:"everything_budget_bytes"`      // with which nothing is read again

	Disk    DiskRate     `json:"disk"`
	Rates   []KernelRate `json:"kernels"`
	Routing Routing      `json:"routing"`

	*Speed
	First []FirstToken `json:"first_token,omitempty"`
	Chart []ChartPoint `json:"chart"`
}

// Parts divide a budget; bytes, but for the tokens.
type Parts struct {
	Dense       int64 `json:"dense_bytes"`
	KV          int64 `json:"kv_bytes"`
	Scratch     int64 `json:"scratch_bytes"`
	Heap        int64 `json:"heap_bytes"`
	ReadBuffers int64 `json:"read_buffer_bytes"`
	Experts     int64 `json:"experts_bytes"`
	AllExperts  int64 `json:"all_experts_bytes"`
	Spare       int64 `json:"spare_bytes"`

	Tokens     int     `json:"kv_tokens"`      // that KV is for at first
	MostTokens int     `json:"most_kv_tokens"` // that it can grow to
	Cycles     float64 `json:"token_cycles"`   // how many tokens' experts fit; 0 without routed experts
}

// Speed is what decode is expected to do: bytes and seconds of one token.
type Speed struct {
	HitRatio   float64 `json:"hit_ratio"` // of the wanted bytes; 1 without routed experts
	HitLow     float64 `json:"hit_ratio_low"`
	HitHigh    float64 `json:"hit_ratio_high"`
	TokenBytes float64 `json:"bytes_read_per_token"`
	Arithmetic float64 `json:"arithmetic_s_per_token"` // of a token that reads nothing
	Reading    float64 `json:"reading_s_per_token"`    // that the disk works
	Seconds    float64 `json:"s_per_token"`
	Rate       float64 `json:"tok_s"`
	Low        float64 `json:"tok_s_low"`
	High       float64 `json:"tok_s_high"`
	RateFull   float64 `json:"tok_s_full_context"`
}

// FirstToken is how long a fresh process takes to answer a prompt.
type FirstToken struct {
	PromptTokens int     `json:"prompt_tokens"`
	Load         float64 `json:"load_s"`
	Prefill      float64 `json:"prefill_s"`
	Bytes        float64 `json:"bytes_read"` // for experts
	Seconds      float64 `json:"s"`
}

// ChartPoint is a budget and what it gives.
type ChartPoint struct {
	Budget   int64   `json:"budget_bytes"`
	HitRatio float64 `json:"hit_ratio"`
	Rate     float64 `json:"tok_s"`
	Low      float64 `json:"tok_s_low"`
	High     float64 `json:"tok_s_high"`
	Asked    bool    `json:"asked"`
	Full     bool    `json:"everything"` // all experts fit
}

// Plan foretells how a model would run. A budget that is too small is no error:
// the Forecast says so, and what would do.
func Plan(ctx context.Context, o PlanOptions) (*Forecast, error) {
	if o.Say == nil {
		o.Say = func(string) {}
	}
	e, err := newEstimator(&o)
	if err != nil {
		return nil, err
	}
	if err := e.measureMachine(ctx, &o); err != nil {
		return nil, err
	}
	o.Say("replaying a trace of routing")
	if err := e.replay(ctx, &o); err != nil {
		return nil, err
	}
	return e.forecast()
}

func (e *estimator) forecast() (*Forecast, error) {
	f := &Forecast{
		Model: e.header.path, Architecture: e.config.Architecture, Threads: e.options.Threads, Context: e.context,
		Budget: e.asked, KVPerThousand: 1000 * e.kvPerToken, Smallest: e.smallest, Everything: e.everything,
		Disk: e.disk, Rates: e.rates.list(), Routing: e.routing.Routing,
	}
	f.Useful = e.useful()
	f.Chart = e.chart()
	at, err := e.at(e.asked)
	var small *budget.TooSmall
	switch {
	case errors.As(err, &small):
		f.Why = fmt.Sprintf("%v; in the smallest it would make about %.2f tokens per second", err, e.speed(e.least).Rate)
		return f, nil
	case err != nil:
		return nil, err
	}
	e.fill(f, at)
	return f, nil
}

// fill sets what depends on the budget.
func (e *estimator) fill(f *Forecast, at division) {
	p := at.plan
	f.Runs, f.Chunk = true, at.batch
	f.Memory = &Parts{
		Dense: p.Dense, KV: p.KV, Scratch: p.Scratch, Heap: p.Heap, ReadBuffers: p.Slack,
		Experts: p.Experts, AllExperts: p.AllExperts, Spare: p.Spare,
		Tokens: p.Tokens, MostTokens: p.MostTokens, Cycles: p.Cycles(),
	}
	f.Speed = e.speed(at)
	for _, n := range firstPrompts() {
		if n < e.context {
			f.First = append(f.First, e.first(at, n))
		}
	}
}

// firstPrompts are the lengths of prompt that a first token is foretold for: a
// question, and a page.
func firstPrompts() []int { return []int{28, 512} }
