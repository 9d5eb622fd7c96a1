package grammar_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"moed/moe/sample/grammar"
)

// vocabulary is tokens by id; the last ends, the one before it is a control token.
type vocabulary []string

func (v vocabulary) Len() int                          { return len(v) }
func (v vocabulary) Bytes(dst []byte, id int32) []byte { return append(dst, v[id]...) }
func (v vocabulary) IsEnd(id int32) bool               { return int(id) == len(v)-1 }
func (v vocabulary) IsControl(id int32) bool           { return int(id) == len(v)-2 }

// newVocabulary has all bytes, and some pieces.
func newVocabulary(pieces ...string) vocabulary {
	var v vocabulary
	for b := range 256 {
		v = append(v, string([]byte{byte(b)}))
	}
	return append(append(v, pieces...), "<ctl>", "<end>")
}

func pieces() []string {
	return []string{`{"`, `"}`, `":`, `": "`, `","`, `},{`, `[{`, "}]", "null", "true", "false", "nul", "00", "12", "3.", "-1", "e5",
		`\"`, `\u`, `\ud8`, "00\\u", "aa", "ab\"", "é", "日本", "\n  ", " ", "  ", `{"a":`, `"a"`, "\xe6", "\xa5\xbd", "abc", `x","y":`, "]]", "}}", "[[", "€\"", ""}
}

func compile(t testing.TB, schema string) *grammar.Grammar {
	t.Helper()
	g, err := grammar.Schema([]byte(schema))
	if err != nil {
		t.Fatalf("%.200s: %v", schema, err)
	}
	return g
}

// takes reports whether all of a document is taken, byte by byte, and is whole.
func takes(g *grammar.Grammar, document string) error {
	v := newVocabulary()
	m := g.Matcher(v)
	for i := range len(document) {
		if err := m.Accept(int32(document[i])); err != nil {
			return fmt.Errorf("behind %q, byte %q: %w", document[:i], document[i], err)
		}
	}
	if !m.Allows(int32(len(v) - 1)) {
		return fmt.Errorf("%q is not whole", document)
	}
	return nil
}

