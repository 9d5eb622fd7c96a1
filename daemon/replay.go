package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"moed/offload"
	"moed/offload/budget"
	"moed/offload/policy"
	"moed/predictor/trace"
)

// ReplayOptions say what to replay. The zero value is right but for Trace.
type ReplayOptions struct {
	Trace    string   // path
	Budgets  []string // memory for experts: sizes, or shares of all experts; nil is a ladder from the token cycle up
	Policies []string // names; nil is all that the rule serves
	Rule     string   // RuleStore or RulePublished; "" is the first
	Layers   bool     // tell of each layer

	// Observe, if set, is told how many of all replays are done, from any
	// goroutine.
	Observe func(done, total int)
}

// The rules by which a cache can be replayed.
const (
	// RuleStore is what a run does: equal slots for experts of a size, and a
	// victim for each that is missing.
	RuleStore = "store"
	// RulePublished is that of published curves: bytes without slots, and victims
	// only after a layer has all that it wants.
	RulePublished = "published"
)

// ReplayResult is what each policy would have hit.
type ReplayResult struct {
	Trace        string `json:"trace"`
	Model        string `json:"model"`
	Arch         string `json:"arch"`
	Note         string `json:"note,omitempty"` // what is odd about the file
	Rule         string `json:"rule"`
	Layers       int    `json:"layers"`  // with routed experts
	Experts      int    `json:"experts"` // of a layer
	TopK         int    `json:"top_k"`
	Texts        int    `json:"texts"`
	PromptTokens int    `json:"prompt_tokens"`
	Tokens       int    `json:"tokens"` // of decode

	ExpertBytes int64 `json:"experts_bytes"`     // all experts of the model
	Used        int64 `json:"used_bytes"`        // of them, those that the trace wants
	Cycle       int64 `json:"token_cycle_bytes"` // what one token wants in all layers

	Budgets []ReplayBudget `json:"budgets"`
}

// ReplayBudget is one memory for experts.
type ReplayBudget struct {
	Bytes int64 `json:"budget_bytes"`
	Slots int   `json:"slots,omitempty"` // by the store's rule: experts that it holds
	// BelowCycle: not even one token's experts fit, so that an order of recency
	// gives up every expert before its layer comes round again.
	BelowCycle bool           `json:"below_token_cycle"`
	Belady     ReplayPolicy   `json:"belady"`
	Policies   []ReplayPolicy `json:"policies"`
}

// ReplayPolicy is what one policy hits. Without Prefill all is of decode.
type ReplayPolicy struct {
	Policy       string  `json:"policy"`
	HitRatio     float64 `json:"hit_ratio"`
	TokenBytes   float64 `json:"bytes_per_token"`
	BeladyShare  float64 `json:"share_of_belady"` // of its hits
	PrefillRatio float64 `json:"prefill_hit_ratio"`
	PrefillBytes float64 `json:"prefill_bytes_per_token"`

	Layers []ReplayLayer `json:"layers,omitempty"`
}

// ReplayLayer is what decode wanted of one layer.
type ReplayLayer struct {
	Layer  int   `json:"layer"`
	Wanted int   `json:"wanted"`
	Hits   int   `json:"hits"`
	Bytes  int64 `json:"bytes_missed"`
}

// belady is a name beside those of policies.
const belady = "belady"

// Check reports what is wrong with o, as far as that can be told without the
// trace.
func (o *ReplayOptions) Check() error {
	for _, b := range o.Budgets {
		if _, err := budget.ParseSize(b); err != nil {
			return fmt.Errorf("budget: %w", err)
		}
	}
	for _, name := range o.Policies {
		if !slices.Contains(policyNames(), name) {
			return fmt.Errorf("policy %q is not known; there are %s", name, strings.Join(policyNames(), ", "))
		}
	}
	if o.Rule != "" && o.Rule != RuleStore && o.Rule != RulePublished {
		return fmt.Errorf("rule %q is not known; there are %s and %s", o.Rule, RuleStore, RulePublished)
	}
	for _, name := range o.Policies {
		if !slices.Contains(policiesOf(o.Rule), name) {
			return fmt.Errorf(onlyByRule, name)
		}
	}
	return nil
}

