package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

const trace = "../traces/qwen3-30b-a3b.route.csv"

func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "routed.gguf")
	if err := run([]string{out, "--trace", trace, "--d", "448", "--ff", "32", "--vocab", "448",
		"--heads", "2", "--kv", "1", "--hd", "32", "--layers", "1", "--qt", "q8_0"}); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.Uint("qwen3moe.block_count"); n != 1 || err != nil {
		t.Errorf("got %d layers, %v, want 1", n, err)
	}
	if e, ok := f.Tensor("blk.0.ffn_gate_exps.weight"); !ok || e.Type != ggml.Q8_0 {
		t.Errorf("got expert tensor %v", e)
	}
}

func TestRunErrors(t *testing.T) {
	out := filepath.Join(t.TempDir(), "routed.gguf")
	for _, c := range []struct {
		args, want string
	}{
		{"", "0 arguments"},
		{"a b", "2 arguments"},
		{out, "--trace is missing"},
		{out + " --trace /nowhere", "no such file"},
		{out + " --qt q2_k --trace " + trace, `--qt: found type "q2_k"`},
		{"--qdense iq1_s " + out, "--qdense"},
		{out + " --d 100 --trace " + trace, "vocabulary"},
	} {
		err := run(strings.Fields(c.args))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got error %v, want one that says %q", c.args, err, c.want)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a failed run left its file")
	}
}
