package chat

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func mustNew(t testing.TB, o Options) *Template {
	t.Helper()
	tmpl, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func TestFallback(t *testing.T) {
	const broken = "{% if %}"
	has := func(tokens ...string) func(string) bool {
		return func(s string) bool { return strings.Contains(strings.Join(tokens, "\n"), s) }
	}
	messages := Messages(Message{"system", "Be brief."}, Message{"user", "Hi"}, Message{"assistant", "Yes?"}, Message{"user", "<Bye>"})
	now := func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
	const ml = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes?<|im_end|>\n<|im_start|>user\n<Bye><|im_end|>\n<|im_start|>assistant\n"
	for _, c := range []struct {
		name string
		o    Options
		note string // parts of the note, with commas
		want string
	}{
		{"harmony", Options{Architecture: "gpt-oss", Now: now}, "no chat template,harmony",
			"<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\nCurrent date: 2026-11-22\n\nReasoning: medium\n\n# Valid channels: analysis, commentary, final. Channel must be included for every message.<|end|><|start|>developer<|message|># Instructions\n\nBe brief.\n\n<|end|><|start|>user<|message|>Hi<|end|><|start|>assistant<|channel|>final<|message|>Yes?<|end|><|start|>user<|message|><Bye><|end|><|start|>assistant"},
		{"ChatML by vocabulary", Options{BOS: "<s>", HasToken: has("<|im_start|>")}, "no chat template,ChatML", "<s>" + ml},
		{"ChatML by template", Options{Template: "<|im_start|>" + broken}, "does not parse,line 1,ChatML", ml},
		{"inst by architecture", Options{Architecture: "llama", BOS: "<s>", EOS: "</s>"}, "no chat template,[INST]",
			"<s>[INST] Be brief.\n\nHi [/INST] Yes?</s>[INST] <Bye> [/INST]"},
		{"inst by template", Options{Template: "[INST]" + broken, EOS: "$"}, "does not parse,[INST]",
			"[INST] Be brief.\n\nHi [/INST] Yes?$[INST] <Bye> [/INST]"},
		{"plain", Options{Architecture: "olmoe"}, "no chat template,plain",
			"system: Be brief.\n\nuser: Hi\n\nassistant: Yes?\n\nuser: <Bye>\n\nassistant:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl := mustNew(t, c.o)
			for part := range strings.SplitSeq(c.note, ",") {
				if !strings.Contains(tmpl.Note(), part) {
					t.Errorf("note %q lacks %q", tmpl.Note(), part)
				}
			}
			if strings.Contains(tmpl.Note(), "\n") {
				t.Errorf("note %q has several lines", tmpl.Note())
			}
			got, err := tmpl.Render(context.Background(), Request{Messages: messages, AddGenerationPrompt: true})
			if err != nil || got != c.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, c.want)
			}
		})
	}
}

func TestFallbackRefuses(t *testing.T) {
	for _, c := range []struct{ name, arch, messages, tools, want string }{
		{"roles", "mixtral", `[{"role":"user"},{"role":"user"}]`, "", "alternate"},
		{"tools", "qwen", `[{"role":"user"}]`, `[{}]`, "tools: the model has no usable chat template"},
		{"tool call", "qwen", `[{"role":"user"},{"role":"assistant","tool_calls":[]}]`, "", "messages[1]: the model has no usable"},
		{"image", "qwen", `[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image"}]}]`, "", "messages[0]: the content has a part that is not text"},
		{"number", "qwen", `[{"role":"user","content":3}]`, "", "messages[0]: the content is an integer"},
		{"harmony tool", "gpt-oss", `[{"role":"user"}]`, `[{"function":{"name":"f"}}]`, "tools[0]: function f has no description"},
		{"harmony answer", "gpt-oss", `[{"role":"tool","content":"x"}]`, "", "messages[0] answers a tool"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl := mustNew(t, Options{Architecture: c.arch})
			got, err := tmpl.Render(context.Background(), Request{Messages: json.RawMessage(c.messages), Tools: json.RawMessage(c.tools)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, %v; want an error with %q", got, err, c.want)
			}
		})
	}
}

