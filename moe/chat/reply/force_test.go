package reply_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"moed/moe/chat/reply"
	"moed/moe/sample/grammar"
)

// What is forced is read as the call that it is.
func TestForce(t *testing.T) {
	for _, e := range []struct{ model, prompt string }{
		{"qwen3", "<|im_start|>assistant\n"},
		{"qwen3", "<|im_start|>assistant\n<think>\n"},
		{"qwen3-coder", "<|im_start|>assistant\n"},
		{"glm-4.6", "<|im_end|>"},
		{"mixtral-8x7b-instruct-v0.1", "[/INST]"},
		{"deepseek-v3.1", "<｜Assistant｜><think></think>"},
		{"kimi-k2", "<|im_end|>"},
		{"granite-3.3", "<|im_end|>"},
		{"gpt-oss-120b", "<|start|>assistant"},
		{"llama", "<|im_end|>"},
		{"olmoe-1b-7b-0924-instruct", "<|assistant|>"},
	} {
		for _, choice := range []string{"required", "weather", "now"} {
			o, c := example{model: e.model}.options(t)
			random := rand.New(rand.NewPCG(1, 2))
			o.Tokenizer, o.Prompt, _ = c.both(t, e.prompt, "", random, 1)
			opening, schema, closing, ok := reply.Force(o, choice)
			if !ok {
				t.Fatalf("%s, %s: cannot be forced", e.model, choice)
			}
			if _, err := grammar.Schema(schema); err != nil {
				t.Fatalf("%s, %s: %v in %s", e.model, choice, err, schema)
			}
			name := choice
			if choice == "required" {
				name = "weather"
			}
			args := "{}"
			if name == "weather" {
				args = `{"city":"Rome"}`
			}
			answer := args
			if takes(t, schema, `{"name":"`+name+`","arguments":`+args+`}`) {
				answer = `{"name":"` + name + `","arguments":` + args + `}`
			} else if !takes(t, schema, args) {
				t.Fatalf("%s, %s: the schema %s takes no call", e.model, choice, schema)
			}
			o.Forced = choice
			for _, before := range []string{e.prompt, e.prompt + opening} {
				var ids []int32
				o.Tokenizer, o.Prompt, ids = c.both(t, before, answer, random, 3)
				got := readForced(t, o, ids, closing)
				if want := []string{name + args}; !slices.Equal(got.Calls, want) || got.Text != "" || got.Reasoning != "" {
					t.Errorf("%s, %s: behind %q got %q, want %q", e.model, choice, opening, got, want)
				}
			}
		}
	}
}

func readForced(t testing.TB, o reply.Options, ids []int32, closing string) (a answer) {
	t.Helper()
	r := reply.New(o)
	for _, id := range ids {
		a.add(t, r.Token(nil, id))
	}
	if r.State() != reply.InCall && len(a.Calls) == 0 {
		t.Errorf("in state %d before the end of the call", r.State())
	}
	a.add(t, r.Text(nil, closing))
	a.add(t, r.Flush(nil))
	return a
}

// bytesOnly is a vocabulary of bytes.
type bytesOnly struct{}

func (bytesOnly) Len() int                          { return 257 }
func (bytesOnly) Bytes(dst []byte, id int32) []byte { return append(dst, byte(id)) }
func (bytesOnly) IsEnd(id int32) bool               { return id == 256 }
func (bytesOnly) IsControl(int32) bool              { return false }

func takes(t testing.TB, schema json.RawMessage, document string) bool {
	t.Helper()
	g, err := grammar.Schema(schema)
	if err != nil {
		t.Fatal(err)
	}
	m := g.Matcher(bytesOnly{})
	for _, b := range []byte(document) {
		if m.Accept(int32(b)) != nil {
			return false
		}
	}
	return m.Done()
}

