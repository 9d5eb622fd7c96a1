package moetest

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// Routed makes a GGUF whose routing replays a trace in any engine that runs
// qwen3moe. The shapes are a real model's and expert bytes are random. The
// embedding of token t is the unit vector of dimension t, column t of each
// router holds the recorded weights, and the output head maps t to t+1, so that
// greedy decoding from the first token walks the recorded positions and every
// layer picks the recorded experts. Attention and experts are scaled to almost
// nothing and never push the walk off its track: the text <1><2><3>... is proof
// that the engine ran the model right. Bytes and arithmetic are real.
//
// A field that is zero takes the value of Qwen3-30B-A3B, except where noted.
type Routed struct {
	Hidden   int // width of the model; 2048
	ExpertFF int // width of an expert; 768
	Heads    int // 32
	KVHeads  int // 4
	HeadDim  int // 128
	Vocab    int // tokens; 2048, which is small
	Layers   int // as many as the trace has, or fewer
	Context  int // 4096

	Experts ggml.Type // of expert tensors: Q4_K, Q8_0, Q4_0 or Q6_K; Q4_K
	Dense   ggml.Type // of attention, the same choice; Q8_0
}

// routedSeed starts the generator of everything random in a routed file.
const routedSeed = 7

// router is the type of routers and norms.
const router = ggml.F32

// Writer returns the file, ready for WriteTo, which may be called once. The data
// is made as it is written; only one router at a time is held.
func (r Routed) Writer(t *Trace) (*gguf.Writer, error) {
	if err := r.complete(t); err != nil {
		return nil, fmt.Errorf("routed model: %w", err)
	}
	w := gguf.NewWriter()
	if err := r.metadata(w, t); err != nil {
		return nil, err
	}
	pcg := NewPCG(routedSeed)
	g := &routedData{Routed: r, trace: t, pcg: pcg, normal: NewNormal(pcg)}
	return w, g.tensors(w)
}

// complete fills in what is zero and checks the whole.
func (r *Routed) complete(t *Trace) error {
	for _, d := range []struct {
		name     string
		n        *int
		standard int
	}{
		{"hidden size", &r.Hidden, 2048}, {"expert width", &r.ExpertFF, 768}, {"heads", &r.Heads, 32},
		{"kv heads", &r.KVHeads, 4}, {"head size", &r.HeadDim, 128}, {"vocabulary", &r.Vocab, 2048},
		{"layers", &r.Layers, t.Layers}, {"context", &r.Context, 4096},
	} {
		if *d.n == 0 {
			*d.n = d.standard
		}
		if *d.n < 0 || *d.n > 1<<24 {
			return fmt.Errorf("found %s %d, want 1 to %d", d.name, *d.n, 1<<24)
		}
	}
	r.Layers = min(r.Layers, t.Layers)
	if least := len(t.Positions) + 258; r.Vocab < least || r.Vocab > r.Hidden {
		return fmt.Errorf("found vocabulary %d, want %d (positions and bytes) to %d (hidden size)", r.Vocab, least, r.Hidden)
	}
	if r.Experts == ggml.F32 {
		r.Experts = ggml.Q4_K
	}
	if r.Dense == ggml.F32 {
		r.Dense = ggml.Q8_0
	}
	for _, typ := range []ggml.Type{r.Experts, r.Dense} {
		if _, err := noiseOf(typ, 0); err != nil {
			return err
		}
	}
	return nil
}

