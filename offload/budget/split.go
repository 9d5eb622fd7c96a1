package budget

import (
	"fmt"
	"math"
	"strings"
)

// Need is what a model wants of the memory. Bytes all, but for Context.
type Need struct {
	Dense      int64 // weights that every token uses
	Scratch    int64 // the forward pass's buffers, for all sessions
	Heap       int64 // the Go heap, stacks and the runtime
	Slack      int64 // buffers of reads under way
	KVPerToken int64 // keys and values of one token, in all layers
	Context    int   // most tokens that KV may come to hold

	Experts        int64 // all routed experts, in the slots that hold them
	ExpertSmallest int64 // the smallest slot
	ExpertLargest  int64 // the largest slot; where it is another, one of each must fit
	TokenCycle     int64 // experts that one token uses in all layers
}

// Plan divides a budget. Bytes all, but for the tokens. The parts and Spare sum
// up to Budget exactly.
type Plan struct {
	Budget  int64
	Dense   int64
	Scratch int64
	Heap    int64
	Slack   int64
	KV      int64 // for Tokens; it grows beyond at the cost of Spare, then of Experts
	Experts int64
	Spare   int64 // nobody's: all experts fit

	Tokens     int // of KV from the first
	MostTokens int // that KV can come to hold when experts have given way
	TokenCycle int64
	AllExperts int64
}

// firstTokens of KV are set aside at first. More is admitted as it is used:
// most of a long context never is, and experts are read into its memory
// meanwhile.
const firstTokens = 256

// Cycles is how many tokens' experts fit; below 1 a cache evicts each expert
// before it comes round again, unless it is careful. 0 where nothing is routed.
func (p Plan) Cycles() float64 {
	if p.TokenCycle <= 0 {
		return 0
	}
	return float64(p.Experts) / float64(p.TokenCycle)
}

// String is the division in one line, for people.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: dense weights %s, experts %s", text(p.Budget), text(p.Dense), text(p.Experts))
	if p.AllExperts > p.Experts {
		fmt.Fprintf(&b, " of %s", text(p.AllExperts))
	}
	fmt.Fprintf(&b, ", KV cache of %d tokens %s, scratch %s, heap %s", p.Tokens, text(p.KV), text(p.Scratch), text(p.Heap))
	if p.Slack > 0 {
		fmt.Fprintf(&b, ", read buffers %s", text(p.Slack))
	}
	if p.Spare > 0 {
		fmt.Fprintf(&b, ", spare %s", text(p.Spare))
	}
	return b.String()
}

// TooSmall is the error of a budget that a model cannot run in.
type TooSmall struct {
	Budget   int64
	Smallest int64 // budget that works
	Cycle    int64 // budget that holds all experts of one token too
	Need     Need
}

func (e *TooSmall) Error() string {
	n := e.Need
	s := fmt.Sprintf("a memory budget of %s is too small for this model: the smallest that works is %s"+
		" (dense weights %s, KV cache of %d tokens %s, scratch %s, heap %s, read buffers %s, one expert of each size %s)",
		text(e.Budget), textUp(e.Smallest), text(n.Dense), n.tokens(), text(n.kv(n.tokens())), text(n.Scratch), text(n.Heap),
		text(n.Slack), text(n.leastExperts()))
	if e.Cycle > e.Smallest {
		s += fmt.Sprintf("; below %s not even the experts of one token fit, and all are read from disk for each", textUp(e.Cycle))
	}
	return s
}

// textUp is text that ParseSize reads as n or a little more, so that a budget
// typed from a message is not refused again.
func textUp(n int64) string {
	for _, unit := range []int64{1e7, 1e5, 1e2} { // the last decimal of text
		if n >= 100*unit {
			up := sum(n, unit-1)
			return text(up - up%unit)
		}
	}
	return text(n)
}

// Split divides budget: the dense weights, the buffers, the heap and the first
// tokens' KV get what they need, the experts the rest, up to all of them. It
// fails with a *TooSmall, or where the need itself makes no sense.
func Split(n Need, budget int64) (Plan, error) {
	if err := n.check(); err != nil {
		return Plan{}, err
	}
	tokens := n.tokens()
	fixed := sum(n.Dense, n.Scratch, n.Heap, n.Slack)
	first := sum(fixed, n.kv(tokens))
	least := sum(first, n.leastExperts())
	if budget < least || least == math.MaxInt64 {
		return Plan{}, &TooSmall{Budget: budget, Smallest: least, Cycle: sum(first, n.TokenCycle), Need: n}
	}
	p := Plan{
		Budget: budget, Dense: n.Dense, Scratch: n.Scratch, Heap: n.Heap, Slack: n.Slack,
		KV: n.kv(tokens), Tokens: tokens, MostTokens: n.Context,
		TokenCycle: n.TokenCycle, AllExperts: n.Experts,
	}
	p.Experts = min(budget-first, n.Experts)
	p.Spare = budget - first - p.Experts
	if n.KVPerToken > 0 {
		p.MostTokens = int(min(int64(n.Context), (budget-fixed-n.leastExperts())/n.KVPerToken))
	}
	return p, nil
}

// leastExperts is the room without which no expert can be computed with.
func (n Need) leastExperts() int64 {
	least := n.ExpertSmallest
	if n.ExpertLargest > n.ExpertSmallest {
		least = sum(least, n.ExpertLargest)
	}
	return min(least, n.Experts)
}

func (n Need) tokens() int { return min(n.Context, firstTokens) }

func (n Need) kv(tokens int) int64 {
	if n.KVPerToken > 0 && int64(tokens) > math.MaxInt64/n.KVPerToken {
		return math.MaxInt64
	}
	return n.KVPerToken * int64(tokens)
}

func (n Need) check() error {
	for _, v := range []int64{n.Dense, n.Scratch, n.Heap, n.Slack, n.KVPerToken, int64(n.Context),
		n.Experts, n.ExpertSmallest, n.ExpertLargest, n.TokenCycle} {
		if v < 0 {
			return fmt.Errorf("split of a memory budget: negative need %+v", n)
		}
	}
	return nil
}

// sum of what is not negative, as much as an int64 holds: headers of hostile
// files name any size.
func sum(parts ...int64) int64 {
	total := int64(0)
	for _, p := range parts {
		if p > math.MaxInt64-total {
			return math.MaxInt64
		}
		total += p
	}
	return total
}
