package moetest

import (
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// with returns the file of s with one tensor changed: left out, or put in place
// of one of its name, or added.
func with(t *testing.T, s Spec, leave string, put *gguf.Tensor) *gguf.Image {
	t.Helper()
	from, err := s.Image()
	if err != nil {
		t.Fatal(err)
	}
	w := gguf.NewWriter()
	for _, key := range from.Keys() {
		v, _ := from.Value(key)
		if err := w.Set(key, v); err != nil {
			t.Fatal(err)
		}
	}
	a := &adder{w: w}
	for i := range from.Tensors {
		tensor := &from.Tensors[i]
		if tensor.Name == leave || put != nil && tensor.Name == put.Name {
			continue
		}
		a.err = w.AddBytes(tensor.Name, tensor.Type, tensor.Dims, from.Data(tensor))
	}
	if put != nil {
		a.add(put.Name, put.Type, put.Dims, func(out io.Writer) error {
			n, err := put.Type.RowBytes(put.Dims[0])
			if err == nil {
				_, err = out.Write(make([]byte, n*put.Elems()/put.Dims[0]))
			}
			return err
		})
	}
	if a.err != nil {
		t.Fatal(a.err)
	}
	var b strings.Builder
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	out, err := gguf.FromBytes([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReferenceErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave string
		put   *gguf.Tensor
		want  string
	}{
		{"missing", "blk.1.attn_k.weight", nil, "blk.1.attn_k.weight: not in the file"},
		{"missing expert", "blk.0.ffn_up_exps.weight", nil, "blk.0.ffn_up_exps.weight: not in the file"},
		{"unused", "", &gguf.Tensor{Name: "blk.0.attn_magic.weight", Type: ggml.F32, Dims: []int{4}}, "attn_magic.weight: no use"},
		{"dimensions", "", &gguf.Tensor{Name: "blk.0.attn_v.weight", Type: ggml.F32, Dims: []int{32, 64}}, "found dimensions [32 64], want [64 32]"},
		{"type", "", &gguf.Tensor{Name: "blk.0.attn_v.weight", Type: ggml.Q4_0, Dims: []int{64, 32}}, "found Q4_0"},
	} {
		_, err := Reference(with(t, Spec{}, c.leave, c.put))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", c.name, err, c.want)
		}
	}
}

func TestLogitsRefusesTokens(t *testing.T) {
	f, err := Spec{}.Image()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Reference(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []int32{-1, int32(vocabSize())} {
		if _, _, err := r.Logits([]int32{0, token}); err == nil || !strings.Contains(err.Error(), "position 1") {
			t.Errorf("token %d: got error %v", token, err)
		}
	}
}

// What comes later must not change what was.
func TestLogitsAreCausal(t *testing.T) {
	for _, name := range Models() {
		long, _ := logitsOf(t, Spec{Model: name}, tokensOf(12))
		short, _ := logitsOf(t, Spec{Model: name}, tokensOf(7))
		for i := range short {
			if !slices.Equal(long[i], short[i]) {
				t.Errorf("%s: position %d: logits depend on later tokens", name, i)
				break
			}
		}
	}
}

// A token is seen by itself and by the windowSize-1 after it.
func TestWindow(t *testing.T) {
	tokens := tokensOf(24)
	other := slices.Clone(tokens)
	other[0] = 200
	s := Spec{Model: "gpt-oss", Layers: 1} // a windowed layer
	a, _ := logitsOf(t, s, tokens)
	b, _ := logitsOf(t, s, other)
	for i := range tokens {
		if got, want := slices.Equal(a[i], b[i]), i >= windowSize; got != want {
			t.Errorf("position %d: the first token is out of sight %v, want %v", i, got, want)
		}
	}
}

func TestChooseByGroups(t *testing.T) {
	r := &Ref{refConfig: refConfig{experts: 8, topK: 3, groups: 4, groupsUsed: 2, gating: gateSigmoid, weightScale: 2, normWeights: true}}
	// Group 0 has the best expert, groups 1 and 3 the best pairs.
	logits := []float64{3, -9, 1.2, 1.1, -1, -2, 1.5, 1}
	e := &expertLayer{router: linear{matrix{1, 8, logits}, nil}}
	got := r.choose(e, []float64{1})
	if want := []int{6, 2, 3}; !slices.Equal(got.experts, want) {
		t.Errorf("got experts %v, want %v", got.experts, want)
	}
	sum := sigmoid(1.5) + sigmoid(1.2) + sigmoid(1.1)
	if want := 2 * sigmoid(1.5) / sum; math.Abs(got.weights[0]-want) > 1e-15 {
		t.Errorf("got weight %v, want %v", got.weights[0], want)
	}

	// A selection bias chooses and does not weigh.
	e.selectBias = []float64{0, 3, 0, 0, 0, 0, 0, 0}
	got = r.choose(e, []float64{1})
	if want := []int{1, 0, 6}; !slices.Equal(got.experts, want) {
		t.Errorf("with bias: got experts %v, want %v", got.experts, want)
	}
	sum = sigmoid(-9) + sigmoid(3) + sigmoid(1.5)
	if want := 2 * sigmoid(-9) / sum; math.Abs(got.weights[0]-want) > 1e-15 {
		t.Errorf("with bias: got weight %v, want %v", got.weights[0], want)
	}
}
