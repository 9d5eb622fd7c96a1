package daemon

import "testing"

func TestGroupOf(t *testing.T) {
	tests := []struct {
		tensor, group string
		expert        bool
	}{
		{"token_embd.weight", "embedding", false},
		{"output.weight", "output", false},
		{"output_norm.weight", "norms", false},
		{"rope_freqs.weight", "other", false},
		{"blk.0.attn_norm.weight", "norms", false},
		{"blk.12.attn_q_norm.weight", "norms", false},
		{"blk.0.ffn_norm.weight", "norms", false},
		{"blk.0.post_attention_norm.weight", "norms", false},
		{"blk.0.attn_q.weight", "attention", false},
		{"blk.0.attn_kv_a_mqa.weight", "attention", false},
		{"blk.0.attn_sinks.weight", "attention", false},
		{"blk.0.ffn_gate_inp.weight", "router", false},
		{"blk.0.exp_probs_b.bias", "router", false},
		{"blk.0.ffn_gate_exps.weight", "experts gate", true},
		{"blk.0.ffn_up_exps.weight", "experts up", true},
		{"blk.103.ffn_down_exps.weight", "experts down", true},
		{"blk.0.ffn_gate_up_exps.weight", "experts gate", true},
		{"blk.0.ffn_down_exps.bias", "experts down", false},
		{"blk.3.ffn_down.7.weight", "experts down", true},
		{"blk.0.ffn_gate_shexp.weight", "shared expert", false},
		{"blk.0.ffn_gate_inp_shexp.weight", "shared expert", false},
		{"blk.0.ffn_gate.weight", "dense feed-forward", false},
		{"blk.0.ffn_down.bias", "dense feed-forward", false},
		{"blk.46.nextn.eh_proj.weight", "other", false},
	}
	for _, test := range tests {
		group, expert := groupOf(test.tensor)
		if group != test.group || expert != test.expert {
			t.Errorf("%s: got %s, %v; want %s, %v", test.tensor, group, expert, test.group, test.expert)
		}
	}
}
