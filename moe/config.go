package moe

import (
	"errors"
	"fmt"
	"math"

	"moed/moe/gguf"
)

// Config is a model's hyperparameters, as its file states them.
type Config struct {
	Architecture string
	Name         string

	Layers  int // transformer blocks that run; a NextN head is not counted
	Hidden  int
	Vocab   int // rows of the token embedding; 0 until the weights are bound
	Context int // positions the model was trained for

	Heads, KVHeads int
	KeyDim         int // per head
	ValueDim       int // per head
	RMSEpsilon     float32

	// MLA is multi-head latent attention (DeepSeek-V2). QRank is 0 where the
	// query is not compressed. Absorbed says that the file has the key and
	// value up-projections split per head, so that the cache can hold the
	// latent alone.
	MLA struct {
		On, Absorbed bool
		QRank        int
		KVRank       int
	}

	RopeDims    int
	RopeBase    float32
	RopeScaling string // "", "linear" or "yarn"
	RopeFactor  float32
	RopeOrigCtx int
	RopeAttn    float32 // factor on the rotated vectors
	YarnLogMul  float32

	Window int // sliding window of the windowed layers, 0 for none

	FF          int // width of a dense feed-forward layer
	LeadDense   int // first layers that are dense in a model with experts
	Experts     int // 0 in a dense model
	TopK        int
	ExpertFF    int
	SharedFF    int // width of the shared expert, 0 for none
	Groups      int // expert groups, 0 or 1 for none
	GroupsUsed  int
	Gating      Gating
	NormWeights bool // chosen weights are scaled to a sum of one
	WeightScale float32

	EmbeddingScale, ResidualScale, LogitScale, AttentionScale float32 // 0 where the model has none
}

// Gating is how router logits become the weights of the chosen experts.
type Gating uint8

// The numbers are those of the GGUF key expert_gating_func.
const (
	GatingSoftmax       Gating = 1 // softmax over all experts, then choose
	GatingSigmoid       Gating = 2 // sigmoid of each, then choose
	GatingSoftmaxChosen Gating = 3 // choose, then softmax over the chosen
)

// limits that no real model comes near; they keep hostile files from asking
// for absurd memory and products from overflowing.
const (
	maxLayers  = 1 << 10
	maxWidth   = 1 << 20
	maxHeads   = 1 << 12
	maxExperts = 1 << 14
)

// keys reads an architecture's hyperparameters and keeps the first error.
type keys struct {
	f    *gguf.File
	arch string
	err  error
}

func (k *keys) fail(err error) {
	if k.err == nil {
		k.err = err
	}
}

// count reads a whole number in [0, limit]; without a fallback it must be
// there. Some files give one number per layer: then all must agree.
func (k *keys) count(key string, limit int, fallback ...int) int {
	key = k.arch + "." + key
	n, err := k.f.Uint(key)
	if err != nil && !errors.Is(err, gguf.ErrNoKey) {
		if list, lerr := k.f.Uints(key); lerr == nil && len(list) > 0 {
			n, err = list[0], nil
			for layer, m := range list {
				if m != n {
					k.fail(fmt.Errorf("key %q: %d in layer 0 but %d in layer %d; layers that differ are not supported", key, n, m, layer))
				}
			}
		}
	}
	switch {
	case errors.Is(err, gguf.ErrNoKey) && len(fallback) > 0:
		return fallback[0]
	case err != nil:
		k.fail(err)
	case n > uint64(limit):
		k.fail(fmt.Errorf("key %q: %d is more than the %d that moed takes", key, n, limit))
	}
	return int(min(n, uint64(limit)))
}

func (k *keys) float(key string, fallback ...float32) float32 {
	key = k.arch + "." + key
	v, err := k.f.Float(key)
	switch {
	case errors.Is(err, gguf.ErrNoKey) && len(fallback) > 0:
		return fallback[0]
	case err != nil:
		k.fail(err)
	case math.IsNaN(v) || math.IsInf(v, 0):
		k.fail(fmt.Errorf("key %q: %v is not a finite number", key, v))
	}
	return float32(v)
}

