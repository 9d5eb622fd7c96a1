package moetest

import (
	"fmt"
	"math"
	"slices"

	"moed/moe/gguf"
)

// Ref is a model in float64.
type Ref struct {
	refConfig
	embedding  matrix // [vocabulary][hidden]
	layers     []refLayer
	outputNorm []float64
	output     matrix // [vocabulary][hidden]; the embedding where the file has none
}

// Reference reads the model of f, which may be closed afterwards. Architectures
// are those of Archs. It fails on a tensor that it lacks, one of another shape,
// one it has no use for, and any type but F32, F16 and Q8_0.
func Reference(f *gguf.Image) (*Ref, error) { return newReference(f, decode) }

func newReference(f *gguf.Image, decode decoder) (*Ref, error) {
	cfg, err := readRefConfig(f)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	r := &Ref{refConfig: cfg}
	t := &tensors{f: f, decode: decode, used: map[string]bool{}}
	r.embedding = t.matrix("token_embd.weight", r.hidden, 0)
	r.outputNorm = t.vector("output_norm.weight", r.hidden)
	r.output = r.embedding
	if t.has("output.weight") {
		r.output = t.matrix("output.weight", r.hidden, r.embedding.rows)
	}
	for l := range r.layerCount {
		r.layers = append(r.layers, r.readLayer(t, l))
	}
	if t.err == nil {
		t.err = t.unused(r.layerCount)
	}
	if t.err != nil {
		return nil, fmt.Errorf("reference: %w", t.err)
	}
	return r, nil
}

// Logits feeds tokens to the model from position 0. It returns the logits after
// each position, and for each layer and position the experts chosen, in
// descending order of selection score, none in a dense layer.
func (r *Ref) Logits(tokens []int32) (logits [][]float64, chosen [][][]int, err error) {
	logits, routes, err := r.run(tokens)
	for _, layer := range routes {
		experts := make([][]int, len(layer))
		for i, route := range layer {
			experts[i] = route.experts
		}
		chosen = append(chosen, experts)
	}
	return logits, chosen, err
}

// route is where one token went in one layer.
type route struct {
	experts []int     // best first
	weights []float64 // of each, as applied
}

// run is Logits with the routing weights.
func (r *Ref) run(tokens []int32) ([][]float64, [][]route, error) {
	xs := make([][]float64, len(tokens)) // hidden state of each position
	for i, t := range tokens {
		if t < 0 || int(t) >= r.embedding.rows {
			return nil, nil, fmt.Errorf("reference: position %d: token %d, vocabulary has %d", i, t, r.embedding.rows)
		}
		xs[i] = scaled(r.embedding.row(int(t)), r.embeddingScale)
	}
	routes := make([][]route, len(r.layers))
	for l := range r.layers {
		layer := &r.layers[l]
		normed := make([][]float64, len(xs))
		for i, x := range xs {
			normed[i] = rmsNorm(x, layer.attentionNorm, r.eps)
		}
		attended := r.attend(layer, l, normed)
		routes[l] = make([]route, len(xs))
		for i := range xs {
			xs[i] = added(xs[i], scaled(attended[i], r.residualScale))
			y, chosen := r.feedForward(layer, rmsNorm(xs[i], layer.ffnNorm, r.eps))
			xs[i] = added(xs[i], scaled(y, r.residualScale))
			routes[l][i] = chosen
		}
	}
	logits := make([][]float64, len(xs))
	for i, x := range xs {
		logits[i] = scaled(r.output.times(rmsNorm(x, r.outputNorm, r.eps)), 1/r.logitDivisor)
	}
	return logits, routes, nil
}

// rmsNorm is x over its root mean square, times weight (B. Zhang and R.
// Sennrich, Root Mean Square Layer Normalization, 2019).
func rmsNorm(x, weight []float64, eps float64) []float64 {
	scale := 1 / math.Sqrt(dot(x, x)/float64(len(x))+eps)
	y := make([]float64, len(x))
	for i := range x {
		y[i] = x[i] * scale * weight[i]
	}
	return y
}

func dot(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func added(a, b []float64) []float64 {
	out := slices.Clone(a)
	for i := range b {
		out[i] += b[i]
	}
	return out
}

func scaled(a []float64, s float64) []float64 {
	out := slices.Clone(a)
	for i := range out {
		out[i] *= s
	}
	return out
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softmax(x []float64) []float64 {
	top := slices.Max(x)
	var sum float64
	out := make([]float64, len(x))
	for i := range x {
		out[i] = math.Exp(x[i] - top)
		sum += out[i]
	}
	return scaled(out, 1/sum)
}