func (r *Routed) metadata(w *gguf.Writer, t *Trace) error {
	const arch = "qwen3moe"
	s := &setter{w: w}
	s.set("general.architecture", arch)
	s.set("general.name", "routed "+t.Model)
	s.set("general.file_type", uint32(15))
	s.size(arch+".block_count", r.Layers)
	s.size(arch+".context_length", r.Context)
	s.size(arch+".embedding_length", r.Hidden)
	s.size(arch+".feed_forward_length", r.ExpertFF)
	s.size(arch+".attention.head_count", r.Heads)
	s.size(arch+".attention.head_count_kv", r.KVHeads)
	s.size(arch+".attention.key_length", r.HeadDim)
	s.size(arch+".attention.value_length", r.HeadDim)
	s.size(arch+".expert_count", t.Experts)
	s.size(arch+".expert_used_count", t.TopK)
	s.size(arch+".expert_feed_forward_length", r.ExpertFF)
	s.set(arch+".attention.layer_norm_rms_epsilon", float32(1e-6))
	s.set(arch+".rope.freq_base", float32(1e6))
	tokens, types := r.vocabulary(len(t.Positions))
	s.set("tokenizer.ggml.model", "gpt2")
	s.set("tokenizer.ggml.pre", "gpt-2")
	s.set("tokenizer.ggml.tokens", tokens)
	s.set("tokenizer.ggml.token_type", types)
	s.size("tokenizer.ggml.eos_token_id", r.Vocab-1)
	s.size("tokenizer.ggml.bos_token_id", r.Vocab-1)
	s.set("tokenizer.ggml.add_bos_token", false)
	s.set("tokenizer.ggml.merges", []string{"a b"})
	return s.err
}

// vocabulary has a token <n> for each position, so that text shows the walk,
// the bytes, so that any text can be encoded, one merge, since engines ask for
// merges, and an end.
func (r *Routed) vocabulary(positions int) (tokens []string, types []int32) {
	for i := range positions {
		tokens, types = append(tokens, fmt.Sprintf("<%d>", i)), append(types, tokenUser)
	}
	tokens = append(tokens, byteTokens()...)
	tokens = append(tokens, "ab")
	for len(tokens) < r.Vocab-1 {
		tokens = append(tokens, fmt.Sprintf("<x%d>", len(tokens)))
	}
	for len(types) < len(tokens) {
		types = append(types, tokenNormal)
	}
	return append(tokens, "<|end|>"), append(types, tokenControl)
}

// routedData makes the tensors' bytes.
type routedData struct {
	Routed
	trace  *Trace
	pcg    *PCG
	normal *Normal
}

func (g *routedData) tensors(w *gguf.Writer) error {
	const quiet = 1e-6 // of outputs that must not move the hidden state
	a := &adder{w: w}
	d, heads, kv := g.Hidden, g.Heads*g.HeadDim, g.KVHeads*g.HeadDim
	a.add("token_embd.weight", ggml.Q8_0, []int{d, g.Vocab}, g.embedding)
	g.ones(a, "output_norm.weight", d)
	a.add("output.weight", ggml.Q8_0, []int{d, g.Vocab}, g.head)
	for l := range g.Layers {
		p := fmt.Sprintf("blk.%d.", l)
		g.ones(a, p+"attn_norm.weight", d)
		g.ones(a, p+"ffn_norm.weight", d)
		g.noise(a, p+"attn_q.weight", g.Dense, []int{d, heads}, 0.02)
		g.noise(a, p+"attn_k.weight", g.Dense, []int{d, kv}, 0.02)
		g.noise(a, p+"attn_v.weight", g.Dense, []int{d, kv}, 0.02)
		g.noise(a, p+"attn_output.weight", g.Dense, []int{heads, d}, quiet)
		g.ones(a, p+"attn_q_norm.weight", g.HeadDim)
		g.ones(a, p+"attn_k_norm.weight", g.HeadDim)
		a.add(p+"ffn_gate_inp.weight", router, []int{d, g.trace.Experts}, func(out io.Writer) error {
			_, err := out.Write(g.router(l))
			return err
		})
		g.noise(a, p+"ffn_gate_exps.weight", g.Experts, []int{d, g.ExpertFF, g.trace.Experts}, 0.02)
		g.noise(a, p+"ffn_up_exps.weight", g.Experts, []int{d, g.ExpertFF, g.trace.Experts}, 0.02)
		g.noise(a, p+"ffn_down_exps.weight", g.Experts, []int{g.ExpertFF, d, g.trace.Experts}, quiet)
	}
	return a.err
}

// embedding is the identity, cut to the vocabulary.
func (g *routedData) embedding(out io.Writer) error {
	row := make([]float32, g.Hidden)
	for t := range g.Vocab {
		row[t] = 1
		if _, err := out.Write(quantizeQ8(row)); err != nil {
			return err
		}
		row[t] = 0
	}
	return nil
}

