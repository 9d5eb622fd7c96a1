package schema

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"names":        {"name, bio", `{"type":"object","properties":{"name":{"type":"string"},"bio":{"type":"string"}},"required":["name","bio"]}`},
		"types":        {"a int,b float, c bool ,d str", `{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"number"},"c":{"type":"boolean"},"d":{"type":"string"}},"required":["a","b","c","d"]}`},
		"descriptions": {"z, a int: how old: in years", `{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer","description":"how old: in years"}},"required":["z","a"]}`},
		"lines":        {"\nname: first, last\n\nage int\n", `{"type":"object","properties":{"name":{"type":"string","description":"first, last"},"age":{"type":"integer"}},"required":["name","age"]}`},
		"odd text":     {`"q": <a & "b">`, `{"type":"object","properties":{"\"q\"":{"type":"string","description":"<a & \"b\">"}},"required":["\"q\""]}`},
	}
	for name, test := range tests {
		got, err := Parse(test.text)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, test.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := map[string]string{
		"": "no fields", " , ": "no fields", "a text": `type "text" is not known`, "a b c": "want a name and a type",
		"a, a int": "field a is there twice", ": x": "has no name",
	}
	for text, want := range tests {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v, want an error with %q", text, got, err, want)
		}
	}
}

func TestMany(t *testing.T) {
	got := string(Many(json.RawMessage(`{}`)))
	if want := `{"type":"object","properties":{"items":{"type":"array","items":{}}},"required":["items"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// FuzzParse: what parses is JSON with as many properties as are required.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"name, age int", "a\nb: c, d", "\"\\ float: \x00", "é: ü", "a,,b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text)
		if err != nil {
			return
		}
		var s struct {
			Properties map[string]any
			Required   []string
		}
		if err := json.Unmarshal(got, &s); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		if strings.ToValidUTF8(text, "") == text && len(s.Properties) != len(s.Required) {
			t.Errorf("%s: %d properties, %d of them required", got, len(s.Properties), len(s.Required))
		}
	})
}
