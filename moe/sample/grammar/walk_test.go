package grammar_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"moed/moe/sample/grammar"
)

// randomSchema makes schemas of what the validator below knows.
func randomSchema(r *rand.Rand, depth int) map[string]any {
	kinds := []string{"string", "integer", "number", "boolean", "null", "enum", "any"}
	if depth > 0 {
		kinds = append(kinds, "object", "object", "array", "array", "anyOf")
	}
	switch kind := kinds[r.IntN(len(kinds))]; kind {
	case "string":
		s := map[string]any{"type": kind, "minLength": r.IntN(4)}
		if r.IntN(2) == 0 {
			s["maxLength"] = 3 + r.IntN(5)
		}
		return s
	case "integer", "number":
		s := map[string]any{"type": kind}
		low := float64(r.IntN(2000)-1000) / 8
		if r.IntN(2) == 0 {
			s["minimum"] = low
		}
		if r.IntN(2) == 0 {
			s["maximum"] = low + float64(8+r.IntN(3000))/8
		}
		return s
	case "enum":
		return map[string]any{"enum": []any{"a", "ab", 1.5, true, []any{"x"}}[:1+r.IntN(5)]}
	case "any":
		return map[string]any{}
	case "array":
		s := map[string]any{"type": kind, "items": randomSchema(r, depth-1), "minItems": r.IntN(3)}
		if r.IntN(2) == 0 {
			s["maxItems"] = 2 + r.IntN(3)
		}
		if r.IntN(3) == 0 {
			s["prefixItems"] = []any{randomSchema(r, depth-1)}
		}
		return s
	case "object":
		properties, required := map[string]any{}, []string{}
		for _, name := range []string{"a", "ab", "b", "\"q", "é"}[:r.IntN(6)] {
			properties[name] = randomSchema(r, depth-1)
			if r.IntN(2) == 0 {
				required = append(required, name)
			}
		}
		s := map[string]any{"type": kind, "properties": properties, "required": required}
		if r.IntN(3) == 0 {
			s["additionalProperties"] = randomSchema(r, depth-1)
		}
		return s
	case "anyOf":
		return map[string]any{"anyOf": []any{randomSchema(r, depth-1), randomSchema(r, depth-1)}}
	}
	return map[string]any{"type": kinds[3+r.IntN(2)]}
}

// valid checks a decoded document against a schema, on its own terms.
func valid(s map[string]any, v any) bool {
	if list, ok := s["anyOf"].([]any); ok {
		return slices.ContainsFunc(list, func(b any) bool { return valid(b.(map[string]any), v) })
	}
	if list, ok := s["enum"].([]any); ok {
		return slices.ContainsFunc(list, func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(v) })
	}
	number := func(key string, otherwise float64) float64 {
		switch n := s[key].(type) {
		case int:
			return float64(n)
		case float64:
			return n
		}
		return otherwise
	}
	within := func(n int, low, high string) bool {
		return float64(n) >= number(low, 0) && float64(n) <= number(high, math.Inf(1))
	}
	switch kind := s["type"]; v := v.(type) {
	case nil:
		return kind == nil || kind == "null"
	case bool:
		return kind == nil || kind == "boolean"
	case string:
		return kind == nil || kind == "string" && within(utf8.RuneCountInString(v), "minLength", "maxLength")
	case float64:
		return kind == nil || (kind == "number" || kind == "integer" && v == math.Trunc(v)) && v >= number("minimum", math.Inf(-1)) && v <= number("maximum", math.Inf(1))
	case []any:
		if kind == nil {
			return true
		}
		fixed, _ := s["prefixItems"].([]any)
		for i, item := range v {
			of := s["items"]
			if i < len(fixed) {
				of = fixed[i]
			}
			if kind != "array" || !valid(of.(map[string]any), item) {
				return false
			}
		}
		return kind == "array" && within(len(v), "minItems", "maxItems")
	case map[string]any:
		if kind == nil {
			return true
		}
		properties, _ := s["properties"].(map[string]any)
		extra, open := s["additionalProperties"].(map[string]any)
		for name, value := range v {
			if of, ok := properties[name].(map[string]any); ok && !valid(of, value) || !ok && (!open || !valid(extra, value)) {
				return false
			}
		}
		required, _ := s["required"].([]string)
		return kind == "object" && !slices.ContainsFunc(required, func(name string) bool { _, ok := v[name]; return !ok })
	}
	return false
}

// choices are the tokens that are allowed, and those among them that lead to an
// end. Mask and Allows have to agree on them.
func choices(t *testing.T, m *grammar.Matcher, v vocabulary, logits []float32, where string) (allowed, short []int32) {
	t.Helper()
	clear(logits)
	m.Mask(logits)
	for id := range int32(len(logits)) {
		if one := !math.IsInf(float64(logits[id]), -1); one != m.Allows(id) {
			t.Fatalf("%s: token %d: Mask says %v, Allows %v", where, id, one, !one)
		} else if one {
			allowed = append(allowed, id)
			if int(id) < len(v) && strings.ContainsAny(v[id], "\"]}:") {
				short = append(short, id)
			}
		}
	}
	return allowed, short
}

// Whatever allowed tokens are chosen, there is always a next one, and what comes
// out at the end is a document of the schema.
func TestWalks(t *testing.T) {
	v := newVocabulary(pieces()...)
	index := grammar.NewIndex(v)
	end := int32(len(v) - 1)
	whole := 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		schema := randomSchema(r, 3)
		raw, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		m := compile(t, string(raw)).Matcher(index)
		logits := make([]float32, len(v)+3)
		var text strings.Builder
		closing := 20 + r.IntN(60)
		for n := 0; ; n++ {
			allowed, short := choices(t, m, v, logits, string(raw)+" behind "+text.String())
			if len(allowed) == 0 {
				t.Fatalf("%s behind %q: nothing is allowed", raw, text.String())
			}
			if n > 400 {
				break // it never chose to end
			}
			if n > closing && len(short) > 0 {
				allowed = short
			}
			id := allowed[r.IntN(len(allowed))]
			if n > closing && m.Allows(end) {
				id = end
			}
			if err := m.Accept(id); err != nil {
				t.Fatal(err)
			}
			if id == end {
				var got any
				if err := json.Unmarshal([]byte(text.String()), &got); err != nil {
					t.Fatalf("%s: %q: %v", raw, text.String(), err)
				}
				if !utf8.ValidString(text.String()) || !valid(schema, got) {
					t.Fatalf("%s: %q is not valid", raw, text.String())
				}
				whole++
				break
			}
			text.WriteString(v[id])
		}
	}
	if whole < 300 {
		t.Errorf("only %d walks came to an end", whole)
	}
}