func TestForceRefuses(t *testing.T) {
	o, c := example{model: "qwen3"}.options(t)
	o.Tokenizer, o.Prompt, _ = c.both(t, "", "", rand.New(rand.NewPCG(1, 2)), 1)
	if _, _, _, ok := reply.Force(o, "absent"); ok {
		t.Error("a function that nobody offered is forced")
	}
	o.Tools = nil
	if _, _, _, ok := reply.Force(o, "required"); ok {
		t.Error("a call is forced without tools")
	}
	o.Tools = json.RawMessage(offered)
	o.Plain = true
	if _, _, _, ok := reply.Force(o, "required"); ok {
		t.Error("a call is forced in a plain answer")
	}
}

// References within the parameters of several tools stay apart.
func TestForceReferences(t *testing.T) {
	o, c := example{model: "qwen3"}.options(t)
	o.Tokenizer, o.Prompt, _ = c.both(t, "", "", rand.New(rand.NewPCG(1, 2)), 1)
	o.Tools = json.RawMessage(`[
		{"function":{"name":"a","parameters":{"type":"object","properties":{"x":{"$ref":"#/$defs/v"}},"required":["x"],"$defs":{"v":{"type":"integer"}}}}},
		{"function":{"name":"b","parameters":{"type":"object","properties":{"x":{"$ref":"#/definitions/v"},"next":{"$ref":"#"}},"required":["x"],"definitions":{"v":{"type":"string"}}}}}]`)
	_, schema, _, ok := reply.Force(o, "required")
	if !ok {
		t.Fatal("cannot be forced")
	}
	for document, want := range map[string]bool{
		`{"name":"a","arguments":{"x":1}}`:                    true,
		`{"name":"a","arguments":{"x":"1"}}`:                  false,
		`{"name":"b","arguments":{"x":"1","next":{"x":"2"}}}`: true,
		`{"name":"b","arguments":{"x":1}}`:                    false,
		`{"name":"b","arguments":{"x":"1","next":{"x":2}}}`:   false,
		`{"arguments":{"x":1},"name":"a"}`:                    true,
		`{"name":"c","arguments":{}}`:                         false,
	} {
		if got := takes(t, schema, document); got != want {
			t.Errorf("%s: taken %v, want %v, by %s", document, got, want, schema)
		}
	}
}

// A plain answer is text, whatever is in it, and control tokens are nothing.
func TestPlain(t *testing.T) {
	o, c := example{model: "qwen3"}.options(t)
	o.Plain = true
	const text = "<think>a</think> <tool_call>{\"name\":\"now\"}</tool_call>\n"
	var ids []int32
	o.Tokenizer, _, ids = c.both(t, "", text+"<|im_end|>", rand.New(rand.NewPCG(1, 2)), 5)
	if got := read(t, o, ids); got.Text != text {
		t.Errorf("got %q, want %q", got, text)
	}
}

// The state says what tokens are part of, for counting them.
func TestState(t *testing.T) {
	o, c := example{model: "qwen3"}.options(t)
	var ids []int32
	o.Tokenizer, _, ids = c.both(t, "", "<think>ab</think>c<tool_call>{}", rand.New(rand.NewPCG(1, 2)), 1)
	r := reply.New(o)
	var states []reply.State
	for _, id := range ids {
		r.Token(nil, id)
		if n := len(states); n == 0 || states[n-1] != r.State() {
			states = append(states, r.State())
		}
	}
	want := []reply.State{reply.InReasoning, reply.InText, reply.InCall, reply.InText}
	if states[0] == reply.InText {
		states = states[1:]
	}
	if !slices.Equal(states, want) {
		t.Errorf("went through %v, want %v", states, want)
	}
}

func TestRandomIDs(t *testing.T) {
	o, c := example{model: "qwen3"}.options(t)
	var ids []int32
	o.Tokenizer, _, ids = c.both(t, "", `<tool_call>{"name":"now"}</tool_call><tool_call>{"name":"now"}</tool_call>`, rand.New(rand.NewPCG(1, 2)), 1)
	r := reply.New(o)
	seen := map[string]bool{}
	for _, id := range ids {
		for _, p := range r.Token(nil, id) {
			if p.Call != nil {
				seen[p.Call.ID] = true
				if len(p.Call.ID) != len("call_")+24 {
					t.Errorf("id %q", p.Call.ID)
				}
			}
		}
	}
	if len(seen) != 2 {
		t.Errorf("ids %v, want two", seen)
	}
}
