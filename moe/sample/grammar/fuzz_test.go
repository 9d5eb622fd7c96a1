package grammar_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"moed/moe/sample/grammar"
)

// FuzzSchema compiles hostile schemas and follows what they allow: it ends soon,
// and no place is a dead end.
func FuzzSchema(f *testing.F) {
	for _, s := range []string{`{}`, person, `{"type":"object","properties":{"a":{"$ref":"#"}}}`, `{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"type":"integer","minimum":-3}}}`,
		`{"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"array","items":{"$ref":"#"}},{"const":1}]}`, `{"type":"string","pattern":"^(a|b)*[^x]é{2,5}$"}`,
		`{"type":"string","pattern":"[\\x{80}-\\x{10ffff}]$"}`, `{"enum":["a",{"b":[1e5,null]}],"nullable":true}`, `{"type":"number","exclusiveMinimum":1e-300,"maximum":1e300}`,
		`{"prefixItems":[true,false],"minItems":1,"maxItems":9}`, `{"type":["array","object"],"minItems":2,"required":["x"],"additionalProperties":{"type":"null"}}`} {
		f.Add([]byte(s), uint64(1))
	}
	v := newVocabulary(pieces()...)
	index := grammar.NewIndex(v)
	f.Fuzz(func(t *testing.T, schema []byte, seed uint64) {
		start := time.Now()
		g, err := grammar.Schema(schema)
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("%.200q took %v to compile", schema, took)
		}
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		m := g.Matcher(index)
		logits := make([]float32, len(v))
		var text strings.Builder
		for range 60 {
			clear(logits)
			m.Mask(logits)
			var allowed []int32
			for id := range logits {
				if !math.IsInf(float64(logits[id]), -1) {
					allowed = append(allowed, int32(id))
				}
			}
			if len(allowed) == 0 {
				t.Fatalf("%q behind %q: nothing is allowed", schema, text.String())
			}
			seed = seed*6364136223846793005 + 1442695040888963407
			id := allowed[int(seed>>33)%len(allowed)]
			if err := m.Accept(id); err != nil {
				t.Fatal(err)
			}
			if v.IsEnd(id) {
				if !json.Valid([]byte(text.String())) {
					t.Fatalf("%q makes %q", schema, text.String())
				}
				return
			}
			text.WriteString(v[id])
		}
	})
}
