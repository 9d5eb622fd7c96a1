package moetest

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"moed/moe/ggml"
)

// The digests are those of files written by an independent Python program over
// numpy 1.24.2, after which this package's was made.
func TestRoutedFile(t *testing.T) {
	tr := openTrace(t)
	for _, c := range []struct {
		name string
		r    Routed
		want string
	}{
		{"q4_k", Routed{Hidden: 512, ExpertFF: 256, Heads: 4, KVHeads: 2, HeadDim: 64, Vocab: 512, Layers: 1},
			"5d8a6e2cd90edfa40d6363aac51b1b3c3de32bf7863a5a93e4c837e76c01ae8a"},
		{"q8_0", Routed{Hidden: 512, ExpertFF: 32, Heads: 2, KVHeads: 1, HeadDim: 32, Vocab: 512, Layers: 2, Experts: ggml.Q8_0},
			"c7c37ac595d3960c1daf4e5c5d96af3ca216f2e797a49a626aacae3f1f8e3456"},
		{"q4_0", Routed{Hidden: 512, ExpertFF: 32, Heads: 2, KVHeads: 1, HeadDim: 32, Vocab: 512, Layers: 2, Experts: ggml.Q4_0},
			"0cd6e4deedd21b76035175a2b3305fcda2af0c594d05a9dfbcb9c5046b97c74b"},
		{"q6_k", Routed{Hidden: 512, ExpertFF: 256, Heads: 2, KVHeads: 1, HeadDim: 32, Vocab: 512, Layers: 1, Experts: ggml.Q6_K},
			"4f438db19c1a28950fd95c18b5f2419bbc3211a40cea74e70010b732beeb96f0"},
	} {
		w, err := c.r.Writer(tr)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		h := sha256.New()
		if _, err := w.WriteTo(h); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != c.want {
			t.Errorf("%s: got digest %s, want %s", c.name, got, c.want)
		}
	}
}

func TestRoutedErrors(t *testing.T) {
	tr := openTrace(t)
	for _, c := range []struct {
		name string
		r    Routed
		want string
	}{
		{"vocabulary small", Routed{Vocab: 413}, "vocabulary 413, want 414"},
		{"vocabulary large", Routed{Vocab: 1024, Hidden: 512}, "to 512"},
		{"negative", Routed{Heads: -1}, "heads -1"},
		{"type", Routed{Experts: ggml.IQ2_XS}, "IQ2_XS"},
		{"row", Routed{ExpertFF: 100}, "row of 100 values"},
	} {
		_, err := c.r.Writer(tr)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one that says %q", c.name, err, c.want)
		}
	}
}
