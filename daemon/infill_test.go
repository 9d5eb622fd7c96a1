package daemon_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"moed/daemon"
)

// TestInfill: the tokens around a gap are those that the file names.
func TestInfill(t *testing.T) {
	plain := open(t, daemon.Config{})
	words := func(text string) []int32 { return plain.Tokenize(text, daemon.TokenizeOptions{}) }
	key := func(name string) string { return "tokenizer.ggml." + name + "_token_id" }
	in := daemon.Infill{Prefix: "Once", Suffix: " time", Files: []daemon.InfillFile{{Name: "a", Text: "b"}}}
	for _, c := range []struct {
		name string
		keys map[string]any
		want []int32
	}{
		{"gap", map[string]any{key("fim_pre"): uint32(5), key("fim_suf"): uint32(6), key("fim_mid"): uint32(7)},
			slices.Concat(words("a\nb\n\n"), []int32{5}, words("Once"), []int32{6}, words(" time"), []int32{7})},
		{"older keys", map[string]any{key("prefix"): uint32(5), key("suffix"): uint32(6), key("middle"): uint32(7)},
			slices.Concat(words("a\nb\n\n"), []int32{5}, words("Once"), []int32{6}, words(" time"), []int32{7})},
		{"files", map[string]any{key("fim_pre"): uint32(5), key("fim_suf"): uint32(6), key("fim_mid"): uint32(7), key("fim_rep"): uint32(8), key("fim_sep"): uint32(9)},
			slices.Concat([]int32{8}, words("repository\n"), []int32{9}, words("a\nb"), []int32{9, 5}, words("Once"), []int32{6}, words(" time"), []int32{7})},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := open(t, daemon.Config{Model: changed(t, c.keys, nil), Flash: daemon.FlashConfig{Profile: daemon.NoProfile}})
			got, err := e.InfillIDs(in)
			if f := e.Facts(); f.AddsBOS && len(got) > 0 {
				got = got[1:]
			}
			if err != nil || !slices.Equal(got, c.want) || !e.CanInfill() {
				t.Errorf("%v, %v\nwant %v", got, err, c.want)
			}
			res, err := e.Generate(context.Background(), &daemon.Request{Prompt: "Once", Suffix: " time", MaxTokens: 2}, func(daemon.Piece) error { return nil })
			if err != nil || len(res.IDs) != 2 {
				t.Errorf("%v: %v", res.IDs, err)
			}
		})
	}
}

// TestNoInfill: a vocabulary without such tokens is an error of the request, and
// so is one that names a token it does not have.
func TestNoInfill(t *testing.T) {
	for _, keys := range []map[string]any{nil, {"tokenizer.ggml.fim_pre_token_id": uint32(1 << 30)}} {
		e := open(t, daemon.Config{Model: changed(t, keys, nil), Flash: daemon.FlashConfig{Profile: daemon.NoProfile}})
		_, err := e.PromptIDs(context.Background(), &daemon.Request{Prompt: "a", Suffix: "b"})
		var refused *daemon.RequestError
		if !errors.As(err, &refused) || refused.Param != "suffix" || e.CanInfill() {
			t.Errorf("%v", err)
		}
	}
}
