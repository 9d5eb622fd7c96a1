package daemon

import (
	"slices"

	"moed/predictor/cost"
)

// step is the decoding of one token behind so many others, at a hit ratio.
func (e *estimator) step(hit float64, before int) cost.Step {
	return cost.Step{
		Arithmetic: e.arithmetic(1, e.chosen(), before),
		Bytes:      (1 - hit) * float64(e.least.plan.TokenCycle),
		Rate:       e.disk.Rate, Burden: e.burden(), Ahead: e.ahead,
	}
}

func (e *estimator) burden() float64 { return e.reads.Burden() }

// hits is the expected hit ratio of a division, and what it is in the worst and
// the best quarter of the trace.
func (e *estimator) hits(d division) (hit, low, high float64) {
	if d.plan.AllExperts == 0 {
		return 1, 1, 1
	}
	hit = e.routing.curve.At(d.share(), d.plan.Cycles())
	return hit, max(1-(1-hit)*e.routing.high, 0), min(1-(1-hit)*e.routing.low, 1)
}

// speed is what decode does in a division, beside the first tokens' KV.
func (e *estimator) speed(d division) *Speed {
	hit, low, high := e.hits(d)
	s := e.step(hit, d.plan.Tokens)
	full := d.grown(e.kvPerToken)
	hitFull, _, _ := e.hits(full)
	slow := max(e.step(low, d.plan.Tokens).Seconds(), s.Seconds()*(1+cost.Margin))
	quick := min(e.step(high, d.plan.Tokens).Seconds(), s.Seconds()/(1+cost.Margin))
	return &Speed{
		HitRatio: hit, HitLow: low, HitHigh: high, TokenBytes: s.Bytes,
		Arithmetic: s.Arithmetic, Reading: s.Reading(), Seconds: s.Seconds(),
		Rate: 1 / s.Seconds(), Low: 1 / slow, High: 1 / quick, RateFull: 1 / e.step(hitFull, full.plan.Tokens).Seconds(),
	}
}

// first is a fresh process with a prompt of n tokens.
func (e *estimator) first(d division, n int) FirstToken {
	load := cost.Step{Bytes: float64(e.denseBytes), Rate: e.disk.Rate, Burden: e.burden()}
	p := cost.Prompt{
		Tokens: n, Chunk: d.batch, Experts: float64(d.plan.AllExperts), Held: float64(d.plan.Experts),
		Cover: e.routing.cover, PerTok: e.chosen(), Rate: e.disk.Rate, Burden: e.burden(),
		Work: func(tokens int, share float64) float64 { return e.arithmetic(tokens, share, n) },
	}
	f := FirstToken{PromptTokens: n, Load: load.Seconds(), Prefill: p.Seconds(), Bytes: p.Bytes()}
	f.Seconds = f.Load + f.Prefill
	return f
}

// rateAt is the expected rate in a budget, 0 where it is too small.
func (e *estimator) rateAt(total int64) float64 {
	d, err := e.at(total)
	if err != nil {
		return 0
	}
	return e.speed(d).Rate
}

// useful is the smallest budget that is half as fast as everything in memory.
func (e *estimator) useful() int64 {
	half := e.rateAt(e.everything) / 2
	low, high := e.smallest, e.everything
	if e.rateAt(low) >= half {
		return low
	}
	for high-low > 1<<20 {
		mid := low + (high-low)/2
		if e.rateAt(mid) >= half {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// mostBars is how many budgets below everything a chart shows.
const mostBars = 8

// chart goes from the first budget that works by doubling up to everything.
func (e *estimator) chart() []ChartPoint {
	var budgets []int64
	for b := int64(2e9) << 20; b > 1e6; b /= 2 {
		if b >= e.smallest && b < e.everything && len(budgets) < mostBars {
			budgets = append(budgets, b)
		}
	}
	budgets = append(budgets, e.everything)
	if e.asked >= e.smallest {
		budgets = append(budgets, e.asked)
	}
	slices.Sort(budgets)
	var points []ChartPoint
	for _, b := range slices.Compact(budgets) {
		d, err := e.at(b)
		if err != nil {
			continue
		}
		s := e.speed(d)
		points = append(points, ChartPoint{Budget: b, HitRatio: s.HitRatio, Rate: s.Rate, Low: s.Low, High: s.High,
			Asked: b == e.asked, Full: d.plan.Experts == d.plan.AllExperts})
	}
	return points
}
