package budget_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moed/offload/budget"
)

// model is much like a Mixture-of-Experts model of 17 GB.
func model() budget.Need {
	return budget.Need{
		Dense: 960e6, Scratch: 40e6, Heap: 100e6, Slack: 60e6, KVPerToken: 98304, Context: 32768,
		Experts: 16.3e9, ExpertSmallest: 2.6e6, ExpertLargest: 3e6, TokenCycle: 764e6,
	}
}

func TestSplit(t *testing.T) {
	const kv, fixed = 256 * 98304, 960e6 + 40e6 + 100e6 + 60e6
	for _, c := range []struct {
		name   string
		change func(*budget.Need)
		budget int64
		want   budget.Plan
	}{
		{"experts get the rest", func(*budget.Need) {}, 8e9, budget.Plan{
			Budget: 8e9, Dense: 960e6, Scratch: 40e6, Heap: 100e6, Slack: 60e6,
			KV: kv, Experts: 8e9 - fixed - kv, Tokens: 256, MostTokens: 32768, TokenCycle: 764e6, AllExperts: 16.3e9,
		}},
		{"all experts fit", func(*budget.Need) {}, 20e9, budget.Plan{
			Budget: 20e9, Dense: 960e6, Scratch: 40e6, Heap: 100e6, Slack: 60e6,
			KV: kv, Experts: 16.3e9, Spare: 20e9 - fixed - kv - 16.3e9, Tokens: 256, MostTokens: 32768, TokenCycle: 764e6, AllExperts: 16.3e9,
		}},
		{"a context that never fits whole", func(*budget.Need) {}, 2e9, budget.Plan{
			Budget: 2e9, Dense: 960e6, Scratch: 40e6, Heap: 100e6, Slack: 60e6,
			KV: kv, Experts: 2e9 - fixed - kv, Tokens: 256, MostTokens: 8487, TokenCycle: 764e6, AllExperts: 16.3e9,
		}},
		{"a short context", func(n *budget.Need) { n.Context = 10 }, 8e9, budget.Plan{
			Budget: 8e9, Dense: 960e6, Scratch: 40e6, Heap: 100e6, Slack: 60e6,
			KV: 10 * 98304, Experts: 8e9 - fixed - 10*98304, Tokens: 10, MostTokens: 10, TokenCycle: 764e6, AllExperts: 16.3e9,
		}},
		{"nothing is routed", func(n *budget.Need) { n.Experts, n.TokenCycle = 0, 0 }, fixed + kv, budget.Plan{
			Budget: fixed + kv, Dense: 960e6, Scratch: 40e6, Heap: 100e6, Slack: 60e6,
			KV: kv, Tokens: 256, MostTokens: 256,
		}},
	} {
		n := model()
		c.change(&n)
		got, err := budget.Split(n, c.budget)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
}

func TestPlanText(t *testing.T) {
	p, err := budget.Split(model(), 4e9)
	if err != nil {
		t.Fatal(err)
	}
	want := "4.00 GB: dense weights 960.0 MB, experts 2.81 GB of 16.30 GB, KV cache of 256 tokens 25.2 MB, scratch 40.0 MB, heap 100.0 MB, read buffers 60.0 MB"
	if got := p.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if c := p.Cycles(); c < 3.67 || c > 3.69 {
		t.Errorf("experts of %g tokens fit, want 2.815 GB / 0.764 GB", c)
	}
	if c := (budget.Plan{}).Cycles(); c != 0 {
		t.Errorf("%g cycles of nothing", c)
	}
}

// A budget that the message names works, as typed from it.
func TestTooSmall(t *testing.T) {
	sizes := regexp.MustCompile(`the smallest that works is ([0-9.]+ [kMGT]?B).*; below ([0-9.]+ [kMGT]?B)`)
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := model()
		n.Dense = r.Int64N(1 << (10 + r.IntN(30)))
		_, err := budget.Split(n, n.Dense/2)
		var small *budget.TooSmall
		if !errors.As(err, &small) {
			t.Fatalf("half of the dense weights: %v", err)
		}
		if _, err := budget.Split(n, small.Smallest-1); err == nil {
			t.Fatalf("%d works, less than the smallest", small.Smallest-1)
		}
		if _, err := budget.Split(n, small.Smallest); err != nil {
			t.Fatalf("the smallest budget: %v", err)
		}
		m := sizes.FindStringSubmatch(err.Error())
		if m == nil {
			t.Fatalf("no sizes in %q", err)
		}
		for i, least := range []int64{small.Smallest, small.Cycle} {
			a, err := budget.ParseSize(m[i+1])
			if err != nil {
				t.Fatal(err)
			}
			if b := a.In(0); b < least || float64(b) > 1.02*float64(least) {
				t.Fatalf("the message says %q, for %d bytes", m[i+1], least)
			}
		}
		p, err := budget.Split(n, small.Cycle)
		if err != nil || p.Cycles() < 1 {
			t.Fatalf("%d bytes hold %g tokens' experts, %v", small.Cycle, p.Cycles(), err)
		}
	}
}

