package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHarmonyGolden(t *testing.T) {
	for _, g := range readCases(t, "gpt-oss-120b") {
		t.Run(g.Name, func(t *testing.T) {
			o := g.options(t)
			o.Architecture = "gpt-oss"
			g.check(t, o)
		})
	}
}

// TestHarmonyAsTemplate holds the hand-written format against the template on
// requests made at random.
func TestHarmonyAsTemplate(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(templates, "gpt-oss-120b", "template.jinja"))
	if err != nil {
		t.Fatal(err)
	}
	g := readCases(t, "gpt-oss-120b")[0]
	o := g.options(t)
	o.Architecture = "gpt-oss"
	byHand, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Template = string(source)
	byTemplate, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	texts, failures := 0, 0
	for i := range 2000 {
		r := randomRequest(rng)
		got, gotErr := byHand.Render(context.Background(), r)
		want, wantErr := byTemplate.Render(context.Background(), r)
		if (gotErr == nil) != (wantErr == nil) {
			t.Fatalf("case %d: by hand %v, by template %v\n%s\n%s", i, gotErr, wantErr, r.Messages, r.Tools)
		}
		if d := cmp.Diff(want, got); gotErr == nil && d != "" {
			t.Fatalf("case %d (-template +hand):\n%s\n%s\n%s", i, d, r.Messages, r.Tools)
		}
		if gotErr == nil {
			texts++
		} else {
			failures++
		}
	}
	if texts < 500 || failures < 50 {
		t.Errorf("%d texts and %d failures compared: the requests do not cover both", texts, failures)
	}
}

func randomRequest(rng *rand.Rand) Request {
	var messages []map[string]any
	for i := range 1 + rng.IntN(6) {
		role := []string{"user", "assistant", "tool", "assistant", "user"}[rng.IntN(5)]
		if i == 0 {
			role = []string{"system", "developer", "user"}[rng.IntN(3)]
		}
		m := map[string]any{"role": role, "content": []string{"", "Hé <b>", "two\n\"lines\""}[rng.IntN(3)]}
		if role == "assistant" && rng.IntN(3) > 0 {
			m["thinking"] = []string{"", "hm"}[rng.IntN(2)]
		}
		if role == "assistant" && rng.IntN(2) == 0 {
			call := map[string]any{"name": "f", "arguments": map[string]any{"a": rng.IntN(3)}}
			if rng.IntN(4) == 0 {
				call["content_type"] = "text"
			}
			m["tool_calls"] = []any{map[string]any{"function": call}}
		}
		messages = append(messages, m)
	}
	var tools []any
	for range rng.IntN(3) {
		f := map[string]any{"name": "f", "description": "does"}
		if rng.IntN(4) > 0 {
			f["parameters"] = map[string]any{"type": "object", "required": []string{"p0"}, "properties": randomProperties(rng, 3)}
		}
		tools = append(tools, map[string]any{"type": "function", "function": f})
	}
	kwargs := map[string]any{}
	if rng.IntN(3) == 0 {
		kwargs["reasoning_effort"] = "high"
	}
	return Request{Messages: encode(messages), Tools: encode(tools), Kwargs: encode(kwargs), AddGenerationPrompt: rng.IntN(2) == 0}
}

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // made of plain values
	}
	return raw
}

func randomProperties(rng *rand.Rand, depth int) map[string]any {
	p := map[string]any{}
	for i := range rng.IntN(4) {
		p[fmt.Sprintf("p%d", i)] = randomSchema(rng, depth)
	}
	return p
}

func randomSchema(rng *rand.Rand, depth int) map[string]any {
	s := map[string]any{}
	if rng.IntN(3) == 0 {
		s["description"] = "what it is"
	}
	if rng.IntN(4) == 0 {
		s["nullable"] = true
	}
	if rng.IntN(5) == 0 {
		s["default"] = []any{"x", 3, nil, 1.5, []int{1}}[rng.IntN(5)]
	}
	kind := rng.IntN(9)
	if depth == 0 {
		kind %= 5
	}
	switch kind {
	case 0, 1, 2:
		s["type"] = []string{"string", "number", "integer", "boolean"}[rng.IntN(4)]
		if rng.IntN(3) == 0 {
			s["enum"] = []any{"a", "b", 3}[:rng.IntN(4)]
		}
	case 3:
		s["type"] = []any{"string", "null", 1}[:rng.IntN(4)]
	case 4:
		s["type"] = "other"
	case 5, 6:
		s["type"] = "object"
		s["properties"] = randomProperties(rng, depth-1)
		s["required"] = []string{"p1"}
	case 7:
		s["type"] = "array"
		if rng.IntN(4) > 0 {
			s["items"] = randomSchema(rng, depth-1)
		}
	case 8:
		s["oneOf"] = []any{randomSchema(rng, depth-1), randomSchema(rng, depth-1)}[:rng.IntN(3)]
	}
	return s
}
