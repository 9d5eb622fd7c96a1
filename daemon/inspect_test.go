package daemon_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moed/daemon"
	"moed/moe/ggml"
	"moed/moe/gguf"
	"moed/moe/stories"
)

func inspect(t *testing.T, path string) *daemon.Report {
	t.Helper()
	r, err := daemon.Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	var tensors int64
	for _, g := range r.Groups {
		tensors += g.Bytes
	}
	if tensors != r.Sizes.Dense+r.Sizes.Experts {
		t.Errorf("%s: the groups have %d bytes, dense and experts %d", path, tensors, r.Sizes.Dense+r.Sizes.Experts)
	}
	if r.Runs != (len(r.Unsupported) == 0) {
		t.Errorf("%s: runs is %v, but unsupported is %v", path, r.Runs, r.Unsupported)
	}
	return r
}

// TestInspectGolden: all files that the engine is held to are said to run, and
// the sizes are those worked out by hand from the shapes.
func TestInspectGolden(t *testing.T) {
	files, err := filepath.Glob(golden("*.gguf"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		r := inspect(t, file)
		if !r.Runs {
			t.Errorf("%s: does not run: %v", file, r.Unsupported)
		}
		if r.Experts != 8 || r.TopK != 2 || r.Hidden != 256 {
			t.Errorf("%s: %d experts, %d chosen, hidden %d", file, r.Experts, r.TopK, r.Hidden)
		}
	}
	r := inspect(t, golden("qwen3moe-Q8_0.gguf"))
	const expert = 3 * 256 * 256 / 32 * 34
	if r.Sizes.Expert != expert || r.Sizes.ExpertSmallest != expert || r.Sizes.Experts != 2*8*expert || r.Sizes.TokenExperts != 2*2*expert {
		t.Errorf("sizes %+v; one expert has %d bytes", r.Sizes, expert)
	}
	// Its fourth layer is a NextN head, which no token runs through.
	r = inspect(t, golden("glm4moe-Q8_0.gguf"))
	if r.Layers != 3 || r.Sizes.TokenExperts >= 4*2*r.Sizes.Expert {
		t.Errorf("glm4moe: %d layers, %d bytes a token with %d an expert", r.Layers, r.Sizes.TokenExperts, r.Sizes.Expert)
	}
}

func TestInspectStories(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stories.gguf")
	if err := os.WriteFile(path, stories.GGUF(), 0o600); err != nil {
		t.Fatal(err)
	}
	r := inspect(t, path)
	if r.Architecture != "qwen3moe" || r.Layers != 6 || r.Hidden != 128 || r.Experts != 16 || r.TopK != 2 || r.Context != 512 {
		t.Errorf("shape %+v", r)
	}
	if r.Tokenizer != (daemon.TokenizerReport{Model: "gpt2", Pre: "qwen2", Size: 2048}) {
		t.Errorf("tokenizer %+v", r.Tokenizer)
	}
	if r.Template.Present || r.Template.Parses || r.Licence != "mit" || r.Parameters < 5e6 {
		t.Errorf("template %+v, licence %q, %d parameters", r.Template, r.Licence, r.Parameters)
	}
	if r.Sizes.File != int64(len(stories.GGUF())) {
		t.Errorf("size %d", r.Sizes.File)
	}
}

// write makes a GGUF with keys and one tensor of type typ.
func write(t *testing.T, typ ggml.Type, keys map[string]any) string {
	t.Helper()
	w := gguf.NewWriter()
	for k, v := range keys {
		if err := w.Set(k, v); err != nil {
			t.Fatal(err)
		}
	}
	row, err := typ.RowBytes(256)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.AddBytes("blk.0.ffn_up_exps.weight", typ, []int{256, 1, 4}, make([]byte, 4*row)); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "made.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestInspectUnsupported: what moed does not run is described all the same, and
// every reason that can be seen is given.
func TestInspectUnsupported(t *testing.T) {
	r := inspect(t, write(t, ggml.IQ2_XXS, map[string]any{
		"general.architecture": "wonder", "general.name": "Wonder 1T",
		"wonder.context_length": uint32(1 << 20), "wonder.block_count": uint32(1),
		"wonder.expert_count": uint32(4), "wonder.expert_used_count": uint32(2),
		"wonder.attention.head_count":    []int32{8, 16},
		"wonder.attention.head_count_kv": "many",
		"tokenizer.chat_template":        "{{ no end",
	}))
	if r.Architecture != "wonder" || r.Name != "Wonder 1T" || r.Context != 1<<20 || r.Heads != 16 || r.TopK != 2 {
		t.Errorf("described as %+v", r)
	}
	if r.Sizes.Expert != 66 || r.Sizes.TokenExperts != 132 {
		t.Errorf("sizes %+v", r.Sizes)
	}
	if !r.Template.Present || r.Template.Parses {
		t.Errorf("template %+v", r.Template)
	}
	all := strings.Join(r.Unsupported, "\n")
	for _, want := range []string{`"wonder" is not supported; moed runs qwen3moe, `, "tokenizer", "1 tensors of type IQ2_XXS, for which there is no kernel"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in:\n%s", want, all)
		}
	}
}

// TestInspectOdd: metadata of the wrong type and nonsense numbers do no harm.
func TestInspectOdd(t *testing.T) {
	r := inspect(t, write(t, ggml.F16, map[string]any{
		"general.architecture": uint32(5), "tokenizer.ggml.tokens": uint32(5), "tokenizer.chat_template": []int32{1},
	}))
	if r.Runs || r.Architecture != "" {
		t.Errorf("got %+v", r)
	}
	r = inspect(t, write(t, ggml.F16, map[string]any{
		"general.architecture": "qwen3moe", "qwen3moe.expert_count": uint64(1 << 63), "qwen3moe.block_count": int32(-4),
		"qwen3moe.nextn_predict_layers": uint64(1 << 63), "qwen3moe.expert_used_count": uint64(1<<64 - 1),
	}))
	if r.Runs || r.Layers != 0 || r.Sizes.TokenExperts < 0 || r.Sizes.Expert != 0 {
		t.Errorf("got %+v", r)
	}
}

// TestInspectTruncated: wherever the file ends too early, the error says so.
func TestInspectTruncated(t *testing.T) {
	whole, err := os.ReadFile(golden("gpt-oss-Q4_K_M.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.gguf")
	for _, n := range []int{0, 1, 3, 4, 7, 8, 15, 23, 24, 31, 33, 100, 1000, 5000, 20000, 100000, len(whole) / 2, len(whole) - 4096} {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := daemon.Inspect(path); err == nil || !strings.Contains(err.Error(), "cut.gguf") {
			t.Errorf("cut to %d of %d bytes: %v", n, len(whole), err)
		}
		if e, err := daemon.Open(t.Context(), daemon.Config{Model: path}); err == nil {
			t.Errorf("cut to %d of %d bytes: it opens", n, len(whole))
			e.Close()
		}
	}
}
