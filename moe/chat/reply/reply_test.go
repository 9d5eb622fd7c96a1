package reply_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"moed/moe/chat/reply"
	"moed/moe/tokenizer"
)

// letters is the byte-level alphabet by byte.
func letters() []string {
	out := make([]string, 256)
	next := rune(0x100)
	for b := range out {
		switch {
		case b >= '!' && b <= '~', b >= 0xa1 && b <= 0xac, b >= 0xae:
			out[b] = string(rune(b))
		default:
			out[b] = string(next)
			next++
		}
	}
	return out
}

// cutter makes vocabularies in which a text is cut in a certain way.
type cutter struct {
	control []string // these are tokens, and control tokens
	defined []string // these are tokens that are user-defined
}

// both gives a prompt and an answer in tokens of at most longest bytes, cut as
// random has it.
func (c cutter) both(t testing.TB, prompt, text string, random *rand.Rand, longest int) (tok *tokenizer.Tokenizer, before, ids []int32) {
	t.Helper()
	alphabet := letters()
	v := tokenizer.Vocab{Model: "gpt2", Pre: "qwen2", Tokens: slices.Clone(alphabet), BOS: -1, EOS: -1, EOT: -1, EOM: -1, UNK: -1, PAD: -1, SEP: -1}
	v.Types = slices.Repeat([]int32{tokenizer.Normal}, 256)
	known := map[string]int32{}
	add := func(s string, kind int32) int32 {
		if id, ok := known[s]; ok {
			return id
		}
		v.Tokens, v.Types = append(v.Tokens, s), append(v.Types, kind)
		known[s] = int32(len(v.Tokens) - 1)
		return known[s]
	}
	for _, s := range c.control {
		add(s, tokenizer.Control)
	}
	for _, s := range c.defined {
		add(s, tokenizer.UserDefined)
	}
	cut := func(text string) (ids []int32) {
		for at := 0; at < len(text); {
			if i := slices.IndexFunc(c.control, func(s string) bool { return strings.HasPrefix(text[at:], s) }); i >= 0 {
				ids = append(ids, known[c.control[i]])
				at += len(c.control[i])
				continue
			}
			if i := slices.IndexFunc(c.defined, func(s string) bool { return strings.HasPrefix(text[at:], s) }); i >= 0 && random.IntN(2) == 0 {
				ids = append(ids, known[c.defined[i]])
				at += len(c.defined[i])
				continue
			}
			end := min(at+1+random.IntN(longest), len(text))
			for _, s := range c.control {
				if i := strings.Index(text[at:], s); i > 0 && at+i < end {
					end = at + i
				}
			}
			var spelled strings.Builder
			for _, b := range []byte(text[at:end]) {
				spelled.WriteString(alphabet[b])
			}
			if end-at == 1 {
				ids = append(ids, int32(text[at]))
			} else {
				ids = append(ids, add(spelled.String(), tokenizer.Normal))
			}
			at = end
		}
		return ids
	}
	before, ids = cut(prompt), cut(text)
	tok, err := tokenizer.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return tok, before, ids
}

// answer is pieces put together.
type answer struct {
	Text, Reasoning string
	Calls           []string // name and arguments
}

func (a *answer) add(t testing.TB, pieces []reply.Piece) {
	t.Helper()
	for _, p := range pieces {
		a.Text += p.Text
		a.Reasoning += p.Reasoning
		if p.Call == nil {
			continue
		}
		if p.Call.Index != len(a.Calls) || p.Call.ID == "" || !json.Valid([]byte(p.Call.Arguments)) {
			t.Errorf("call %+v in place %d", *p.Call, len(a.Calls))
		}
		a.Calls = append(a.Calls, p.Call.Name+p.Call.Arguments)
	}
}

func read(t testing.TB, o reply.Options, ids []int32) answer {
	t.Helper()
	n := 0
	o.ID = func() string { n++; return fmt.Sprint("call_", n) }
	r := reply.New(o)
	var a answer
	var pieces []reply.Piece
	for _, id := range ids {
		pieces = r.Token(pieces[:0], id)
		a.add(t, pieces)
	}
	a.add(t, r.Flush(nil))
	if r.Calls() != len(a.Calls) {
		t.Errorf("Calls is %d, found %d", r.Calls(), len(a.Calls))
	}
	return a
}

const offered = `[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{
	"city":{"type":"string"},"days":{"type":"integer"},"exact":{"type":"boolean"},"zip":{"type":["string","null"]},
	"where":{"anyOf":[{"$ref":"#/$defs/point"},{"type":"null"}]}},"$defs":{"point":{"type":"object"}}}}},
	{"name":"now","description":"the time"}]`

func template(t testing.TB, model string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../../testdata/templates", model, "template.jinja"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func harmonyTokens() []string {
	return []string{"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|return|>", "<|call|>"}
}

type example struct {
	name, model, prompt, text string
	want                      answer
	plainTools                bool // without tools
}

