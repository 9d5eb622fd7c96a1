package moetest

import (
	"strings"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// Sizes that all tiny models share. Whatever begins a row is a multiple of 32,
// so that it can be Q8_0.
const (
	headCount   = 4
	kvHeadCount = 2
	headDim     = 16
	expertFF    = 32
	denseFF     = 64

	// latent attention
	plainDim  = 32 // of a key, not rotated
	valueDim  = 16
	kvRank    = 32
	queryRank = 64

	expertGroups     = 4
	expertGroupsUsed = 2

	windowSize = 8
)

func (s *Spec) metadata(w *gguf.Writer, m *model) error {
	k := &setter{w: w}
	k.set("general.architecture", m.arch)
	k.set("general.name", "tiny "+m.name)
	switch s.Type {
	case ggml.F32:
		k.size("general.file_type", 0)
	case ggml.F16:
		k.size("general.file_type", 1)
	case ggml.Q8_0:
		k.size("general.file_type", 7)
	}
	p := m.arch + "."
	k.size(p+"context_length", 4096)
	k.size(p+"block_count", s.Layers)
	k.size(p+"embedding_length", s.Hidden)
	k.set(p+"attention.layer_norm_rms_epsilon", float32(1e-6))
	k.set(p+"rope.freq_base", float32(10000))
	if m.ropeDim > 0 {
		k.size(p+"rope.dimension_count", m.ropeDim)
	}
	m.attentionKeys(k, p)
	s.expertKeys(k, p, m)
	if m.scales {
		k.set(p+"embedding_scale", float32(3))
		k.set(p+"residual_scale", float32(0.5))
		k.set(p+"attention.scale", float32(0.2))
		k.set(p+"logit_scale", float32(2))
	}
	s.tokenizerKeys(k)
	return k.err
}

func (m *model) attentionKeys(k *setter, p string) {
	k.size(p+"attention.head_count", headCount)
	switch {
	case m.latent && m.split: // one shared head of compressed keys and values
		k.size(p+"attention.head_count_kv", 1)
		k.size(p+"attention.key_length", kvRank+m.ropeDim)
		k.size(p+"attention.value_length", kvRank)
		k.size(p+"attention.key_length_mla", plainDim+m.ropeDim)
		k.size(p+"attention.value_length_mla", valueDim)
	case m.latent:
		k.size(p+"attention.head_count_kv", headCount)
		k.size(p+"attention.key_length", plainDim+m.ropeDim)
		k.size(p+"attention.value_length", valueDim)
	default:
		k.size(p+"attention.head_count_kv", m.kvHeads())
		k.size(p+"attention.key_length", headDim)
		k.size(p+"attention.value_length", headDim)
	}
	if m.latent {
		k.size(p+"attention.kv_lora_rank", kvRank)
		if m.lowQuery {
			k.size(p+"attention.q_lora_rank", queryRank)
			k.set(p+"rope.scaling.yarn_log_multiplier", float32(0.1))
		} else {
			k.set(p+"rope.scaling.yarn_log_multiplier", float32(0.0707))
		}
	}
	if m.latent || m.oss {
		k.set(p+"rope.scaling.type", "yarn")
		k.set(p+"rope.scaling.factor", float32(40))
		k.size(p+"rope.scaling.original_context_length", 4096)
	}
	if m.oss {
		k.size(p+"attention.sliding_window", windowSize)
	}
}

// kvHeads is the number of key and value heads without latent attention.
func (m *model) kvHeads() int {
	if m.queryNorm == wideNorm {
		return headCount
	}
	return kvHeadCount
}

func (s *Spec) expertKeys(k *setter, p string, m *model) {
	if m.dense {
		k.size(p+"feed_forward_length", denseFF)
		return
	}
	k.size(p+"expert_count", s.Experts)
	k.size(p+"expert_used_count", s.TopK)
	if m.leadingDense > 0 {
		k.size(p+"feed_forward_length", denseFF)
		k.size(p+"leading_dense_block_count", m.leadingDense)
	} else {
		k.size(p+"feed_forward_length", expertFF)
	}
	if m.expertWidth {
		k.size(p+"expert_feed_forward_length", expertFF)
	}
	if m.sharedGate {
		k.size(p+"expert_shared_feed_forward_length", m.sharedWidth())
	} else if m.shared > 0 {
		k.size(p+"expert_shared_count", m.shared)
	}
	if m.gating != 0 {
		k.set(p+"expert_gating_func", uint32(m.gating))
		k.set(p+"expert_weights_norm", m.normWeights)
		k.set(p+"expert_weights_scale", m.weightScale)
	}
	if m.groups {
		k.size(p+"expert_group_count", expertGroups)
		k.size(p+"expert_group_used_count", expertGroupsUsed)
	}
	if m.further > 0 {
		k.size(p+"nextn_predict_layers", m.further)
	}
}

// sharedWidth is the width of the shared experts together. One with a gate has a
// key for it and is wider than the routed ones.
func (m *model) sharedWidth() int {
	if m.sharedGate {
		return 2 * expertFF
	}
	return m.shared * expertFF
}

// merges of the tiny vocabulary, in order; Ġ is a space.
func merges() []string {
	return []string{
		"h e", "t he", "Ġ the", "i n", "o n", "a n", "Ġ a", "e r", "r e", "Ġ w", "l l", "l o", "o r", "e n", "n d",
		"i s", "i t", "Ġ s", "Ġ t", "o u", "in g", "an d", "Ġ and", "he ll", "hell o", "Ġw or", "l d", "Ġwor ld",
		"Ġt o", "Ġ o", "Ġo f", "a t", "e d", "Ġ b", "Ġ in", "y ou", "Ġ you", "Ġ is", "a s", "Ġ it",
	}
}

// Special tokens, the last of the vocabulary.
const (
	beginToken = "<|begin|>"
	endToken   = "<|end|>"
	padToken   = "<|pad|>"
	turnToken  = "<|turn|>" // ends a chat turn
)

func (s *Spec) tokenizerKeys(k *setter) {
	tokens := byteTokens()
	for _, pair := range merges() {
		tokens = append(tokens, strings.ReplaceAll(pair, " ", ""))
	}
	begin := len(tokens)
	tokens = append(tokens, beginToken, endToken, padToken, turnToken)
	types := make([]int32, len(tokens))
	for i := range types {
		types[i] = tokenNormal
		if i >= begin {
			types[i] = tokenControl
		}
	}
	k.set("tokenizer.ggml.model", "gpt2")
	k.set("tokenizer.ggml.pre", "gpt-2")
	k.set("tokenizer.ggml.tokens", tokens)
	k.set("tokenizer.ggml.token_type", types)
	k.set("tokenizer.ggml.merges", merges())
	k.size("tokenizer.ggml.bos_token_id", begin)
	k.size("tokenizer.ggml.eos_token_id", begin+1)
	k.size("tokenizer.ggml.padding_token_id", begin+2)
	k.size("tokenizer.ggml.eot_token_id", begin+3)
	k.set("tokenizer.ggml.add_bos_token", false)
	if s.Template != "" {
		k.set("tokenizer.chat_template", s.Template)
	}
}

// vocabSize is the number of tokens.
func vocabSize() int { return 256 + len(merges()) + 4 }
