package moe

import (
	"fmt"
	"strings"
)

// architecture is what sets one family of models apart beyond its metadata.
// Which optional tensors a layer has (biases, norms, sinks, a shared expert)
// is read off the file.
type architecture struct {
	name string
	// neox rotates halves of a head against each other; otherwise adjacent
	// pairs.
	neox bool
	// ffnNorm is the name of the norm before the feed-forward part.
	ffnNorm string
	// gating and normWeights hold where the metadata is silent.
	gating      Gating
	normWeights bool
	// activation of the experts.
	activation activation
	// windowed reports whether a layer attends to the sliding window only; nil
	// means that none does.
	windowed func(layer int) bool
}

type activation uint8

const (
	swiglu    activation = iota // silu(gate) · up
	swigluOAI                   // gpt-oss: clamped, gate·sigmoid(1.702·gate) · (up + 1)
)

// swigluOAI's constants, of OpenAI's gpt-oss reference implementation.
const (
	oaiAlpha = 1.702
	oaiLimit = 7
)

// architectures that moed runs. Each line is the whole difference of a family
// from its neighbours, apart from latent attention (mla.go).
func architectures() []architecture {
	return []architecture{
		{name: "qwen3moe", neox: true, ffnNorm: "ffn_norm", gating: GatingSoftmax, normWeights: true},
		{name: "olmoe", neox: true, ffnNorm: "ffn_norm", gating: GatingSoftmax},
		{name: "llama", ffnNorm: "ffn_norm", gating: GatingSoftmax, normWeights: true}, // Mixtral, and dense
		{name: "qwen2moe", neox: true, ffnNorm: "ffn_norm", gating: GatingSoftmax},
		{name: "deepseek2", ffnNorm: "ffn_norm", gating: GatingSoftmax},
		{name: "gpt-oss", neox: true, ffnNorm: "post_attention_norm", gating: GatingSoftmaxChosen,
			activation: swigluOAI, windowed: func(layer int) bool { return layer%2 == 0 }},
		{name: "glm4moe", neox: true, ffnNorm: "post_attention_norm", gating: GatingSigmoid},
		{name: "granitemoe", ffnNorm: "ffn_norm", gating: GatingSoftmax, normWeights: true},
		{name: "qwen3", neox: true, ffnNorm: "ffn_norm"},
		{name: "qwen2", neox: true, ffnNorm: "ffn_norm"},
	}
}

func architectureOf(name string) (*architecture, error) {
	all := architectures()
	names := make([]string, len(all))
	for i := range all {
		if all[i].name == name {
			return &all[i], nil
		}
		names[i] = all[i].name
	}
	return nil, fmt.Errorf("architecture %q is not supported; moed runs %s", name, strings.Join(names, ", "))
}