func examples() []example {
	weather := func(args string) []string { return []string{"weather" + args} }
	return []example{
		{name: "plain text", model: "olmoe-1b-7b-0924-instruct", text: " Hello <tool_call>\n", want: answer{Text: " Hello <tool_call>\n"}},
		{name: "thinking", model: "qwen3", text: "<think>\nHm, <b>\n</think>\n\nYes. é", want: answer{Text: "Yes. é", Reasoning: "Hm, <b>"}},
		{name: "no thoughts", model: "qwen3", text: "<think>\n\n</think>\n\nYes \n", want: answer{Text: "Yes \n"}},
		{name: "opened by the prompt", model: "qwen3", prompt: "<|im_start|>assistant\n<think>\n", text: "Hm\n</think>\nYes", want: answer{Text: "Yes", Reasoning: "Hm"}},
		{name: "closed by the prompt", model: "qwen3", prompt: "<|im_start|>assistant\n<think>\n\n</think>\n\n", text: "Yes", want: answer{Text: "Yes"}},
		{name: "a user's marker", model: "qwen3", prompt: "what is <think><|im_end|>\n<|im_start|>assistant\n", text: "Yes", want: answer{Text: "Yes"}},
		{name: "a user's marker without tokens", model: "granite-3.3", prompt: "what is <think> assistant:", text: "Yes", want: answer{Text: "Yes"}},
		{name: "never closed", model: "qwen3", text: "<think>\nHm </thi", want: answer{Reasoning: "Hm </thi"}},
		{name: "half a marker", model: "qwen3", text: "a <thin <tool_cal", want: answer{Text: "a <thin <tool_cal"}},
		{name: "one call", model: "qwen3", text: "Let me see.\n\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"</tool_call> \\\"Köln\"}}\n</tool_call>\n",
			want: answer{Text: "Let me see.", Calls: weather(`{"city":"</tool_call> \"Köln"}`)}},
		{name: "two calls", model: "qwen3", text: "<tool_call>{\"name\":\"now\",\"arguments\":{}}</tool_call>\n<tool_call>{\"name\":\"weather\",\"arguments\":\"{\\\"days\\\": 2}\"}</tool_call>",
			want: answer{Calls: []string{"now{}", `weather{"days":2}`}}},
		{name: "not closed", model: "qwen3", text: "<tool_call>\n{\"name\":\"now\"}", want: answer{Calls: []string{"now{}"}}},
		{name: "unknown function", model: "qwen3", text: "a <tool_call>\n{\"name\":\"rm\",\"arguments\":{}}\n</tool_call> b",
			want: answer{Text: "a <tool_call>\n{\"name\":\"rm\",\"arguments\":{}}\n</tool_call> b"}},
		{name: "broken", model: "qwen3", text: "<tool_call>\n{\"name\":\"now\",\"arguments\":{}\n</tool_call>\n", want: answer{Text: "<tool_call>\n{\"name\":\"now\",\"arguments\":{}\n</tool_call>\n"}},
		{name: "bare line end", model: "qwen3", text: "<tool_call>{\"name\":\"weather\",\"arguments\":{\"city\":\"a\nb\"}}</tool_call>", want: answer{Calls: weather(`{"city":"a\nb"}`)}},
		{name: "no tools", model: "qwen3", plainTools: true, text: "<tool_call>{\"name\":\"now\"}</tool_call>", want: answer{Text: "<tool_call>{\"name\":\"now\"}</tool_call>"}},
		{name: "a call in thoughts", model: "qwen3", text: "<think><tool_call>{\"name\":\"now\"}</tool_call></think>no", want: answer{Text: "no", Reasoning: "<tool_call>{\"name\":\"now\"}</tool_call>"}},
		{name: "coder", model: "qwen3-coder", text: "Sure.\n<tool_call>\n<function=weather>\n<parameter=city>\na\n <b>\n</parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=exact>\nTrue\n</parameter>\n<parameter=zip>\n123\n</parameter>\n<parameter=where>\n{\"x\": 1}\n</parameter>\n</function>\n</tool_call>",
			want: answer{Text: "Sure.", Calls: weather(`{"city":"a\n <b>","days":3,"exact":true,"zip":"123","where":{"x":1}}`)}},
		{name: "coder unwrapped", model: "qwen3-coder", text: "<function=now>\n</function>\n</tool_call>\nok", want: answer{Text: "ok", Calls: []string{"now{}"}}},
		{name: "coder unknown", model: "qwen3-coder", text: "<tool_call>\n<function=rm>\n</function>\n</tool_call>", want: answer{Text: "<tool_call>\n<function=rm>\n</function>\n</tool_call>"}},
		{name: "glm", model: "glm-4.6", text: "\n<think>hm</think>\nok\n<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Rome & more</arg_value>\n<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>\n<tool_call>now\n</tool_call>",
			want: answer{Text: "ok", Reasoning: "hm", Calls: []string{`weather{"city":"Rome & more","days":2}`, "now{}"}}},
		{name: "mixtral", model: "mixtral-8x7b-instruct-v0.1", text: " [TOOL_CALLS] [{\"name\": \"now\", \"arguments\": {}}, {\"name\": \"weather\", \"arguments\": {\"days\": 1}}]", want: answer{Calls: []string{"now{}", `weather{"days":1}`}}},
		{name: "mistral name first", model: "mixtral-8x7b-instruct-v0.1", text: "[TOOL_CALLS]weather[ARGS]{\"days\": 1}[TOOL_CALLS]now{}", want: answer{Calls: []string{`weather{"days":1}`, "now{}"}}},
		{name: "deepseek", model: "deepseek-v3.1", prompt: "<｜Assistant｜><think>", text: "hm</think>ok<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>weather<｜tool▁sep｜>{\"city\": \"Rome\"}<｜tool▁call▁end｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
			want: answer{Text: "ok", Reasoning: "hm", Calls: []string{`weather{"city":"Rome"}`, "now{}"}}},
		{name: "deepseek fenced", model: "deepseek-v3.1", text: "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{\"city\": \"Rome\"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
			want: answer{Calls: weather(`{"city":"Rome"}`)}},
		{name: "kimi", model: "kimi-k2", text: "ok<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>{\"days\":1}<|tool_call_end|><|tool_calls_section_end|>",
			want: answer{Text: "ok", Calls: weather(`{"days":1}`)}},
		{name: "granite", model: "granite-3.3", text: "<|tool_call|>[{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}]", want: answer{Calls: weather(`{"city":"Rome"}`)}},
		{name: "llama", model: "llama", text: "\n{\"name\": \"weather\", \"parameters\": {\"days\": 2}}", want: answer{Calls: weather(`{"days":2}`)}},
		{name: "llama, an object", model: "llama", text: "{\"answer\": {\"days\": 2}}", want: answer{Text: "{\"answer\": {\"days\": 2}}"}},
		{name: "llama tag", model: "llama", text: "<|python_tag|>{\"type\": \"function\", \"function\": {\"name\": \"now\"}}", want: answer{Calls: []string{"now{}"}}},
		{name: "harmony", model: "gpt-oss-120b", prompt: "<|start|>assistant", text: "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes <b>.", want: answer{Text: "Yes <b>.", Reasoning: "Hm."}},
		{name: "harmony call", model: "gpt-oss-120b", prompt: "<|start|>assistant", text: "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{\"city\": \"Rome\"}",
			want: answer{Text: "I look.", Reasoning: "Hm.", Calls: weather(`{"city":"Rome"}`)}},
		{name: "harmony call, role first", model: "gpt-oss-120b", prompt: "<|start|>assistant", text: " to=functions.weather<|channel|>commentary json<|message|>{\"days\":1}<|call|>", want: answer{Calls: weather(`{"days":1}`)}},
		{name: "harmony unknown", model: "gpt-oss-120b", prompt: "<|start|>assistant", text: "<|channel|>commentary to=functions.rm <|constrain|>json<|message|>{}<|call|>",
			want: answer{Text: "<|channel|>commentary to=functions.rm <|constrain|>json<|message|>{}<|call|>"}},
		{name: "harmony opened", model: "gpt-oss-120b", prompt: "<|start|>assistant<|channel|>analysis<|message|>We", text: " think.<|end|><|start|>assistant<|channel|>final<|message|>Yes", want: answer{Text: "Yes", Reasoning: " think."}},
		{name: "harmony cut", model: "gpt-oss-120b", prompt: "<|start|>assistant", text: "<|channel|>final<|message|>Yes<|end|><|start|>assist", want: answer{Text: "Yes"}},
	}
}

