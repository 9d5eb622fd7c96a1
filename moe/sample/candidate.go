package sample

import (
	"cmp"
	"math"
	"slices"
)

// Candidate is a token with its logit.
type Candidate struct {
	ID    int32
	Logit float32
}

// before orders candidates: the larger logit first, the lower id among equals.
func (c Candidate) before(d Candidate) int {
	if n := cmp.Compare(d.Logit, c.Logit); n != 0 {
		return n
	}
	return cmp.Compare(c.ID, d.ID)
}

// Top gives the n candidates with the largest logits, best first, or all where
// there are fewer. NaNs come last.
func Top(logits []float32, n int) []Candidate { return appendTop(nil, logits, n) }

// LogSum is log Σ exp(logit), so that logit - LogSum is a token's natural log
// probability at temperature 1.
func LogSum(logits []float32) float64 {
	if len(logits) == 0 {
		return math.Inf(-1)
	}
	peak := float64(slices.Max(logits))
	if math.IsInf(peak, 0) {
		return peak
	}
	sum := 0.0
	for _, l := range logits {
		sum += math.Exp(float64(l) - peak)
	}
	return peak + math.Log(sum)
}

// appendTop appends the n best candidates of logits to dst[:0], in order. It
// keeps a heap whose root is the worst of those kept, so a long vocabulary
// costs one comparison for nearly every token.
func appendTop(dst []Candidate, logits []float32, n int) []Candidate {
	dst = dst[:0]
	n = min(n, len(logits))
	if n <= 0 {
		return dst
	}
	for id, l := range logits {
		switch {
		case len(dst) < n:
			dst = append(dst, Candidate{int32(id), l})
			if len(dst) == n {
				for i := n/2 - 1; i >= 0; i-- {
					sink(dst, i)
				}
			}
		case l > dst[0].Logit || isNaN(dst[0].Logit) && !isNaN(l): // ids rise, so an equal logit loses
			dst[0] = Candidate{int32(id), l}
			sink(dst, 0)
		}
	}
	slices.SortFunc(dst, Candidate.before)
	return dst
}

// sink restores the heap below i: no parent is better than its children.
func sink(h []Candidate, i int) {
	for {
		worst := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[worst].before(h[child]) < 0 {
				worst = child
			}
		}
		if worst == i {
			return
		}
		h[i], h[worst] = h[worst], h[i]
		i = worst
	}
}

func isNaN(l float32) bool { return l != l }
