package daemon_test

import (
	"encoding/json"
	"math"
	"testing"

	"moed/daemon"
)

// TestMetadata: every kind of value is there as JSON has it.
func TestMetadata(t *testing.T) {
	path := changed(t, map[string]any{
		"x.text": "a", "x.yes": true, "x.less": int32(-3), "x.most": uint64(math.MaxUint64), "x.half": float32(0.5), "x.nan": float32(math.NaN()),
		"x.list": []uint32{1, 2}, "x.words": []string{"a", "b"}, "x.odd": []float32{1, float32(math.Inf(1))},
	}, nil)
	m := daemon.ModelInfo{Name: "x", Path: path}
	about, err := m.Metadata(false)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"x.text": `"a"`, "x.yes": "true", "x.less": "-3", "x.most": "18446744073709551615", "x.half": "0.5", "x.nan": "null",
		"x.list": "[1,2]", "x.words": `["a","b"]`, "x.odd": "[1,null]", "tokenizer.ggml.tokens": "null",
	} {
		if got, err := json.Marshal(about[key]); err != nil || string(got) != want {
			t.Errorf("%s is %s, %v; want %s", key, got, err, want)
		}
	}
	if about, err = m.Metadata(true); err != nil {
		t.Fatal(err)
	}
	if tokens, _ := about["tokenizer.ggml.tokens"].([]string); len(tokens) < 100 {
		t.Errorf("%d tokens", len(tokens))
	}
	built := daemon.ModelInfo{}
	if about, err = built.Metadata(false); err != nil || about["general.architecture"] == nil {
		t.Errorf("built-in: %v, %v", about, err)
	}
	gone := daemon.ModelInfo{Path: path + ".gone"}
	if _, err := gone.Metadata(false); err == nil {
		t.Error("a file that is not there has metadata")
	}
}