// head maps a position to the next, the last and all other tokens to the first.
func (g *routedData) head(out io.Writer) error {
	n := len(g.trace.Positions)
	for t := range g.Vocab {
		row := make([]float32, g.Hidden)
		if t < n {
			row[(t+n-1)%n] = 1
		}
		if t == 0 {
			for i := n; i < len(row); i++ {
				row[i] = 0.5
			}
		}
		if _, err := out.Write(quantizeQ8(row)); err != nil {
			return err
		}
	}
	return nil
}

// router has the recorded weights' logarithms in the columns of positions, far
// less for experts that were not chosen, and noise in all other columns. A
// hidden state is √d times a unit vector after its norm.
func (g *routedData) router(layer int) []byte {
	n, s := len(g.trace.Positions), math.Sqrt(float64(g.Hidden))
	w := make([]float32, g.trace.Experts*g.Hidden)
	for e := range g.trace.Experts {
		for t := range n {
			w[e*g.Hidden+t] = float32(-12 / s)
		}
		for i := n; i < g.Hidden; i++ {
			w[e*g.Hidden+i] = float32(g.normal.Next() * 2 / s)
		}
	}
	for t, layers := range g.trace.Positions {
		for _, p := range layers[layer] {
			w[p.Expert*g.Hidden+t] = float32(math.Log(max(p.Weight, 1e-4)) / s)
		}
	}
	return encodeF32(w)
}

func (g *routedData) ones(a *adder, name string, n int) {
	a.add(name, router, []int{n}, func(out io.Writer) error {
		w := make([]float32, n)
		for i := range w {
			w[i] = 1
		}
		_, err := out.Write(encodeF32(w))
		return err
	})
}

// noise is random blocks with fixed scales. An expert, or a whole matrix, is one
// draw of the generator.
func (g *routedData) noise(a *adder, name string, typ ggml.Type, dims []int, std float64) {
	a.add(name, typ, dims, func(out io.Writer) error {
		stamp, err := noiseOf(typ, std)
		if err != nil {
			return err
		}
		row, err := typ.RowBytes(dims[0])
		if err != nil {
			return err
		}
		draws := 1
		if len(dims) == 3 {
			draws = dims[2]
		}
		for range draws {
			if err := g.draw(out, row*dims[1], typ.BlockBytes(), stamp); err != nil {
				return err
			}
		}
		return nil
	})
}

// draw writes size random bytes, a whole number of blocks, each stamped.
func (g *routedData) draw(out io.Writer, size, block int, stamp func([]byte)) error {
	const blocks = 4096 // a multiple of 4 bytes at a time is as good as all at once
	buf := make([]byte, min(size, blocks*block))
	for size > 0 {
		b := buf[:min(size, len(buf))]
		g.pcg.Bytes(b)
		for at := 0; at < len(b); at += block {
			stamp(b[at : at+block])
		}
		if _, err := out.Write(b); err != nil {
			return err
		}
		size -= len(b)
	}
	return nil
}

// noiseOf says how to put scales into a random block of typ, so that values
// deviate by about std, or by the least that half precision holds.
func noiseOf(typ ggml.Type, std float64) (func(block []byte), error) {
	scale := func(perUnit float64) float64 { return max(std/perUnit, 6e-8) }
	switch typ {
	case ggml.Q8_0:
		d := half(scale(74))
		return func(b []byte) { binary.LittleEndian.PutUint16(b, d) }, nil
	case ggml.Q4_0:
		d := half(scale(4.6))
		return func(b []byte) { binary.LittleEndian.PutUint16(b, d) }, nil
	case ggml.Q4_K:
		d, least := half(scale(190)), half(scale(190)*7.5)
		return func(b []byte) {
			binary.LittleEndian.PutUint16(b, d)
			binary.LittleEndian.PutUint16(b[2:], least)
		}, nil
	case ggml.Q6_K:
		d := half(scale(370))
		return func(b []byte) {
			for i := range b[192:208] {
				b[192+i] = 20 // of the 16 sub-blocks
			}
			binary.LittleEndian.PutUint16(b[208:], d)
		}, nil
	}
	return nil, fmt.Errorf("no random blocks of %v, want Q4_K, Q8_0, Q4_0 or Q6_K", typ)
}
