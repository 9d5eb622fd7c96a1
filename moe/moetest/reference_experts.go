package moetest

import (
	"fmt"
	"math"
	"slices"
)

// network is one feed-forward network: dense, shared, or one expert.
type network struct {
	gate, up, down linear
	activate       func(gate, up float64) float64
}

func (n *network) apply(x []float64) []float64 {
	gate, up := n.gate.apply(x), n.up.apply(x)
	for i := range gate {
		gate[i] = n.activate(gate[i], up[i])
	}
	return n.down.apply(gate)
}

// swiglu is the gate's SiLU times up (N. Shazeer, GLU Variants Improve
// Transformer, 2020).
func swiglu(gate, up float64) float64 { return gate * sigmoid(gate) * up }

// clampedSwiglu is what gpt-oss's reference implementation defines.
func clampedSwiglu(gate, up float64) float64 {
	gate = min(gate, 7)
	up = max(-7, min(7, up))
	return gate * sigmoid(1.702*gate) * (up + 1)
}

// expertLayer is the router and the networks it chooses from.
type expertLayer struct {
	router     linear
	selectBias []float64 // added to scores for the choice only; nil without
	experts    []network
	shared     *network // runs for every token; nil without
	sharedGate []float64
}

func (r *Ref) readFeedForward(t *tensors, p string, layer *refLayer) {
	if !t.has(p + "ffn_gate_inp.weight") {
		layer.dense = r.readNetwork(t, p, "")
		return
	}
	if r.experts == 0 {
		t.fail(fmt.Errorf("tensor %sffn_gate_inp.weight: found a router, but no experts in the metadata", p))
		return
	}
	e := &expertLayer{
		router:     t.linear(p+"ffn_gate_inp", r.hidden, r.experts),
		selectBias: t.optional(p+"exp_probs_b.bias", r.experts),
		sharedGate: t.optional(p+"ffn_gate_inp_shexp.weight", r.hidden),
	}
	if t.has(p + "ffn_gate_shexp.weight") {
		e.shared = r.readNetwork(t, p, "_shexp")
	}
	gates := t.matrices(p+"ffn_gate_exps.weight", r.hidden, 0, r.experts)
	if t.err != nil {
		return
	}
	width := gates[0].rows
	ups := t.matrices(p+"ffn_up_exps.weight", r.hidden, width, r.experts)
	downs := t.matrices(p+"ffn_down_exps.weight", width, r.hidden, r.experts)
	gateBias := t.biases(p+"ffn_gate_exps.bias", width, r.experts)
	upBias := t.biases(p+"ffn_up_exps.bias", width, r.experts)
	downBias := t.biases(p+"ffn_down_exps.bias", r.hidden, r.experts)
	if t.err != nil {
		return
	}
	activate := swiglu
	if r.arch == "gpt-oss" {
		activate = clampedSwiglu
	}
	for i := range r.experts {
		e.experts = append(e.experts, network{
			linear{gates[i], gateBias[i]}, linear{ups[i], upBias[i]}, linear{downs[i], downBias[i]}, activate,
		})
	}
	layer.experts = e
}

func (r *Ref) readNetwork(t *tensors, p, suffix string) *network {
	n := &network{gate: t.linear(p+"ffn_gate"+suffix, r.hidden, 0), activate: swiglu}
	n.up = t.linear(p+"ffn_up"+suffix, r.hidden, n.gate.rows)
	n.down = t.linear(p+"ffn_down"+suffix, n.gate.rows, r.hidden)
	return n
}

// feedForward is the layer's second half for one token.
func (r *Ref) feedForward(layer *refLayer, x []float64) ([]float64, route) {
	if layer.dense != nil {
		return layer.dense.apply(x), route{}
	}
	e := layer.experts
	chosen := r.choose(e, x)
	out := make([]float64, r.hidden)
	for i, expert := range chosen.experts {
		out = added(out, scaled(e.experts[expert].apply(x), chosen.weights[i]))
	}
	if e.shared != nil {
		gate := 1.0
		if e.sharedGate != nil {
			gate = sigmoid(dot(e.sharedGate, x))
		}
		out = added(out, scaled(e.shared.apply(x), gate))
	}
	return out, chosen
}

// choose takes the topK experts of the highest selection score, and weighs them
// by their score without the selection bias.
func (r *Ref) choose(e *expertLayer, x []float64) route {
	scores := e.router.apply(x)
	switch r.gating {
	case gateSoftmax:
		scores = softmax(scores)
	case gateSigmoid:
		for i := range scores {
			scores[i] = sigmoid(scores[i])
		}
	}
	selection := added(scores, e.selectBias)
	if r.groups > 1 {
		r.dropGroups(selection)
	}
	out := route{experts: best(selection, r.topK)}
	for _, expert := range out.experts {
		out.weights = append(out.weights, scores[expert])
	}
	if r.gating == gateChosenSoftmax {
		out.weights = softmax(out.weights)
	}
	if r.normWeights {
		var sum float64
		for _, w := range out.weights {
			sum += w
		}
		out.weights = scaled(out.weights, 1/sum)
	}
	out.weights = scaled(out.weights, r.weightScale)
	return out
}

// dropGroups rules out the experts of all groups but the best. A group of
// neighbouring experts is as good as its two best together (DeepSeek-V3, 2024).
func (r *Ref) dropGroups(selection []float64) {
	groups := split(selection, r.experts/r.groups)
	quality := make([]float64, len(groups))
	for g, members := range groups {
		for _, i := range best(members, min(2, len(members))) {
			quality[g] += members[i]
		}
	}
	for _, g := range best(quality, len(groups))[r.groupsUsed:] {
		for i := range groups[g] {
			groups[g][i] = math.Inf(-1)
		}
	}
}

// best lists the indices of the n largest scores, largest first, equal ones in
// order.
func best(scores []float64, n int) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	return order[:n]
}