func TestSchema(t *testing.T) {
	for _, c := range []struct {
		schema    string
		yes, noes []string
	}{
		{`true`, []string{`1`, ` 1`, `"a"`, `{}`, `[]`, `null`, `-0.5e+10`, `[[1,2],{"a":{}}]`}, []string{`tru`, `01`, `1.`, `{a}`, `[1,]`, `{"a":1,}`, `"` + "\n" + `"`, `"\x"`, `  1`, "\t1", `1 `, `+1`, `.5`, "\"\xff\"", `"\ud800"`, `"\udc00"`, `"\ud800\u0041"`}},
		{`{}`, []string{`"\ud83d\ude00\n\u00E9é日😀"`, "[ 1,\n    2 ]", `{"a": "b"}`}, []string{"[1,\n\n2]", "[" + strings.Repeat(" ", 21) + "1]", `"` + "\xed\xa0\x80" + `"`, "\"\xf4\x90\x80\x80\"", "\"\xc0\x80\""}},
		{`{"type":"object"}`, []string{`{}`, `{"a":{"b":[1]}}`}, []string{`[]`, `1`}},
		{`{"type":"object","properties":{}}`, []string{`{}`}, []string{`{"a":1}`}},
		{`{"type":"object","properties":{"a":{"type":"integer"},"ab":{"type":"string"},"b":{"type":"null"}},"required":["ab"]}`,
			[]string{`{"ab":""}`, `{"a":1,"ab":"x"}`, `{"ab":"x","a":-5,"b":null}`}, []string{`{}`, `{"a":1}`, `{"a":1.5,"ab":""}`, `{"ab":"","ab":""}`, `{"ab":"","c":1}`, `{"ab":1}`}},
		{`{"properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"string"}}`, []string{`{"a":1,"b":"x"}`, `{"aa":"x","":""}`, `{"\"\\é":"x"}`}, []string{`{"a":"x"}`, `{"b":1}`, `{"\u0061":"x"}`}},
		{`{"properties":{"a":{"type":"integer"}},"additionalProperties":true,"required":["b"]}`, []string{`{"b":[],"c":1}`}, []string{`{"a":1}`}},
		{`{"required":["b"]}`, []string{`{"b":[]}`}, []string{`{}`, `{"c":1}`}},
		{`{"properties":{"q\"\u00e9\n":{"type":"null"}},"required":["q\"\u00e9\n"]}`, []string{`{"q\"é\n":null}`}, []string{`{}`}},
		{`{"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3}`, []string{`[1,2]`, `[1,2,3]`}, []string{`[]`, `[1]`, `[1,2,3,4]`, `[1,"a"]`}},
		{`{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}`, []string{`[]`, `["a"]`, `["a",1]`}, []string{`[1]`, `["a",1,2]`}},
		{`{"type":"array","prefixItems":[{"type":"string"}],"items":{"type":"null"},"minItems":2}`, []string{`["a",null,null]`}, []string{`["a"]`, `["a",1]`}},
		{`{"type":"array","maxItems":0}`, []string{`[]`}, []string{`[1]`}},
		{`{"enum":["a","ab",1,10,true,null,{"x":[1]}]}`, []string{`"a"`, `"ab"`, `1`, `10`, `true`, `null`, `{"x":[1]}`}, []string{`"b"`, `2`, `100`, `false`}},
		{`{"type":"string","enum":["a",1]}`, []string{`"a"`}, []string{`1`}},
		{`{"const":"x<y>\u2028"}`, []string{"\"x<y>\u2028\""}, []string{`"x"`}},
		{`{"type":"string","minLength":2,"maxLength":3}`, []string{`"éé"`, `"abc"`, `"\u00e9\ud83d\ude00"`, `"😀\n"`}, []string{`"a"`, `"abcd"`, `""`}},
		{`{"type":"string","pattern":"^[a-c]+-\\d{2}$"}`, []string{`"abc-12"`}, []string{`"abc-1"`, `"x-12"`, `"a-123"`, `""`}},
		{`{"type":"string","pattern":"é|[日-本]"}`, []string{`"xéy"`, `"日"`, `"本\n"`}, []string{`"x"`, `""`}},
		{`{"type":"string","pattern":"^(\"|\\\\)$"}`, []string{`"\""`, `"\\"`}, []string{`"a"`, `""`}},
		{`{"type":"integer"}`, []string{`0`, `-7`, `1234567890123456789`}, []string{`1.0`, `1e2`, `007`, `-`, `12345678901234567890`}},
		{`{"type":"integer","minimum":3,"maximum":120}`, []string{`3`, `12`, `120`}, []string{`2`, `121`, `-3`, `1200`, `0`}},
		{`{"type":"integer","minimum":-12,"exclusiveMaximum":0}`, []string{`-12`, `-1`}, []string{`0`, `-13`, `1`}},
		{`{"type":"integer","exclusiveMinimum":5}`, []string{`6`, `999999999999999999`}, []string{`5`, `-6`, `4`}},
		{`{"type":"number","minimum":-0.25,"maximum":1.5}`, []string{`0`, `-0.25`, `1.5`, `1.50`, `0.333333`}, []string{`-0.26`, `1.51`, `2`, `1e0`}},
		{`{"type":"number","exclusiveMinimum":0,"maximum":0.1}`, []string{`0.1`, `0.000001`}, []string{`0`, `0.0`, `0.2`}},
		{`{"type":["string","null"]}`, []string{`"a"`, `null`}, []string{`1`}},
		{`{"type":"string","nullable":true}`, []string{`"a"`, `null`}, []string{`1`}},
		{`{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"boolean"}}]}`, []string{`"a"`, `[true]`}, []string{`[1]`}},
		{`{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"oneOf":[{"required":["a"]},{"required":["b"]}]}`, []string{`{"a":1}`, `{"b":1}`}, []string{`{}`}},
		{`{"allOf":[{"$ref":"#/$defs/x"},{"properties":{"b":{"type":"null"}},"required":["b"]}],"$defs":{"x":{"type":"object","properties":{"a":{"type":"null"}},"required":["a"]}}}`, []string{`{"a":null,"b":null}`}, []string{`{"a":null}`, `{"b":null}`}},
		{`{"$ref":"#/$defs/t","$defs":{"t":{"type":"object","properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#/$defs/t"}}},"required":["v"]}}}`, []string{`{"v":1,"kids":[{"v":2},{"kids":[],"v":3}]}`}, []string{`{"kids":[]}`, `{"v":1,"kids":[1]}`}},
		{`{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["next"]}`, []string{`{"next":{"next":null}}`}, []string{`{}`}},
		{`{"anyOf":[{"$ref":"#"},{"type":"null"}]}`, []string{`null`}, []string{`1`}},
		{`{"properties":{"a":false,"b":{"type":"null"}}}`, []string{`{}`, `{"b":null}`}, []string{`{"a":1}`}},
		{`{"type":"string","format":"date","description":"x","title":"t","default":1,"x-other":{}}`, []string{`"a"`}, nil},
		{`{"a~/b":{"type":"null"},"$ref":"#/a~0~1b"}`, []string{`null`}, []string{`1`}},
	} {
		g := compile(t, c.schema)
		for _, document := range c.yes {
			if err := takes(g, document); err != nil {
				t.Errorf("%s: %v", c.schema, err)
			}
		}
		for _, document := range c.noes {
			if takes(g, document) == nil {
				t.Errorf("%s takes %q", c.schema, document)
			}
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	for _, c := range []struct{ schema, want string }{
		{``, "not JSON"}, {`{} {}`, "not JSON"}, {`1`, "#: a schema is an object"},
		{`{"properties":{"a":{"not":{}}}}`, "#/properties/a/not: this keyword is not supported"},
		{`{"type":"array","uniqueItems":true}`, "#/uniqueItems"},
		{`{"type":"strnig"}`, `#/type: there is no type "strnig"`}, {`{"type":[]}`, "#/type"}, {`{"type":5}`, "#/type"},
		{`{"enum":5}`, "#/enum"}, {`{"enum":[]}`, "no value"}, {`false`, "no value"},
		{`{"anyOf":[]}`, "#/anyOf"}, {`{"allOf":{}}`, "#/allOf"},
		{`{"type":"object","properties":5}`, "#/properties"}, {`{"properties":{"a/b":5}}`, "#/properties/a~1b"},
		{`{"required":5}`, "#/required"}, {`{"required":[5]}`, "#/required"},
		{`{"type":"string","minLength":-1}`, "#/minLength"}, {`{"type":"string","minLength":1.5}`, "#/minLength"}, {`{"type":"string","maxLength":1e99}`, "#/maxLength"},
		{`{"type":"string","minLength":3,"maxLength":2}`, "no value"},
		{`{"type":"string","pattern":"("}`, "#/pattern"}, {`{"type":"string","pattern":"a(?=b)"}`, "#/pattern"}, {`{"type":"string","pattern":"\\bx"}`, "#/pattern"},
		{`{"type":"string","pattern":"(?i)a"}`, "#/pattern"}, {`{"type":"string","pattern":"a{1000}"}`, "#/pattern"}, {`{"type":"string","pattern":"a$b"}`, "no value"}, {`{"type":"string","pattern":"^\u0001$"}`, "no value"},
		{`{"type":"string","pattern":"a","minLength":3}`, "#/pattern"}, {`{"type":"string","pattern":5}`, "#/pattern"},
		{`{"type":"integer","minimum":3,"maximum":2}`, "no value"}, {`{"type":"integer","minimum":0.2,"maximum":0.8}`, "no value"}, {`{"type":"integer","minimum":"3"}`, "#/minimum"}, {`{"type":"integer","minimum":1e30}`, "no value"},
		{`{"$ref":"#/x"}`, "#/$ref"}, {`{"$ref":"http://x/y"}`, "#/$ref"}, {`{"$ref":"#"}`, "no value"}, {`{"$ref":5}`, "#/$ref"},
		{`{"$ref":"#","type":"object"}`, "too large"}, {`{"allOf":[{"$ref":"#"}]}`, "too large"},
		{`{"properties":{"a":{"$ref":"#"}},"required":["a"]}`, "no value"},
		{`{"allOf":[{"type":"string"},{"type":"integer"}]}`, "cannot be merged"},
		{`{"type":"array","prefixItems":[false],"minItems":1}`, "no value"}, {`{"type":"array","prefixItems":5}`, "#/prefixItems"}, {`{"type":"array","minItems":16000000,"items":{"type":"null"},"maxItems":1}`, "no value"},
		{strings.Repeat(`{"items":`, 100) + `{}` + strings.Repeat(`}`, 100), "nests deeper"},
		{`{"description":"` + strings.Repeat("x", 1<<19) + `"}`, "bytes, at most"},
	} {
		g, err := grammar.Schema([]byte(c.schema))
		if err == nil || g != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100s: got %v, want %q", c.schema, err, c.want)
		}
	}
}

// A document is taken in any tokens that it can be cut into.
func TestTokenizations(t *testing.T) {
	v := newVocabulary(pieces()...)
	for _, c := range []struct{ schema, document string }{
		{`{}`, `{"a":"日本é","b":[[1,2],null,true,12.5e5],"c":{"x":"abc","y":"\"\u00e9\ud83d\ude00"}}`},
		{`{"properties":{"a":{"type":"integer"},"aa":{"type":"array","items":{"enum":["abc","ab","aa"]}}},"required":["a"]}`, "{\"aa\":[\"ab\",\"abc\"],\n  \"a\": 1200}"},
	} {
		g := compile(t, c.schema)
		for seed := range uint64(50) {
			random := rand.New(rand.NewPCG(seed, 7))
			m := g.Matcher(v)
			for rest := c.document; rest != ""; {
				var fit []int32
				for id := range int32(len(v) - 2) {
					if v[id] != "" && strings.HasPrefix(rest, v[id]) {
						fit = append(fit, id)
					}
				}
				id := fit[random.IntN(len(fit))]
				if !m.Allows(id) {
					t.Fatalf("before %q: %q is not allowed", rest, v[id])
				}
				if err := m.Accept(id); err != nil {
					t.Fatal(err)
				}
				rest = rest[len(v[id]):]
			}
			if !m.Done() {
				t.Errorf("%s is not done", c.document)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	g := grammar.JSON()
	for document, want := range map[string]bool{`{}`: true, `{"a":[1,{"b":null}]}`: true, `[]`: false, `1`: false, strings.Repeat(`{"a":`, 24) + "1" + strings.Repeat("}", 24): true,
		strings.Repeat(`{"a":`, 25) + "1" + strings.Repeat("}", 25): false} {
		if err := takes(g, document); (err == nil) != want {
			t.Errorf("%s: %v", document, err)
		}
	}
}
