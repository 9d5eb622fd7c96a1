package template

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFill(t *testing.T) {
	tests := map[string]struct {
		yaml, input    string
		params         map[string]string
		prompt, system string
		missing        string
	}{
		"a text alone":        {yaml: "Summarise $input\n", input: "a b", prompt: "Summarise a b"},
		"no input in it":      {yaml: "prompt: Say hello", input: "loudly", prompt: "Say hello\nloudly"},
		"no input at all":     {yaml: "prompt: Say hello", prompt: "Say hello"},
		"only a system text":  {yaml: "system: Be brief", input: "why?", prompt: "why?", system: "Be brief"},
		"input in the system": {yaml: "system: About $input\nprompt: Go", input: "cats", prompt: "Go", system: "About cats"},
		"parameters":          {yaml: "prompt: '$a ${b}c $$a $1 $input'", input: "i", params: map[string]string{"a": "x", "b": "$a"}, prompt: "x $ac $a $1 i"},
		"defaults":            {yaml: "prompt: $a $b\ndefaults: {a: 1, b: no}", params: map[string]string{"b": "y"}, prompt: "1 y"},
		"missing":             {yaml: "prompt: $b $a ${b}", missing: "a, b"},
		"nothing":             {yaml: "", input: "x", prompt: "x"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tpl, err := Parse([]byte(test.yaml))
			if err != nil {
				t.Fatal(err)
			}
			prompt, system, err := tpl.Fill(test.input, test.params)
			var missing *MissingError
			if errors.As(err, &missing) {
				if got := strings.Join(missing.Names, ", "); got != test.missing {
					t.Errorf("missing %q, want %q", got, test.missing)
				}
				return
			}
			if err != nil || test.missing != "" {
				t.Fatalf("got %v, want %q missing", err, test.missing)
			}
			if prompt != test.prompt || system != test.system {
				t.Errorf("got %q and %q, want %q and %q", prompt, system, test.prompt, test.system)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for name, yaml := range map[string]string{
		"unknown key": "promt: x", "a list": "[1, 2]", "not YAML": "prompt: [", "wrong type": "extract: perhaps",
		"schema": "schema:\n  1.5: {? [a] : b}", "long": "prompt: " + strings.Repeat("x", maxSize),
	} {
		if tpl, err := Parse([]byte(yaml)); err == nil {
			t.Errorf("%s: got %+v, want an error", name, tpl)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	want := &Template{Model: "m", System: "s\nt", Prompt: "$input", Options: map[string]any{"temperature": 0.5, "stop": []any{"a", "b"}},
		Fragments: []string{"f"}, Extract: true, SchemaObject: map[string]any{"type": "object"}}
	content, err := want.YAML()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(content)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if pairs := got.OptionPairs(); !slices.Equal(pairs, []string{"stop=a", "stop=b", "temperature=0.5"}) {
		t.Errorf("options %q", pairs)
	}
	if schema, err := got.SchemaText(); schema != `{"type":"object"}` || err != nil {
		t.Errorf("schema %s, %v", schema, err)
	}
}

// FuzzParse: whatever parses can be written, read again and filled.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"Say $input", "prompt: $a\ndefaults: {a: 1}", "schema: {type: object}\noptions: {stop: [a]}",
		"schema: name, age int", "a: &a [*a]", "prompt: !!binary aGk=", "extract: true\nfragments: [-]", "schema:\n  1: {2: 3}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		tpl, err := Parse([]byte(content))
		if err != nil {
			return
		}
		tpl.OptionPairs()
		var missing *MissingError
		if _, _, err := tpl.Fill("in", nil); err != nil && !errors.As(err, &missing) {
			t.Error(err)
		}
		written, err := tpl.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(written); err != nil && len(written) <= maxSize {
			t.Errorf("%q does not parse: %v", written, err)
		}
	})
}
