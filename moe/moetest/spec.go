package moetest

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// Spec describes a tiny model of random weights with every tensor and key that
// real files of its kind have. Matrices have unit gain and embeddings unit
// variance, so that attention, routing and experts all move the logits.
//
// Weights depend on Seed, the tensor's name and its dimensions only: a model is
// the same, up to rounding, in every Type, and tied or not.
type Spec struct {
	Model   string    // one of Models; qwen3moe if empty
	Layers  int       // all of them, with NextN layers; 2 to 4 by model if zero
	Hidden  int       // width, a multiple of 64; 64 if zero
	Experts int       // 8 if zero
	TopK    int       // 2 if zero
	Type    ggml.Type // of matrices: F32, F16 or Q8_0
	Tied    bool      // no output.weight: the embedding is used for it
	Seed    uint64
	// Template is the chat template, a key that is left out if empty.
	Template string
}

// model is what sets one kind of tiny model apart.
type model struct {
	name, arch   string
	layers       int // standard
	leadingDense int // layers without experts; all in a dense model
	dense        bool
	further      int // NextN layers, the last
	queryNorm    norm
	bias         bool // of query, key and value
	ropeDim      int  // 0 if the key is left out: a whole head
	shared       int  // shared experts
	sharedGate   bool
	latent       bool // with latent attention:
	lowQuery     bool // the query is compressed too
	split        bool // keys and values expand by two matrices
	groups       bool // of experts
	oss          bool // sinks, biases everywhere, windows
	scales       bool // of embedding, residuals, attention and logits
	expertWidth  bool // experts' width has a key of its own
	gating       gating
	normWeights  bool
	weightScale  float32
	selectBias   bool
}

// norm is what a norm of queries and keys spans.
type norm int

const (
	noNorm norm = iota
	headNorm
	wideNorm // all heads at once
)

func models() []model {
	return []model{
		{name: "qwen3moe", arch: "qwen3moe", layers: 2, queryNorm: headNorm, expertWidth: true},
		{name: "olmoe", arch: "olmoe", layers: 2, queryNorm: wideNorm},
		{name: "llama", arch: "llama", layers: 2, ropeDim: headDim},
		{name: "qwen2moe", arch: "qwen2moe", layers: 2, bias: true, shared: 1, sharedGate: true, expertWidth: true},
		{name: "deepseek2-lite", arch: "deepseek2", layers: 3, leadingDense: 1, ropeDim: 16, latent: true,
			shared: 2, expertWidth: true, gating: gateSoftmax, weightScale: 1.5},
		{name: "deepseek2-v3", arch: "deepseek2", layers: 3, leadingDense: 1, ropeDim: 16, latent: true,
			lowQuery: true, split: true, groups: true, shared: 1, expertWidth: true,
			gating: gateSigmoid, normWeights: true, weightScale: 2.5, selectBias: true},
		{name: "gpt-oss", arch: "gpt-oss", layers: 4, bias: true, oss: true, expertWidth: true},
		{name: "glm4moe", arch: "glm4moe", layers: 4, leadingDense: 1, further: 1, bias: true, ropeDim: headDim / 2,
			shared: 1, expertWidth: true, gating: gateSigmoid, normWeights: true, weightScale: 1.3, selectBias: true},
		{name: "granitemoe", arch: "granitemoe", layers: 2, ropeDim: headDim, scales: true},
		{name: "qwen3", arch: "qwen3", layers: 2, dense: true, queryNorm: headNorm},
		{name: "qwen2", arch: "qwen2", layers: 2, dense: true, bias: true},
		{name: "llama-dense", arch: "llama", layers: 2, dense: true, ropeDim: headDim},
	}
}

// Models lists the models that a Spec can describe. Those of more than one form
// are "llama" (Mixtral) and "llama-dense", "deepseek2-lite" (one matrix expands
// keys and values, softmax) and "deepseek2-v3" (compressed queries, two matrices,
// sigmoid with selection bias, expert groups).
func Models() []string {
	var names []string
	for _, m := range models() {
		names = append(names, m.name)
	}
	return names
}

// Writer returns the file, ready for WriteTo, any number of times.
func (s Spec) Writer() (*gguf.Writer, error) {
	m, err := s.complete()
	if err != nil {
		return nil, fmt.Errorf("tiny model: %w", err)
	}
	w := gguf.NewWriter()
	if err := s.metadata(w, m); err != nil {
		return nil, fmt.Errorf("tiny model: %w", err)
	}
	if err := s.tensors(w, m); err != nil {
		return nil, fmt.Errorf("tiny model: %w", err)
	}
	return w, nil
}

// Write writes the file of s to path.
func Write(path string, s Spec) error {
	b, err := s.bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o666)
}

// Image is the file of s in memory.
func (s Spec) Image() (*gguf.Image, error) {
	b, err := s.bytes()
	if err != nil {
		return nil, err
	}
	return gguf.FromBytes(b)
}

func (s Spec) bytes() ([]byte, error) {
	w, err := s.Writer()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = w.WriteTo(&b)
	return b.Bytes(), err
}

// complete fills in what is zero and checks the rest.
func (s *Spec) complete() (*model, error) {
	if s.Model == "" {
		s.Model = "qwen3moe"
	}
	all := models()
	var m *model
	for i := range all {
		if all[i].name == s.Model {
			m = &all[i]
		}
	}
	if m == nil {
		return nil, fmt.Errorf("found model %q, want %s", s.Model, strings.Join(Models(), ", "))
	}
	for _, d := range []struct {
		n        *int
		standard int
	}{{&s.Layers, m.layers}, {&s.Hidden, 64}, {&s.Experts, 8}, {&s.TopK, 2}} {
		if *d.n == 0 {
			*d.n = d.standard
		}
	}
	if m.dense {
		s.Experts, s.TopK, m.leadingDense = 0, 0, s.Layers
	}
	switch {
	case s.Layers <= m.further || s.Layers > 1024:
		return nil, fmt.Errorf("found %d layers, want %d to 1024", s.Layers, m.further+1)
	case s.Hidden <= 0 || s.Hidden%64 != 0 || s.Hidden > 1<<16:
		return nil, fmt.Errorf("found hidden size %d, want a multiple of 64", s.Hidden)
	case s.TopK > s.Experts || !m.dense && s.TopK <= 0:
		return nil, fmt.Errorf("found %d of %d experts used", s.TopK, s.Experts)
	case m.groups && s.Experts%expertGroups != 0:
		return nil, fmt.Errorf("found %d experts for %d groups", s.Experts, expertGroups)
	case s.Type != ggml.F32 && s.Type != ggml.F16 && s.Type != ggml.Q8_0:
		return nil, fmt.Errorf("found type %v, want F32, F16 or Q8_0", s.Type)
	}
	return m, nil
}
