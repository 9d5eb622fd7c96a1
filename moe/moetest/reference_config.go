package moetest

import (
	"errors"
	"fmt"
	"math"

	"moed/moe/gguf"
)

// refConfig is what the metadata and the architecture say about a model.
type refConfig struct {
	arch               string
	layerCount, hidden int
	heads, kvHeads     int
	keyDim, valueDim   int // of a head, in latent attention after decompression
	latent             int // rank of compressed keys and values; 0 without latent attention
	window             int // positions seen by a windowed layer; 0 without windows
	experts, topK      int // 0 in a dense model
	groups, groupsUsed int // of experts
	gating             gating
	normWeights        bool // whether the chosen experts' weights are made to sum to 1
	weightScale        float64
	eps                float64
	rope               rope

	embeddingScale, residualScale, attentionScale, logitDivisor float64
}

// gating turns router outputs into scores, numbered as in files.
type gating int

const (
	gateSoftmax       gating = 1
	gateSigmoid       gating = 2
	gateChosenSoftmax gating = 3 // softmax over the chosen experts only
)

// refKeys reads metadata below the architecture's name and keeps the first error.
type refKeys struct {
	f    *gguf.Image
	arch string
	err  error
}

func (k *refKeys) fail(err error) {
	if k.err == nil && !errors.Is(err, gguf.ErrNoKey) {
		k.err = err
	}
}

// size is a required integer.
func (k *refKeys) size(key string) int {
	if k.err == nil && !k.f.Has(k.arch+"."+key) {
		k.err = fmt.Errorf("key %s.%s: %w", k.arch, key, gguf.ErrNoKey)
	}
	return k.sizeOr(key, 0)
}

func (k *refKeys) sizeOr(key string, otherwise int) int {
	n, err := k.f.Uint(k.arch + "." + key)
	if err != nil {
		k.fail(err)
		return otherwise
	}
	return int(n)
}

func (k *refKeys) floatOr(key string, otherwise float64) float64 {
	v, err := k.f.Float(k.arch + "." + key)
	if err != nil {
		k.fail(err)
		return otherwise
	}
	return v
}

func (k *refKeys) boolOr(key string, otherwise bool) bool {
	v, err := k.f.Bool(k.arch + "." + key)
	if err != nil {
		k.fail(err)
		return otherwise
	}
	return v
}

func readRefConfig(f *gguf.Image) (refConfig, error) {
	arch, err := f.String("general.architecture")
	if err != nil {
		return refConfig{}, err
	}
	k := &refKeys{f: f, arch: arch}
	c := refConfig{
		arch: arch,
		// A model may end in layers that predict the tokens after the next.
		layerCount: k.size("block_count") - k.sizeOr("nextn_predict_layers", 0),
		hidden:     k.size("embedding_length"),
		heads:      k.size("attention.head_count"),
		eps:        k.floatOr("attention.layer_norm_rms_epsilon", 0),
		latent:     k.sizeOr("attention.kv_lora_rank", 0),
		window:     k.sizeOr("attention.sliding_window", 0),
		experts:    k.sizeOr("expert_count", 0),
		topK:       k.sizeOr("expert_used_count", 0),
		groups:     k.sizeOr("expert_group_count", 0),
		groupsUsed: k.sizeOr("expert_group_used_count", 0),

		embeddingScale: k.floatOr("embedding_scale", 1),
		residualScale:  k.floatOr("residual_scale", 1),
		logitDivisor:   k.floatOr("logit_scale", 1),
	}
	if k.err == nil && c.heads <= 0 {
		k.err = fmt.Errorf("found %d heads", c.heads)
	}
	if k.err != nil {
		return refConfig{}, k.err
	}
	c.kvHeads = k.sizeOr("attention.head_count_kv", c.heads)
	c.keyDim = k.sizeOr("attention.key_length", c.hidden/c.heads)
	c.valueDim = k.sizeOr("attention.value_length", c.hidden/c.heads)
	if c.latent > 0 {
		c.kvHeads = c.heads
		c.keyDim = k.sizeOr("attention.key_length_mla", c.keyDim)
		c.valueDim = k.sizeOr("attention.value_length_mla", c.valueDim)
	}
	if err := c.readFamily(k); err != nil {
		return refConfig{}, err
	}
	c.attentionScale = k.floatOr("attention.scale", 1/math.Sqrt(float64(c.keyDim)))
	c.rope = c.readRope(k)
	if k.err != nil {
		return refConfig{}, k.err
	}
	return c, c.check()
}

// check refuses what the forward pass would divide by or index with.
func (c *refConfig) check() error {
	switch {
	case c.layerCount < 0 || c.hidden <= 0:
		return fmt.Errorf("found %d layers, hidden size %d", c.layerCount, c.hidden)
	case c.kvHeads <= 0 || c.heads%c.kvHeads != 0:
		return fmt.Errorf("found %d heads for %d kv heads", c.heads, c.kvHeads)
	case c.keyDim < 2*len(c.rope.freqs) || c.valueDim <= 0:
		return fmt.Errorf("found keys of %d, values of %d, rotated %d", c.keyDim, c.valueDim, 2*len(c.rope.freqs))
	case c.experts < 0 || c.topK > c.experts || (c.experts > 0 && c.topK <= 0):
		return fmt.Errorf("found %d of %d experts used", c.topK, c.experts)
	case c.groups > 1 && (c.experts%c.groups != 0 || c.groupsUsed <= 0 || c.groupsUsed > c.groups):
		return fmt.Errorf("found %d of %d groups of %d experts used", c.groupsUsed, c.groups, c.experts)
	}
	return nil
}

// readFamily sets what depends on the architecture's name, then what the
// metadata says otherwise.
func (c *refConfig) readFamily(k *refKeys) error {
	c.gating = gateSoftmax
	switch c.arch {
	case "qwen3moe": // Qwen3 Technical Report, 2025
		c.rope.halves, c.normWeights = true, true
	case "llama", "granitemoe": // Mixtral of Experts, 2024; Granite 3.0, 2024
		c.normWeights = true
	case "olmoe", "qwen2moe": // OLMoE, 2024; Qwen1.5-MoE, 2024
		c.rope.halves = true
	case "qwen2", "qwen3": // dense
		c.rope.halves = true
	case "deepseek2": // DeepSeek-V2 and DeepSeek-V3, 2024
	case "gpt-oss": // gpt-oss-120b & gpt-oss-20b Model Card, 2025
		c.rope.halves, c.gating = true, gateChosenSoftmax
	case "glm4moe": // GLM-4.5, 2025
		c.rope.halves, c.gating = true, gateSigmoid
	default:
		return fmt.Errorf("architecture %q is unknown", c.arch)
	}
	c.gating = gating(k.sizeOr("expert_gating_func", int(c.gating)))
	if c.gating < gateSoftmax || c.gating > gateChosenSoftmax {
		return fmt.Errorf("found gating function %d, want 1 to 3", c.gating)
	}
	c.normWeights = k.boolOr("expert_weights_norm", c.normWeights)
	c.weightScale = k.floatOr("expert_weights_scale", 1)
	return nil
}
