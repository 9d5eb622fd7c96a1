package moetest

import (
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"strings"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// tinyTensors adds the tensors of a Spec.
type tinyTensors struct {
	adder
	spec   *Spec
	model  *model
	normal *Normal
}

func (s *Spec) tensors(w *gguf.Writer, m *model) error {
	t := &tinyTensors{adder: adder{w: w}, spec: s, model: m, normal: NewNormal(NewPCG(s.Seed))}
	t.random("token_embd.weight", s.Type, 0, 1, s.Hidden, vocabSize())
	t.norm("output_norm.weight", s.Hidden)
	if !s.Tied {
		t.matrix("output.weight", s.Hidden, vocabSize())
	}
	for l := range s.Layers {
		p := fmt.Sprintf("blk.%d.", l)
		t.norm(p+"attn_norm.weight", s.Hidden)
		if m.arch == "gpt-oss" || m.arch == "glm4moe" {
			t.norm(p+"post_attention_norm.weight", s.Hidden)
		} else {
			t.norm(p+"ffn_norm.weight", s.Hidden)
		}
		if m.latent {
			t.latent(p)
		} else {
			t.attention(p)
		}
		if l < m.leadingDense {
			t.network(p, "", denseFF)
		} else {
			t.experts(p)
		}
		if l >= s.Layers-m.further {
			t.further(p)
		}
	}
	return t.err
}

func (t *tinyTensors) attention(p string) {
	d, m := t.spec.Hidden, t.model
	heads, kv := headCount*headDim, m.kvHeads()*headDim
	t.matrix(p+"attn_q.weight", d, heads)
	t.matrix(p+"attn_k.weight", d, kv)
	t.matrix(p+"attn_v.weight", d, kv)
	t.matrix(p+"attn_output.weight", heads, d)
	if m.bias {
		t.bias(p+"attn_q.bias", heads)
		t.bias(p+"attn_k.bias", kv)
		t.bias(p+"attn_v.bias", kv)
	}
	if m.oss {
		t.bias(p+"attn_output.bias", d)
		t.random(p+"attn_sinks.weight", ggml.F32, 0, 1, headCount)
	}
	switch m.queryNorm {
	case headNorm:
		t.norm(p+"attn_q_norm.weight", headDim)
		t.norm(p+"attn_k_norm.weight", headDim)
	case wideNorm:
		t.norm(p+"attn_q_norm.weight", heads)
		t.norm(p+"attn_k_norm.weight", kv)
	}
}

func (t *tinyTensors) latent(p string) {
	d, m := t.spec.Hidden, t.model
	queries := headCount * (plainDim + m.ropeDim)
	if m.lowQuery {
		t.matrix(p+"attn_q_a.weight", d, queryRank)
		t.norm(p+"attn_q_a_norm.weight", queryRank)
		t.matrix(p+"attn_q_b.weight", queryRank, queries)
	} else {
		t.matrix(p+"attn_q.weight", d, queries)
	}
	t.matrix(p+"attn_kv_a_mqa.weight", d, kvRank+m.ropeDim)
	t.norm(p+"attn_kv_a_norm.weight", kvRank)
	if m.split {
		t.matrix(p+"attn_k_b.weight", plainDim, kvRank, headCount)
		t.matrix(p+"attn_v_b.weight", kvRank, valueDim, headCount)
	} else {
		t.matrix(p+"attn_kv_b.weight", kvRank, headCount*(plainDim+valueDim))
	}
	t.matrix(p+"attn_output.weight", headCount*valueDim, d)
}

func (t *tinyTensors) network(p, suffix string, width int) {
	d := t.spec.Hidden
	t.matrix(p+"ffn_gate"+suffix+".weight", d, width)
	t.matrix(p+"ffn_up"+suffix+".weight", d, width)
	t.matrix(p+"ffn_down"+suffix+".weight", width, d)
}

func (t *tinyTensors) experts(p string) {
	d, n, m := t.spec.Hidden, t.spec.Experts, t.model
	t.random(p+"ffn_gate_inp.weight", ggml.F32, 0, 1.5/math.Sqrt(float64(d)), d, n)
	if m.selectBias {
		t.bias(p+"exp_probs_b.bias", n)
	}
	t.matrix(p+"ffn_gate_exps.weight", d, expertFF, n)
	t.matrix(p+"ffn_up_exps.weight", d, expertFF, n)
	t.matrix(p+"ffn_down_exps.weight", expertFF, d, n)
	if m.oss {
		t.bias(p+"ffn_gate_inp.bias", n)
		t.bias(p+"ffn_gate_exps.bias", expertFF, n)
		t.bias(p+"ffn_up_exps.bias", expertFF, n)
		t.bias(p+"ffn_down_exps.bias", d, n)
	}
	if m.shared > 0 {
		t.network(p, "_shexp", m.sharedWidth())
	}
	if m.sharedGate {
		t.random(p+"ffn_gate_inp_shexp.weight", ggml.F32, 0, 1/math.Sqrt(float64(d)), d)
	}
}

// further is what a NextN layer has beside a layer's own.
func (t *tinyTensors) further(p string) {
	d := t.spec.Hidden
	t.matrix(p+"nextn.eh_proj.weight", 2*d, d)
	t.norm(p+"nextn.enorm.weight", d)
	t.norm(p+"nextn.hnorm.weight", d)
	t.norm(p+"nextn.shared_head_norm.weight", d)
}

// matrix has about unit gain. Those of experts are stacks of matrices.
func (t *tinyTensors) matrix(name string, dims ...int) {
	gain := 1.0
	if strings.Contains(name, "ffn_down") {
		gain = 4 // SwiGLU shrinks what it is given
	}
	t.random(name, t.spec.Type, 0, gain/math.Sqrt(float64(dims[0])), dims...)
}

func (t *tinyTensors) norm(name string, n int) { t.random(name, ggml.F32, 1, 0.1, n) }

func (t *tinyTensors) bias(name string, dims ...int) { t.random(name, ggml.F32, 0, 0.2, dims...) }

// random adds a tensor of normally distributed values.
func (t *tinyTensors) random(name string, typ ggml.Type, mean, std float64, dims ...int) {
	n := 1
	for _, d := range dims {
		n *= d
	}
	t.add(name, typ, dims, func(out io.Writer) error {
		h := fnv.New64a()
		io.WriteString(h, name) // a hash does not fail
		t.normal.pcg = NewPCG(t.spec.Seed ^ h.Sum64())
		w := make([]float32, n)
		for i := range w {
			w[i] = float32(mean + float64(t.normal.Next()*std))
		}
		_, err := out.Write(encode(typ, w))
		return err
	})
}

// encode returns w as typ, one of F32, F16 and Q8_0.
func encode(typ ggml.Type, w []float32) []byte {
	switch typ {
	case ggml.F16:
		return encodeF16(w)
	case ggml.Q8_0:
		return quantizeQ8(w)
	}
	return encodeF32(w)
}
