package reply_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"moed/moe/chat/reply"
)

// FuzzReader reads hostile answers: whatever they are and however they are cut,
// the same is read, it is valid, and no letter of a text without calls is lost.
func FuzzReader(f *testing.F) {
	models := []string{"qwen3", "qwen3-coder", "glm-4.6", "deepseek-v3.1", "kimi-k2", "granite-3.3", "mixtral-8x7b-instruct-v0.1", "llama", "gpt-oss-120b"}
	for _, e := range examples() {
		for i, m := range models {
			if m == e.model {
				f.Add(uint8(i), uint64(i), e.prompt, e.text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, model uint8, seed uint64, prompt, text string) {
		if len(prompt)+len(text) > 1<<12 || !utf8.ValidString(text) {
			return
		}
		o, c := example{model: models[int(model)%len(models)]}.options(t)
		random := rand.New(rand.NewPCG(seed, 1))
		var want answer
		for i, longest := range []int{1, 3, 1 << 12} {
			var ids []int32
			o.Tokenizer, o.Prompt, ids = c.both(t, prompt, text, random, longest)
			got := read(t, o, ids)
			if i == 0 {
				want = got
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
				t.Fatalf("cut to at most %d bytes:\n got %q\nwant %q", longest, got, want)
			}
			if !utf8.ValidString(got.Text) || !utf8.ValidString(got.Reasoning) {
				t.Fatalf("not UTF-8: %q", got)
			}
			if all := order(o, ids); len(got.Calls) == 0 && o.Template != template(t, "gpt-oss-120b") && bald(all) != bald(text) {
				t.Fatalf("of %q is left %q", text, all)
			}
		}
	})
}

// order is text and reasoning as they come.
func order(o reply.Options, ids []int32) string {
	var all strings.Builder
	add := func(pieces []reply.Piece) {
		for _, p := range pieces {
			all.WriteString(p.Text + p.Reasoning)
		}
	}
	r := reply.New(o)
	for _, id := range ids {
		add(r.Token(nil, id))
	}
	add(r.Flush(nil))
	return all.String()
}

// bald is s without white space and without markers that say nothing.
func bald(s string) string {
	s = strings.Join(strings.Fields(s), "")
	for was := ""; was != s; {
		was = s
		for _, m := range []string{"<think>", "</think>", "[THINK]", "[/THINK]", "<|im_start|>", "<|im_end|>", "[ARGS]", "[TOOL_CALLS]",
			"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"} {
			s = strings.ReplaceAll(s, m, "")
		}
	}
	return s
}