func (k *keys) bool(key string, fallback bool) bool {
	v, err := k.f.Bool(k.arch + "." + key)
	if errors.Is(err, gguf.ErrNoKey) {
		return fallback
	}
	if err != nil {
		k.fail(err)
	}
	return v
}

func (k *keys) string(key, fallback string) string {
	v, err := k.f.String(k.arch + "." + key)
	if errors.Is(err, gguf.ErrNoKey) {
		return fallback
	}
	if err != nil {
		k.fail(err)
	}
	return v
}

// ReadConfig takes the hyperparameters from a file's metadata. It fails for an
// architecture that is not supported, a key that is missing or of the wrong
// type, and numbers that cannot be.
func ReadConfig(f *gguf.File) (*Config, error) {
	if n, err := f.Uint("split.count"); err == nil && n > 1 {
		return nil, fmt.Errorf("the model is split into %d files and this is one of them; merge them with llama-gguf-split --merge", n)
	}
	name, err := f.String("general.architecture")
	if err != nil {
		return nil, err
	}
	arch, err := architectureOf(name)
	if err != nil {
		return nil, err
	}
	k := &keys{f: f, arch: name}
	c := &Config{Architecture: name}
	c.Name, _ = f.String("general.name")
	c.readShape(k)
	c.readRope(k)
	c.readExperts(k, arch)
	if k.err == nil {
		k.err = c.check()
	}
	if k.err != nil {
		return nil, k.err
	}
	return c, nil
}

func (c *Config) readShape(k *keys) {
	c.Layers = k.count("block_count", maxLayers) - k.count("nextn_predict_layers", maxLayers, 0)
	c.Hidden = k.count("embedding_length", maxWidth)
	c.Context = k.count("context_length", math.MaxInt32)
	c.Heads = k.count("attention.head_count", maxHeads)
	c.KVHeads = k.count("attention.head_count_kv", maxHeads, c.Heads)
	head := c.Hidden / max(c.Heads, 1)
	c.KeyDim = k.count("attention.key_length", maxWidth, head)
	c.ValueDim = k.count("attention.value_length", maxWidth, head)
	c.RMSEpsilon = k.float("attention.layer_norm_rms_epsilon")
	c.Window = k.count("attention.sliding_window", math.MaxInt32, 0)
	c.EmbeddingScale = k.float("embedding_scale", 0)
	c.ResidualScale = k.float("residual_scale", 0)
	c.LogitScale = k.float("logit_scale", 0)
	c.AttentionScale = k.float("attention.scale", 0)
	c.MLA.KVRank = k.count("attention.kv_lora_rank", maxWidth, 0)
	if c.MLA.On = c.MLA.KVRank > 0; !c.MLA.On {
		return
	}
	c.MLA.QRank = k.count("attention.q_lora_rank", maxWidth, 0)
	// Files with absorbed projections state the cache's lengths as key_length
	// and value_length, and those of a head under names of their own.
	c.MLA.Absorbed = k.f.Has(k.arch + ".attention.key_length_mla")
	if c.MLA.Absorbed {
		c.KeyDim = k.count("attention.key_length_mla", maxWidth)
		c.ValueDim = k.count("attention.value_length_mla", maxWidth)
	}
	c.KVHeads = c.Heads
}

func (c *Config) readRope(k *keys) {
	c.RopeDims = k.count("rope.dimension_count", maxWidth, c.KeyDim)
	c.RopeBase = k.float("rope.freq_base", 10000)
	c.RopeScaling = k.string("rope.scaling.type", "")
	c.RopeFactor = k.float("rope.scaling.factor", 1)
	c.RopeOrigCtx = k.count("rope.scaling.original_context_length", math.MaxInt32, c.Context)
	c.RopeAttn = k.float("rope.scaling.attn_factor", 1)
	// Files carry 0.1 times the multiplier.
	c.YarnLogMul = k.float("rope.scaling.yarn_log_multiplier", 0) / 0.1
	switch c.RopeScaling {
	case "none":
		c.RopeScaling = ""
	case "", "linear", "yarn":
	default:
		k.fail(fmt.Errorf("key %q: scaling %q is not supported (none, linear and yarn are)", k.arch+".rope.scaling.type", c.RopeScaling))
	}
	if c.RopeFactor <= 0 {
		c.RopeFactor = 1
	}
}

