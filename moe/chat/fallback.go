package chat

import (
	"context"
	"fmt"
	"strings"

	"moed/moe/chat/jinja"
)

// choose picks the format for a model without a usable template, and names it.
func choose(o *Options) (format, string) {
	arch := strings.ToLower(o.Architecture)
	token := func(s string) bool {
		return strings.Contains(o.Template, s) || o.BOS == s || o.EOS == s || o.HasToken != nil && o.HasToken(s)
	}
	switch {
	case arch == "gpt-oss" || arch == "gptoss" || arch == "gpt_oss" || token("<|channel|>"):
		return harmony{}, "the harmony format"
	case token("<|im_start|>"):
		return chatML{}, "the ChatML format"
	case strings.Contains(o.Template, "[INST]") || strings.Contains(arch, "mixtral"),
		arch == "llama" && o.BOS == "<s>" && o.EOS == "</s>":
		return inst{}, "the [INST] format"
	}
	return plain{}, "plain text, which the model may not know"
}

// turn is a message that every format can show.
type turn struct {
	role, content string
}

// turns reads messages for the formats that know text only.
func (in *input) turns() ([]turn, error) {
	if items, _ := jinja.Items(in.tools); len(items) > 0 {
		return nil, fmt.Errorf("tools: the model has no usable chat template, and the format in its place knows no tools")
	}
	out := make([]turn, len(in.messages))
	for i, m := range in.messages {
		role, _ := field(m, "role")
		if _, ok := jinja.Lookup(m, "tool_calls"); ok || role == "tool" {
			return nil, fmt.Errorf("messages[%d]: the model has no usable chat template, and the format in its place knows no tools", i)
		}
		content, err := contentOf(m)
		if err != nil {
			return nil, fmt.Errorf("messages[%d]: %w", i, err)
		}
		out[i] = turn{role, content}
	}
	return out, nil
}

// field gives a string of a message.
func field(m any, key string) (string, bool) {
	v, _ := jinja.Lookup(m, key)
	s, ok := v.(string)
	return s, ok
}

// contentOf gives the text of a message, be it a string or parts of type text.
func contentOf(m any) (string, error) {
	v, _ := jinja.Lookup(m, "content")
	switch c := v.(type) {
	case nil:
		return "", nil
	case string:
		return c, nil
	}
	parts, ok := jinja.Items(v)
	if !ok {
		return "", fmt.Errorf("the content is %s, not text", jinja.TypeName(v))
	}
	var b strings.Builder
	for _, p := range parts {
		s, ok := field(p, "text")
		if kind, _ := field(p, "type"); !ok || kind != "text" {
			return "", fmt.Errorf("the content has a part that is not text")
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

// chatML is the form of Qwen, LFM2 and many others.
type chatML struct{}

func (chatML) render(_ context.Context, o *Options, in *input) (string, error) {
	turns, err := in.turns()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(o.BOS)
	for _, t := range turns {
		fmt.Fprintf(&b, "<|im_start|>%s\n%s<|im_end|>\n", t.role, t.content)
	}
	if in.prompt {
		b.WriteString("<|im_start|>assistant\n")
	}
	return b.String(), nil
}

// inst is the form of Mixtral and Llama 2. A system message goes before the
// user's first words, as Mistral advises.
type inst struct{}

func (inst) render(_ context.Context, o *Options, in *input) (string, error) {
	turns, err := in.turns()
	if err != nil {
		return "", err
	}
	system := ""
	if turns[0].role == "system" {
		system, turns = turns[0].content+"\n\n", turns[1:]
	}
	var b strings.Builder
	b.WriteString(o.BOS)
	for i, t := range turns {
		switch want := [2]string{"user", "assistant"}[i%2]; {
		case t.role != want:
			return "", &RefusedError{Message: fmt.Sprintf("found role %q where %q was expected: they must alternate", t.role, want)}
		case want == "user":
			fmt.Fprintf(&b, "[INST] %s%s [/INST]", system, t.content)
			system = ""
		default:
			b.WriteString(" " + t.content + o.EOS)
		}
	}
	return b.String(), nil
}

// plain is for models that were not trained to chat.
type plain struct{}

func (plain) render(_ context.Context, o *Options, in *input) (string, error) {
	turns, err := in.turns()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(o.BOS)
	for _, t := range turns {
		fmt.Fprintf(&b, "%s: %s\n\n", t.role, t.content)
	}
	if in.prompt {
		b.WriteString("assistant:")
	}
	return b.String(), nil
}
