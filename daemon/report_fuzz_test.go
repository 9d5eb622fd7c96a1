package daemon

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"moed/moe/ggml"
	"moed/moe/gguf"
)

// FuzzReport: whatever header gguf accepts can be described, as valid JSON, with
// no size below zero.
func FuzzReport(f *testing.F) {
	for _, arch := range []string{"qwen3moe", "deepseek2", "gpt-oss", "wonder"} {
		w := gguf.NewWriter()
		for key, v := range map[string]any{
			"general.architecture": arch, arch + ".block_count": uint32(2), arch + ".expert_count": uint32(4),
			arch + ".expert_used_count": uint32(2), arch + ".nextn_predict_layers": uint32(1),
			"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": []string{"a", "b", "ab"},
			"tokenizer.ggml.merges": []string{"a b"}, "tokenizer.chat_template": "{{ messages }}",
		} {
			if err := w.Set(key, v); err != nil {
				f.Fatal(err)
			}
		}
		for _, name := range []string{"token_embd.weight", "blk.0.ffn_up_exps.weight", "blk.1.ffn_gate.3.weight", "blk.x.attn_q.bias"} {
			if err := w.AddBytes(name, ggml.Q8_0, []int{32, 4}, make([]byte, 4*34)); err != nil {
				f.Fatal(err)
			}
		}
		var b bytes.Buffer
		if _, err := w.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		head, err := gguf.Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		began := time.Now()
		r := report(head)
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
		if r.Sizes.Dense < 0 || r.Sizes.Experts < 0 || r.Sizes.TokenExperts < 0 || r.Parameters < 0 {
			t.Errorf("sizes %+v, %d parameters", r.Sizes, r.Parameters)
		}
	})
}