func TestSplitNegative(t *testing.T) {
	n := model()
	n.KVPerToken = -1
	_, err := budget.Split(n, 8e9)
	if err == nil || errors.As(err, new(*budget.TooSmall)) {
		t.Errorf("error %v, want one about the need", err)
	}
	if err == nil || !strings.Contains(err.Error(), "negative") {
		t.Errorf("error %v", err)
	}
}

// Sizes from a hostile header do not wrap round.
func TestSplitHuge(t *testing.T) {
	n := budget.Need{Dense: math.MaxInt64, Scratch: math.MaxInt64, KVPerToken: math.MaxInt64, Context: math.MaxInt, Experts: 1 << 62, ExpertSmallest: 1 << 61, ExpertLargest: 1 << 62}
	var small *budget.TooSmall
	if p, err := budget.Split(n, math.MaxInt64); !errors.As(err, &small) {
		t.Errorf("%+v, %v", p, err)
	}
}

// Whatever the need, the parts sum up to the budget, and each has its own.
func TestSplitSums(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	size := func() int64 { return r.Int64() >> r.IntN(63) }
	plans := 0
	for range 200_000 {
		n := budget.Need{
			Dense: size() >> 8, Scratch: size() >> 8, Heap: size() >> 8, Slack: size() >> 8, KVPerToken: size() >> 20, Context: int(size() >> 32),
			Experts: size(), ExpertSmallest: size() >> 8, ExpertLargest: size() >> 8, TokenCycle: size(),
		}
		total := size()
		if r.IntN(50) == 0 {
			total = math.MaxInt64
		}
		p, err := budget.Split(n, total)
		var small *budget.TooSmall
		if errors.As(err, &small) {
			if small.Smallest <= total && small.Smallest != math.MaxInt64 {
				t.Fatalf("%d refused, where %d works", total, small.Smallest)
			}
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		plans++
		left := total
		for _, part := range []int64{p.Dense, p.Scratch, p.Heap, p.Slack, p.KV, p.Experts, p.Spare} {
			if part < 0 || part > left {
				t.Fatalf("%+v\nof %+v is above the budget", p, n)
			}
			left -= part
		}
		least := min(n.Experts, n.ExpertSmallest)
		switch {
		case left != 0:
			t.Fatalf("%+v\nof %+v: %d bytes are nobody's", p, n, left)
		case p.Dense != n.Dense || p.Scratch != n.Scratch || p.Heap != n.Heap || p.Slack != n.Slack:
			t.Fatalf("%+v\nis not what is needed: %+v", p, n)
		case p.Experts < least || p.Experts > n.Experts || p.Spare > 0 && p.Experts != n.Experts:
			t.Fatalf("%+v\nof %+v: experts", p, n)
		case p.KV != int64(p.Tokens)*n.KVPerToken || p.Tokens > p.MostTokens || p.MostTokens > n.Context:
			t.Fatalf("%+v\nof %+v: KV", p, n)
		case int64(p.MostTokens)*n.KVPerToken > p.KV+p.Experts+p.Spare-least:
			t.Fatalf("%+v\nof %+v: KV may grow over the experts", p, n)
		}
	}
	if plans < 20_000 {
		t.Errorf("only %d of the random budgets were enough", plans)
	}
}
