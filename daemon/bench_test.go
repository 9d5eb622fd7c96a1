package daemon_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"moed/daemon"
)

// vectors is what the reference engine made of a golden file.
type vectors struct {
	PromptIDs []int32 `json:"prompt_ids"`
	GreedyIDs []int32 `json:"greedy_ids"`
	Positions []struct {
		Top8 [][2]float64 `json:"top8"`
	} `json:"positions"`
}

func readVectors(t *testing.T, name string) (v vectors) {
	t.Helper()
	b, err := os.ReadFile(golden(name + ".json"))
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestBenchTeacher walks the reference's path and compares the logits at each
// position.
func TestBenchTeacher(t *testing.T) {
	want := readVectors(t, "qwen3moe-small-F32")
	got, err := daemon.Bench(context.Background(), daemon.BenchOptions{
		Config:    daemon.Config{Model: golden("qwen3moe-small-F32.gguf"), KV: "f32"},
		PromptIDs: want.PromptIDs, TeacherIDs: want.GreedyIDs, TopLogits: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.IDs, want.GreedyIDs) {
		t.Errorf("chose %v, want %v", got.IDs, want.GreedyIDs)
	}
	if len(got.Logits) != len(want.GreedyIDs)+1 {
		t.Fatalf("logits of %d positions, want one more than %d", len(got.Logits), len(want.GreedyIDs))
	}
	for i, top := range got.Logits {
		ref := want.Positions[len(want.PromptIDs)-1+i].Top8[0]
		if len(top) != 1 || float64(top[0].ID) != ref[0] || math.Abs(float64(top[0].Logit)-ref[1]) > 1e-2 {
			t.Errorf("position %d: largest %v, want %v", i, top, ref)
		}
	}
}

func TestBenchTeacherIsHeard(t *testing.T) {
	o := daemon.BenchOptions{PromptIDs: []int32{2047, 399}, TeacherIDs: []int32{402, 258, 377}}
	got, err := daemon.Bench(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.PromptIDs, o.TeacherIDs, o.Tokens = []int32{2047, 399, 402, 258}, nil, 1
	one, err := daemon.Bench(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got.Tokens != 3 || got.IDs[2] != one.IDs[0] {
		t.Errorf("chose %v; after the first two of the teacher's it would be %v", got.IDs, one.IDs)
	}
}

func TestBenchResult(t *testing.T) {
	got, err := daemon.Bench(context.Background(), daemon.BenchOptions{Tokens: 24})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(got.Text))
	switch {
	case !strings.HasPrefix(story, got.Text) || len(got.Text) < 60:
		t.Errorf("text %q", got.Text)
	case got.SHA256 != hex.EncodeToString(sum[:]):
		t.Errorf("hash %s is not the text's", got.SHA256)
	case got.PromptTokens != 5 || got.Tokens != 24 || len(got.IDs) != 24:
		t.Errorf("%d prompt tokens, %d tokens, %d ids", got.PromptTokens, got.Tokens, len(got.IDs))
	case !(got.Load > 0 && got.FirstToken > 0 && got.PrefillRate > 0 && got.DecodeRate > 0):
		t.Errorf("a time or rate is not positive: %+v", got)
	case !(got.DecodeP50 > 0 && got.DecodeP50 <= got.DecodeP99):
		t.Errorf("quantiles %v, %v", got.DecodeP50, got.DecodeP99)
	case got.PeakRSS < 1<<20:
		t.Errorf("peak of %d bytes", got.PeakRSS)
	case got.Logits != nil:
		t.Error("logits were not asked for")
	}
}

// TestBenchKeys pins the names that scripts rely on.
func TestBenchKeys(t *testing.T) {
	b, err := json.Marshal(daemon.BenchResult{Logits: [][]daemon.LogitPair{{{ID: 3, Logit: 1.5}, {ID: 4, Logit: float32(math.Inf(-1))}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"load_s", "ttft_s", "prefill_tok_s", "decode_tok_s", "decode_p50_ms", "decode_p99_ms",
		"peak_rss_bytes", "ids", "text", "text_sha256", "logits"} {
		if !strings.Contains(string(b), `"`+key+`":`) {
			t.Errorf("no key %s in %s", key, b)
		}
	}
	if !strings.Contains(string(b), `"logits":[[[3,1.5],[4,null]]]`) {
		t.Errorf("logits are not pairs in %s", b)
	}
}

func TestBenchPromptTokens(t *testing.T) {
	for _, n := range []int{1, 7, 300} {
		got, err := daemon.Bench(context.Background(), daemon.BenchOptions{PromptTokens: n, Tokens: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got.PromptTokens != n {
			t.Errorf("asked for %d prompt tokens, got %d", n, got.PromptTokens)
		}
	}
}

func TestBenchErrors(t *testing.T) {
	tests := map[string]daemon.BenchOptions{
		"more than one form": {Prompt: "x", PromptIDs: []int32{1}},
		"negative":           {Tokens: -1},
		"only 1 teacher ids": {TeacherIDs: []int32{1}, Tokens: 2},
		"do not fit":         {Tokens: 600},
		"2048":               {PromptIDs: []int32{2048}},
		"token 9999":         {TeacherIDs: []int32{9999, 1}},
		"at most 512":        {PromptTokens: 5000},
	}
	for want, o := range tests {
		if _, err := daemon.Bench(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want …%s…", o, err, want)
		}
	}
}