func (c *Config) readExperts(k *keys, arch *architecture) {
	c.Experts = k.count("expert_count", maxExperts, 0)
	c.FF = k.count("feed_forward_length", maxWidth, 0)
	if c.Experts == 0 {
		c.LeadDense = c.Layers
		return
	}
	c.TopK = k.count("expert_used_count", maxExperts)
	c.LeadDense = k.count("leading_dense_block_count", maxLayers, 0)
	c.ExpertFF = k.count("expert_feed_forward_length", maxWidth, c.FF)
	c.SharedFF = k.count("expert_shared_feed_forward_length", maxWidth, c.ExpertFF*k.count("expert_shared_count", maxExperts, 0))
	c.Groups = k.count("expert_group_count", maxExperts, 0)
	c.GroupsUsed = k.count("expert_group_used_count", maxExperts, 0)
	c.WeightScale = k.float("expert_weights_scale", 0)
	c.NormWeights = k.bool("expert_weights_norm", arch.normWeights)
	c.Gating = Gating(k.count("expert_gating_func", 3, 0))
	if c.Gating == 0 {
		c.Gating = arch.gating
	}
}

// check rejects numbers that no forward pass could run with.
func (c *Config) check() error {
	bad := func(what string, found any, want string) error {
		return fmt.Errorf("%s model: %s is %v, want %s", c.Architecture, what, found, want)
	}
	switch {
	case c.Layers <= 0:
		return bad("number of layers", c.Layers, "1 or more")
	case c.Hidden <= 0:
		return bad("hidden size", c.Hidden, "1 or more")
	case c.Heads <= 0 || c.KVHeads <= 0 || c.Heads%c.KVHeads != 0:
		return bad("heads / KV heads", fmt.Sprintf("%d / %d", c.Heads, c.KVHeads), "a positive multiple")
	case c.KeyDim <= 0 || c.ValueDim <= 0:
		return bad("head size", fmt.Sprintf("%d / %d", c.KeyDim, c.ValueDim), "1 or more")
	case c.Heads*max(c.KeyDim, c.ValueDim) > 1<<24:
		return bad("heads × head size", fmt.Sprintf("%d × %d", c.Heads, max(c.KeyDim, c.ValueDim)), "less")
	case c.RopeDims <= 0 || c.RopeDims%2 != 0 || c.RopeDims > c.KeyDim:
		return bad("rotary dimensions", c.RopeDims, fmt.Sprintf("an even number up to %d", c.KeyDim))
	case c.RopeBase <= 0:
		return bad("rope base", c.RopeBase, "a positive number")
	case c.Context <= 0:
		return bad("context length", c.Context, "1 or more")
	case c.LeadDense > 0 && c.FF <= 0:
		return bad("feed-forward width", c.FF, "1 or more")
	case c.Experts == 0:
		return nil
	case c.TopK <= 0 || c.TopK > c.Experts:
		return bad("experts per token", c.TopK, fmt.Sprintf("1 to %d", c.Experts))
	case c.ExpertFF <= 0:
		return bad("expert width", c.ExpertFF, "1 or more")
	case c.Groups > 1 && (c.Experts%c.Groups != 0 || c.GroupsUsed <= 0 || c.GroupsUsed > c.Groups || c.Experts/c.Groups < 2 || c.Experts/c.Groups*c.GroupsUsed < c.TopK):
		return bad("expert groups", fmt.Sprintf("%d, %d used", c.Groups, c.GroupsUsed), fmt.Sprintf("a division of %d experts that leaves %d to choose from", c.Experts, c.TopK))
	}
	return nil
}
