package policy_test

import (
	"testing"

	"moed/offload/policy"
)

// TestForesee: what is foreseen stays and what is not goes, whatever habit says,
// until the visit is there; then habit holds again.
func TestForesee(t *testing.T) {
	shape := policy.Shape{Layers: 4, Experts: 8}
	p := mustNew(t, "", shape)
	usual := []int32{1, 2}
	visit := func(layer int) { p.Visit(&policy.Visit{Layer: layer, Experts: usual, Tokens: 1}) }
	for range 50 {
		for layer := range shape.Layers {
			visit(layer)
		}
	}
	visit(0)
	before := p.Distance(0, 2, 1)
	if rare := p.Distance(0, 2, 5); !(before < rare) {
		t.Fatalf("the usual expert is %v away, one never used %v", before, rare)
	}
	p.Foresee(2, []int32{5}, []float32{0.95})
	sure, passed := p.Distance(0, 2, 5), p.Distance(0, 2, 1)
	if !(sure < passed) {
		t.Errorf("the foreseen expert is %v away, the usual one, which is not, %v", sure, passed)
	}
	if next := p.Distance(0, 3, 5); !(sure < next) {
		t.Errorf("foreseen in layer 2 is %v away, in layer 3 never used and not spoken of %v", sure, next)
	}
	p.Foresee(2, []int32{1, 5}, []float32{0.9, 0.3})
	if likely, less := p.Distance(0, 2, 1), p.Distance(0, 2, 5); !(likely < less) {
		t.Errorf("at 0.9 it is %v away, at 0.3 %v", likely, less)
	}
	visit(1)
	visit(2)
	if after := p.Distance(0, 2, 1); after > 2*before {
		t.Errorf("after its visit the usual expert is %v away, before %v", after, before)
	}
	// What is none of the model's is not noted, and lengths may differ.
	p.Foresee(-1, []int32{1}, []float32{1})
	p.Foresee(4, []int32{1}, []float32{1})
	p.Foresee(1, []int32{-1, 8, 1, 2}, []float32{1, 1, 1})
}

// TestThought: of two experts that are chosen as seldom, the one that the router
// thinks more of is expected sooner.
func TestThought(t *testing.T) {
	p := mustNew(t, "", policy.Shape{Layers: 1, Experts: 8})
	probs := []float32{0.4, 0.3, 0.2, 0.05, 0.0125, 0.0125, 0.0125, 0.0125}
	for i := range 60 {
		// 0 and 1 are chosen; 2 and 5 once each, long ago.
		experts := []int32{0, 1}
		if i == 0 {
			experts = []int32{2, 5}
		}
		p.Visit(&policy.Visit{Experts: experts, Tokens: 1, Probs: probs})
	}
	if liked, not := p.Distance(0, 0, 2), p.Distance(0, 0, 5); !(liked < not) {
		t.Errorf("the one that the router nearly chose is %v away, the other %v", liked, not)
	}
}