// Replay serves a recorded run from caches of several sizes under several
// policies.
func Replay(ctx context.Context, o ReplayOptions) (*ReplayResult, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.Rule == "" {
		o.Rule = RuleStore
	}
	if len(o.Policies) == 0 {
		o.Policies = policiesOf(o.Rule)
	}
	t, err := readTrace(o.Trace)
	if err != nil {
		return nil, err
	}
	r := newReplay(t, &o)
	if r.result.Tokens == 0 && r.result.PromptTokens == 0 {
		return nil, fmt.Errorf("%s: the trace has no visits", o.Trace)
	}
	if r.result.Cycle == 0 {
		return nil, fmt.Errorf("%s: the trace does not say how large an expert is", o.Trace)
	}
	if err := r.plan(o.Budgets); err != nil {
		return nil, err
	}
	return &r.result, r.run(ctx)
}

// replay is a trace as caches see it.
type replay struct {
	options *ReplayOptions
	shape   policy.Shape
	size    []int64 // [layer] of one expert
	steps   []policy.Step
	classes []offload.Class
	class   []int // [layer]
	result  ReplayResult
}

func newReplay(t *trace.Trace, o *ReplayOptions) *replay {
	r := &replay{options: o, shape: policy.Shape{Layers: len(t.Layers), Experts: t.Experts()}}
	r.result = ReplayResult{Trace: o.Trace, Model: t.Model, Arch: t.Arch, Note: t.Note, Rule: o.Rule,
		Experts: t.Experts(), TopK: t.TopK, Cycle: t.Cycle()}
	var experts []int
	for _, l := range t.Layers {
		r.size, experts = append(r.size, l.Bytes), append(experts, l.Experts)
		r.result.ExpertBytes += l.Bytes * int64(l.Experts)
		if l.Experts > 0 {
			r.result.Layers++
		}
	}
	r.classes, r.class = offload.ClassesOf(r.size, experts)
	r.take(t)
	return r
}

// take turns visits into steps, and counts.
func (r *replay) take(t *trace.Trace) {
	used := make([]bool, r.shape.Layers*r.shape.Experts)
	turns := map[int]bool{}
	prompt, decode := make([]int, len(t.Layers)), make([]int, len(t.Layers)) // [layer] tokens
	for i := range t.Visits {
		v := &t.Visits[i]
		step := stepOf(v, r.options.Rule)
		r.steps = append(r.steps, step)
		turns[v.Turn] = true
		if v.Decode {
			decode[v.Layer] += v.Tokens
		} else {
			prompt[v.Layer] += v.Tokens
		}
		for _, e := range step.Experts {
			if at := v.Layer*r.shape.Experts + int(e); !used[at] {
				used[at] = true
				r.result.Used += r.size[v.Layer]
			}
		}
	}
	r.result.Texts, r.result.PromptTokens, r.result.Tokens = len(turns), slices.Max(prompt), slices.Max(decode)
}

// stepOf is a visit as a cache sees it. A store wants the experts in ascending
// order; published replays touch them in the order of tokens and of the router,
// and the last touch counts.
func stepOf(v *trace.Visit, rule string) policy.Step {
	step := policy.Step{Layer: v.Layer, Tokens: v.Tokens, Decode: v.Decode}
	step.Experts, step.Counts = v.Union()
	if len(v.Probs) > 0 && v.Tokens > 0 {
		step.Probs = make([]float32, len(v.Probs)/v.Tokens)
		policy.Mean(step.Probs, v.Probs)
	}
	if rule == RuleStore {
		return step
	}
	last := map[int32]int{}
	for i, e := range v.Chosen {
		last[e] = i
	}
	count := map[int32]int32{}
	for i, e := range step.Experts {
		count[e] = step.Counts[i]
	}
	slices.SortFunc(step.Experts, func(a, b int32) int { return last[a] - last[b] })
	for i, e := range step.Experts {
		step.Counts[i] = count[e]
	}
	return step
}

// Names of caches of their own, which give up by other means than a distance.
const (
	s3fifo     = "s3-fifo"
	tinyLFU    = "tinylfu"
	onlyByRule = "%s is a cache of its own and not a choice of moed's store; add --rule " + RulePublished
)

// policyNames are those that a replay knows.
func policyNames() []string { return append(slices.Clip(policy.Names()), s3fifo, tinyLFU) }

// policiesOf are those that it serves by a rule.
func policiesOf(rule string) []string {
	if rule == RulePublished {
		return policyNames()
	}
	return policy.Names()
}

func newPolicy(name string, s policy.Shape) (policy.Policy, error) { return policy.New(name, s) }