func TestRequestErrors(t *testing.T) {
	ok := `[{"role":"user","content":"x"}]`
	for _, c := range []struct{ name, messages, tools, kwargs, want string }{
		{"nothing", "", "", "", "messages: an array is expected"},
		{"null", "null", "", "", "messages: an array is expected"},
		{"empty", "[]", "", "", "messages: there are none"},
		{"cut off", `[{"role":"user"},{"role"`, "", "", "messages[1]: unexpected EOF"},
		{"no comma", `[{"role":"user"} {"role":"user"}]`, "", "", "messages[1]: "},
		{"text after", ok + "x", "", "", "messages[1]: text follows"},
		{"not an object", `[{"role":"user"},3]`, "", "", "messages[1]: found an integer"},
		{"no role", `[{"role":"user"},{"content":"x"}]`, "", "", "messages[1]: found a mapping where an object with a role"},
		{"role not text", `[{"role":7}]`, "", "", "messages[0]: "},
		{"deep", `[{"role":"user","content":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}]`, "", "", "messages[0]: nested deeper"},
		{"deep kwargs", ok, "", strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000), "kwargs: nested deeper"},
		{"many", `[{"role":"user","content":[` + strings.Repeat("0,", 300_000) + `0]}]`, "", "", "messages[0]: more than"},
		{"big", `[{"role":"user","content":"` + strings.Repeat("x", 9<<20) + `"}]`, "", "", "at most 8388608 are allowed"},
		{"tools", ok, `{}`, "", "tools: found a mapping where an array"},
		{"bad tools", ok, `[`, "", "tools: "},
		{"kwargs", ok, "", `[]`, "kwargs: found a list where an object"},
		{"reserved", ok, "", `{"messages":1}`, `kwargs: "messages" has its own place`},
		{"large number", ok, "", `{"a":1e999}`, "kwargs: the number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tmpl := mustNew(t, Options{Template: "{{ messages }}"})
			got, err := tmpl.Render(context.Background(), Request{
				Messages: json.RawMessage(c.messages), Tools: json.RawMessage(c.tools), Kwargs: json.RawMessage(c.kwargs),
			})
			if err == nil || !strings.HasPrefix(err.Error(), "chat: "+c.want) && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.100q, %v; want an error with %q", got, err, c.want)
			}
		})
	}
	if _, err := New(Options{MaxSteps: -1}); err == nil {
		t.Error("a limit below zero is taken")
	}
}

// TestTemplateCannotChangeItsInput renders twice with templates that try to.
func TestTemplateCannotChangeItsInput(t *testing.T) {
	for _, source := range []string{
		"{% set messages = messages + [{'role': 'tool'}] %}{{ messages|length }}",
		"{% for m in messages %}{% set m = {} %}{% endfor %}{{ messages }}",
		"{% set ns = namespace(x=messages) %}{% set ns.x = [] %}{{ messages|length }}{{ ns.x }}",
		"{% if seen %}again{% endif %}{% set seen = true %}{% macro seen2() %}{% endmacro %}{{ seen2 is defined }}",
	} {
		tmpl := mustNew(t, Options{Template: source})
		r := Request{Messages: Messages(Message{"user", "x"})}
		first, err := tmpl.Render(context.Background(), r)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if second, err := tmpl.Render(context.Background(), r); err != nil || second != first {
			t.Errorf("%s: first %q, then %q, %v", source, first, second, err)
		}
	}
	for _, source := range []string{
		"{{ messages.append({'role': 'tool'}) }}", "{{ messages[0].update({'role': 'tool'}) }}",
		"{{ messages.clear() }}", "{{ messages[0].pop('role') }}", "{% set messages.x = 1 %}",
	} {
		got, err := mustNew(t, Options{Template: source}).Render(context.Background(), Request{Messages: Messages(Message{"user", "x"})})
		if err == nil {
			t.Errorf("%s gives %q", source, got)
		}
	}
}

func TestNoFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{
		"{% include '" + path + "' %}", "{% import '" + path + "' as x %}", "{% from '" + path + "' import x %}",
		"{% extends '" + path + "' %}", "{% block x %}{% endblock %}",
	} {
		tmpl := mustNew(t, Options{Template: source})
		if !strings.Contains(tmpl.Note(), "is not supported") {
			t.Errorf("%s parses: note %q", source, tmpl.Note())
		}
	}
}

func TestMessagesKeepText(t *testing.T) {
	want := "<&>\"\\\n\u2028é😀"
	got, err := mustNew(t, Options{Template: "{{ messages[0].content }}|{{ messages[1].role }}"}).
		Render(context.Background(), Request{Messages: Messages(Message{"user", want}, Message{"tool", ""})})
	if err != nil || got != want+"|tool" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRefusal(t *testing.T) {
	tmpl := mustNew(t, Options{Template: "{% for m in messages %}{% macro f() %}{{ raise_exception('no ' ~ m.role) }}{% endmacro %}{{ f() }}{% endfor %}"})
	_, err := tmpl.Render(context.Background(), Request{Messages: Messages(Message{"user", "x"})})
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Message != "no user" {
		t.Errorf("got %v", err)
	}
}

// TestLongChat holds the limits against what an honest template needs for a
// conversation far longer than any context.
func TestLongChat(t *testing.T) {
	var chat []Message
	for range 2000 {
		chat = append(chat, Message{"user", strings.Repeat("Some words é. ", 40)}, Message{"assistant", strings.Repeat("An answer. ", 50)})
	}
	chat = append(chat, Message{"user", "The end."})
	r := Request{Messages: Messages(chat...), AddGenerationPrompt: true}
	paths, err := filepath.Glob(filepath.Join(templates, "*", "template.jinja"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, p := range paths {
		source, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		got, err := mustNew(t, Options{Template: string(source)}).Render(context.Background(), r)
		if err != nil || !strings.Contains(got, "The end.") || len(got) < 4000*500 {
			t.Errorf("%s: %d bytes, %v", p, len(got), err)
		}
		t.Logf("%s: %d bytes in %v", filepath.Base(filepath.Dir(p)), len(got), time.Since(begin).Round(time.Millisecond))
	}
}

func TestRenderConcurrently(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(templates, "gpt-oss-120b", "template.jinja"))
	if err != nil {
		t.Fatal(err)
	}
	cases := readCases(t, "gpt-oss-120b")
	o := cases[0].options(t)
	o.Template = string(source)
	tmpl := mustNew(t, o)
	var g sync.WaitGroup
	for range 4 {
		g.Go(func() {
			for range 10 {
				for _, c := range cases {
					if got, err := tmpl.Render(context.Background(), c.request()); err != nil || got != c.Expected {
						t.Errorf("%s: got %q, %v", c.Name, got, err)
					}
				}
			}
		})
	}
	g.Wait()
}

// FuzzMessages gives every format any messages: an answer or an error, soon.
func FuzzMessages(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join(templates, "*", "template.jinja"))
	if err != nil || len(paths) == 0 {
		f.Fatal(paths, err)
	}
	all := []*Template{mustNew(f, Options{Architecture: "gpt-oss"}), mustNew(f, Options{EOS: "<|im_start|>"}), mustNew(f, Options{Architecture: "mixtral"}), mustNew(f, Options{})}
	for _, p := range paths {
		source, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, mustNew(f, Options{Template: string(source), MaxSteps: 100_000}))
		for _, g := range readCases(f, filepath.Base(filepath.Dir(p))) {
			f.Add([]byte(g.Messages), []byte(g.Tools), []byte(g.Kwargs))
		}
	}
	f.Fuzz(func(t *testing.T, messages, tools, kwargs []byte) {
		for _, tmpl := range all {
			begin := time.Now()
			_, err := tmpl.Render(context.Background(), Request{Messages: messages, Tools: tools, Kwargs: kwargs, AddGenerationPrompt: true})
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("took %v: %v", took, err)
			}
			if strings.HasPrefix(tmpl.Note(), "the model's chat template does not parse") {
				t.Fatal(tmpl.Note())
			}
		}
	})
}