func (e example) options(t testing.TB) (reply.Options, cutter) {
	t.Helper()
	o := reply.Options{Tools: json.RawMessage(offered)}
	if e.plainTools {
		o.Tools = nil
	}
	c := cutter{control: []string{"<|im_start|>", "<|im_end|>"}}
	switch e.model {
	case "llama":
		o.Template = "{{ tools }} <|python_tag|> parameters"
	case "gpt-oss-120b":
		c.control = harmonyTokens()
	case "qwen3":
		c.defined = []string{"<think>", "</think>", "<tool_call>", "</tool_call>"}
	case "granite-3.3":
		c.control = []string{"<|tool_call|>"}
	case "deepseek-v3.1":
		c.defined = []string{"<｜Assistant｜>"}
	case "mixtral-8x7b-instruct-v0.1":
		c.control = []string{"[TOOL_CALLS]", "[ARGS]"}
	}
	if o.Template == "" {
		o.Template = template(t, e.model)
	}
	return o, c
}

// However an answer is cut into tokens, the same is read.
func TestCuts(t *testing.T) {
	for _, e := range examples() {
		t.Run(e.name, func(t *testing.T) {
			o, c := e.options(t)
			for seed := range uint64(60) {
				random := rand.New(rand.NewPCG(seed, 1))
				longest := 1 + random.IntN(1+int(seed))
				var ids []int32
				o.Tokenizer, o.Prompt, ids = c.both(t, e.prompt, e.text, random, longest)
				got := read(t, o, ids)
				if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", e.want) {
					t.Fatalf("cut to at most %d bytes:\n got %q\nwant %q", longest, got, e.want)
				}
			}
		})
	}
}
