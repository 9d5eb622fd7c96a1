package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"moed/moe/chat/jinja"
)

// harmony is the form of gpt-oss, as the model's own template writes it: a
// system message about date and channels, a developer message with
// instructions and tools, then the turns, each on a channel. Of the built-in
// tools it knows nothing.
type harmony struct{}

func (harmony) render(_ context.Context, o *Options, in *input) (string, error) {
	w := harmonyWriter{o: o, in: in, answer: lastAnswer(in.messages)}
	if err := w.system(); err != nil {
		return "", err
	}
	rest, err := w.developer()
	if err != nil {
		return "", err
	}
	for i := len(in.messages) - len(rest); i < len(in.messages); i++ {
		if err := w.message(i); err != nil {
			return "", err
		}
	}
	if in.prompt {
		w.b.WriteString("<|start|>assistant")
	}
	return w.b.String(), nil
}

type harmonyWriter struct {
	b      strings.Builder
	o      *Options
	in     *input
	called string // the tool that the last assistant message called
	answer int    // place of the last assistant message that calls no tool, or -1
}

// system opens the prompt; template variables may set its identity and effort.
func (w *harmonyWriter) system() error {
	if v, _ := jinja.Lookup(w.in.kwargs, "builtin_tools"); jinja.Truth(v) {
		return fmt.Errorf("kwargs: builtin_tools need the model's own chat template")
	}
	identity, effort := "You are ChatGPT, a large language model trained by OpenAI.", "medium"
	for key, to := range map[string]*string{"model_identity": &identity, "reasoning_effort": &effort} {
		v, ok := jinja.Lookup(w.in.kwargs, key)
		if !ok {
			continue
		}
		if *to, ok = v.(string); !ok {
			return fmt.Errorf("kwargs: %s is %s, not a string", key, jinja.TypeName(v))
		}
	}
	fmt.Fprintf(&w.b, "<|start|>system<|message|>%s\nKnowledge cutoff: 2024-06\nCurrent date: %s\n\nReasoning: %s\n\n",
		identity, w.o.Now().Format("2006-01-02"), effort)
	w.b.WriteString("# Valid channels: analysis, commentary, final. Channel must be included for every message.")
	if jinja.Truth(w.in.tools) {
		w.b.WriteString("\nCalls to these tools must go to the commentary channel: 'functions'.")
	}
	w.b.WriteString("<|end|>")
	return nil
}

// developer writes instructions and tools, and gives the messages left.
func (w *harmonyWriter) developer() ([]any, error) {
	rest, instructions := w.in.messages, ""
	if role, _ := field(rest[0], "role"); role == "developer" || role == "system" {
		var err error
		if instructions, err = contentOf(rest[0]); err != nil {
			return nil, fmt.Errorf("messages[0]: %w", err)
		}
		rest = rest[1:]
	}
	tools, _ := jinja.Items(w.in.tools)
	if instructions == "" && len(tools) == 0 {
		return rest, nil
	}
	w.b.WriteString("<|start|>developer<|message|>")
	if instructions != "" {
		fmt.Fprintf(&w.b, "# Instructions\n\n%s\n\n", instructions)
	}
	if len(tools) > 0 {
		w.b.WriteString("# Tools\n\n## functions\n\nnamespace functions {\n\n")
		for i, t := range tools {
			if err := harmonyTool(&w.b, t); err != nil {
				return nil, fmt.Errorf("tools[%d]: %w", i, err)
			}
		}
		w.b.WriteString("} // namespace functions")
	}
	w.b.WriteString("<|end|>")
	return rest, nil
}

func (w *harmonyWriter) message(i int) error {
	m := w.in.messages[i]
	content, err := contentOf(m)
	if err != nil {
		return fmt.Errorf("messages[%d]: %w", i, err)
	}
	switch role, _ := field(m, "role"); role {
	case "assistant":
		return w.assistant(i, m, content)
	case "tool":
		if w.called == "" {
			return &RefusedError{Message: fmt.Sprintf("messages[%d] answers a tool that no assistant message called", i)}
		}
		text, err := jinja.JSON(content)
		if err != nil {
			return fmt.Errorf("messages[%d]: %w", i, err)
		}
		fmt.Fprintf(&w.b, "<|start|>functions.%s to=assistant<|channel|>commentary<|message|>%s<|end|>", w.called, text)
	case "user":
		fmt.Fprintf(&w.b, "<|start|>user<|message|>%s<|end|>", content)
	}
	return nil
}

func (w *harmonyWriter) assistant(i int, m any, content string) error {
	thinking, _ := field(m, "thinking")
	for _, s := range []string{content, thinking} {
		if strings.Contains(s, "<|channel|>analysis<|message|>") || strings.Contains(s, "<|channel|>final<|message|>") {
			return &RefusedError{Message: fmt.Sprintf("messages[%d] has channel tags in its text: analysis belongs in thinking, the answer in content", i)}
		}
	}
	if _, ok := jinja.Lookup(m, "tool_calls"); ok {
		return w.call(i, m, content, thinking)
	}
	if i == len(w.in.messages)-1 && !w.in.prompt {
		if _, ok := jinja.Lookup(m, "thinking"); ok {
			w.analysis(thinking)
		}
		fmt.Fprintf(&w.b, "<|start|>assistant<|channel|>final<|message|>%s<|return|>", content)
		return nil
	}
	fmt.Fprintf(&w.b, "<|start|>assistant<|channel|>final<|message|>%s<|end|>", content)
	w.called = ""
	return nil
}

func (w *harmonyWriter) analysis(s string) {
	fmt.Fprintf(&w.b, "<|start|>assistant<|channel|>analysis<|message|>%s<|end|>", s)
}

// call writes the first tool call of a message. Its analysis is shown only
// while no later message answers.
func (w *harmonyWriter) call(i int, m any, content, thinking string) error {
	if content != "" && thinking != "" {
		return &RefusedError{Message: fmt.Sprintf("messages[%d] calls a tool and has both content and thinking: give one of them", i)}
	}
	v, _ := jinja.Lookup(m, "tool_calls")
	calls, _ := jinja.Items(v)
	if len(calls) == 0 {
		return fmt.Errorf("messages[%d]: tool_calls is empty", i)
	}
	c := calls[0]
	if f, ok := jinja.Lookup(c, "function"); ok && jinja.Truth(f) {
		c = f
	}
	name, ok := field(c, "name")
	if !ok {
		return fmt.Errorf("messages[%d]: the tool call has no name", i)
	}
	kind, ok := field(c, "content_type")
	if !ok {
		kind = "json"
	}
	arguments, ok := jinja.Lookup(c, "arguments")
	if !ok {
		return fmt.Errorf("messages[%d]: the tool call has no arguments", i)
	}
	text, err := jinja.JSON(arguments)
	if err != nil {
		return fmt.Errorf("messages[%d]: %w", i, err)
	}
	if s := content + thinking; s != "" && i > w.answer {
		w.analysis(s)
	}
	fmt.Fprintf(&w.b, "<|start|>assistant to=functions.%s<|channel|>commentary %s<|message|>%s<|call|>", name, kind, text)
	w.called = name
	return nil
}

func lastAnswer(messages []any) int {
	for i, m := range slices.Backward(messages) {
		role, _ := field(m, "role")
		if _, calls := jinja.Lookup(m, "tool_calls"); role == "assistant" && !calls {
			return i
		}
	}
	return -1
}
