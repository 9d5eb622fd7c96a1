package moetest

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"moed/moe/ggml"
)

// tokensOf is a prompt of n tokens that repeats none of its neighbours.
func tokensOf(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32((i*37 + 11) % vocabSize())
	}
	return out
}

func logitsOf(t *testing.T, s Spec, tokens []int32) ([][]float64, [][][]int) {
	t.Helper()
	f, err := s.Image()
	if err != nil {
		t.Fatal(err)
	}
	r, err := Reference(f)
	if err != nil {
		t.Fatal(err)
	}
	logits, chosen, err := r.Logits(tokens)
	if err != nil {
		t.Fatal(err)
	}
	return logits, chosen
}

// relative is the median over positions of ||a-b|| / ||b||. The median, since
// rounding may turn a choice between two near experts at some.
func relative(a, b [][]float64) float64 {
	var all []float64
	for i := range a {
		d := added(a[i], scaled(b[i], -1))
		all = append(all, math.Sqrt(dot(d, d)/dot(b[i], b[i])))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func TestTinyModels(t *testing.T) {
	tokens := tokensOf(20)
	for _, name := range Models() {
		t.Run(name, func(t *testing.T) {
			exact, chosen := logitsOf(t, Spec{Model: name}, tokens)
			for i, l := range exact {
				std := math.Sqrt(dot(l, l) / float64(len(l)))
				if len(l) != vocabSize() || !(std > 0.1 && std < 10) {
					t.Fatalf("position %d: got %d logits of deviation %.3g", i, len(l), std)
				}
			}
			checkChosen(t, chosen, slices.Contains([]string{"qwen2", "qwen3", "llama-dense"}, name))

			f16, _ := logitsOf(t, Spec{Model: name, Type: ggml.F16}, tokens)
			q8, _ := logitsOf(t, Spec{Model: name, Type: ggml.Q8_0}, tokens)
			tied, _ := logitsOf(t, Spec{Model: name, Tied: true}, tokens)
			seeded, _ := logitsOf(t, Spec{Model: name, Seed: 1}, tokens)
			d16, d8 := relative(f16, exact), relative(q8, exact)
			t.Logf("distance of F16 %.2g, Q8_0 %.2g", d16, d8)
			if d16 == 0 || d16 > 0.005 || d8 <= d16 || d8 > 0.1 {
				t.Errorf("got distance of F16 %.2g, of Q8_0 %.2g", d16, d8)
			}
			for what, other := range map[string][][]float64{"tied": tied, "seeded": seeded} {
				if d := relative(other, exact); d < 0.5 {
					t.Errorf("%s: got distance %.2g, want another model", what, d)
				}
			}
		})
	}
}

// checkChosen checks that routing varies and that no expert is chosen twice.
func checkChosen(t *testing.T, chosen [][][]int, dense bool) {
	t.Helper()
	seen := map[int]bool{}
	for l, layer := range chosen {
		for i, experts := range layer {
			if len(experts) == 0 && (dense || l == 0) {
				continue
			}
			if len(experts) != 2 || experts[0] == experts[1] {
				t.Fatalf("layer %d: position %d: got experts %v", l, i, experts)
			}
			seen[experts[0]], seen[experts[1]] = true, true
		}
	}
	if !dense && len(seen) < 6 {
		t.Errorf("got %d experts in use, want 6 or more of 8", len(seen))
	}
}

func TestTinyModelIsRepeatable(t *testing.T) {
	w, err := Spec{Model: "glm4moe"}.Writer()
	if err != nil {
		t.Fatal(err)
	}
	var a, b bytes.Buffer
	for _, out := range []*bytes.Buffer{&a, &b} {
		if _, err := w.WriteTo(out); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Spec{Model: "glm4moe"}.bytes()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) || !bytes.Equal(a.Bytes(), c) {
		t.Error("got different files from one description")
	}
}

// Tiny models must have the structure of the golden files: the same keys, and
// the same tensors with the same number of dimensions.
func TestTinyStructure(t *testing.T) {
	for model, file := range map[string]string{
		"qwen3moe": "qwen3moe-small-F32", "olmoe": "olmoe-F16", "llama": "llama-moe-F16", "qwen2moe": "qwen2moe-F16",
		"deepseek2-v3": "deepseek2-v3-F16", "deepseek2-lite": "deepseek2-lite-Q4_K_M", "gpt-oss": "gpt-oss-F16",
		"glm4moe": "glm4moe-F16", "granitemoe": "granitemoe-F16",
	} {
		_, want := readGolden(t, goldenDir+"/"+file+".json")
		layers, err := want.Uint(mustString(t, want.String, "general.architecture") + ".block_count")
		if err != nil {
			t.Fatal(err)
		}
		s := Spec{Model: model, Layers: int(layers)}
		got, err := s.Image()
		if err != nil {
			t.Fatal(err)
		}
		keys := func(all []string) []string {
			all = slices.DeleteFunc(all, func(k string) bool {
				return k == "general.alignment" || k == "general.quantization_version"
			})
			slices.Sort(all)
			return all
		}
		if g, w := keys(got.Keys()), keys(want.Keys()); !slices.Equal(g, w) {
			t.Errorf("%s: got keys %v, want %v", model, g, w)
		}
		if model == "deepseek2-lite" { // has more leading dense layers there
			continue
		}
		for i := range want.Tensors {
			w := &want.Tensors[i]
			if g, ok := got.Tensor(w.Name); !ok || len(g.Dims) != len(w.Dims) {
				t.Errorf("%s: tensor %s: got %v, want one like %v", model, w.Name, g, w)
			}
		}
		if len(got.Tensors) != len(want.Tensors) {
			t.Errorf("%s: got %d tensors, want %d", model, len(got.Tensors), len(want.Tensors))
		}
	}
}

func mustString(t *testing.T, get func(string) (string, error), key string) string {
	t.Helper()
	s, err := get(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSpecErrors(t *testing.T) {
	for _, c := range []struct {
		s    Spec
		want string
	}{
		{Spec{Model: "gpt2"}, `model "gpt2"`},
		{Spec{Model: "glm4moe", Layers: 1}, "1 layers, want 2"},
		{Spec{Hidden: 100}, "hidden size 100"},
		{Spec{TopK: 9}, "9 of 8 experts"},
		{Spec{Model: "deepseek2-v3", Experts: 6}, "6 experts for 4 groups"},
		{Spec{Type: ggml.Q4_K}, "type Q4_K"},
	} {
		_, err := c.s.Writer()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got error %v, want one that says %q", c.s, err, c.want)
		}
	}
}
