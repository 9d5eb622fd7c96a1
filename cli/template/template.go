package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Template is what a file says. Its zero value says nothing.
type Template struct {
	Name            string         `yaml:"name,omitempty"`
	Model           string         `yaml:"model,omitempty"`
	System          string         `yaml:"system,omitempty"`
	Prompt          string         `yaml:"prompt,omitempty"`
	Options         map[string]any `yaml:"options,omitempty"`
	Defaults        map[string]any `yaml:"defaults,omitempty"`
	Fragments       []string       `yaml:"fragments,omitempty"`
	SystemFragments []string       `yaml:"system_fragments,omitempty"`
	Tools           []string       `yaml:"tools,omitempty"`
	Schema          any            `yaml:"schema,omitempty"` // a JSON schema, or text in the short form of package schema
	SchemaObject    map[string]any `yaml:"schema_object,omitempty"`
	Extract         bool           `yaml:"extract,omitempty"`
	ExtractLast     bool           `yaml:"extract_last,omitempty"`
}

// maxSize is the longest that a template may be, in bytes.
const maxSize = 1 << 20

// Parse reads the content of a template file.
func Parse(content []byte) (*Template, error) {
	if len(content) > maxSize {
		return nil, fmt.Errorf("a template of %d bytes, at most %d are read", len(content), maxSize)
	}
	var text string
	if err := yaml.Unmarshal(content, &text); err == nil {
		return &Template{Prompt: text}, nil
	}
	t := &Template{}
	d := yaml.NewDecoder(bytes.NewReader(content))
	d.KnownFields(true)
	if err := d.Decode(t); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("template: %s", plainly(err))
	}
	if _, err := t.SchemaText(); err != nil {
		return nil, err
	}
	return t, nil
}

// plainly is an error of the YAML library on one line, without its own types.
func plainly(err error) string {
	return strings.NewReplacer("yaml: ", "", "unmarshal errors:\n  ", "", "\n  ", "; ", "not found in type template.Template", "is not known").Replace(err.Error())
}

// YAML is the content of a file that says what t says.
func (t *Template) YAML() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	err := errors.Join(e.Encode(t), e.Close())
	return b.Bytes(), err
}

// SchemaText is the schema as JSON or in the short form; "" where there is none.
func (t *Template) SchemaText() (string, error) {
	var schema any = t.SchemaObject
	if t.SchemaObject == nil {
		schema = t.Schema
	}
	switch s := schema.(type) {
	case nil:
		return "", nil
	case string:
		return s, nil
	}
	content, err := json.Marshal(schema)
	if err != nil {
		return "", fmt.Errorf("template: schema: %w", err)
	}
	return string(content), nil
}

// OptionPairs are the options as KEY=VALUE, by key.
func (t *Template) OptionPairs() []string {
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(t.Options)) {
		if list, is := t.Options[key].([]any); is { // stop strings
			for _, v := range list {
				pairs = append(pairs, fmt.Sprintf("%s=%v", key, v))
			}
			continue
		}
		pairs = append(pairs, key+"="+plain(t.Options[key]))
	}
	return pairs
}

// plain is a value of YAML as one would write it after -o.
func plain(v any) string {
	if m, is := v.(map[string]any); is {
		if text, err := json.Marshal(m); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v)
}

// variable is $$, $name or ${name}.
var variable = regexp.MustCompile(`\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})`)

// UsesInput reports whether $input is in the prompt or the system text.
func (t *Template) UsesInput() bool {
	for _, m := range variable.FindAllStringSubmatch(t.Prompt+"\n"+t.System, -1) {
		if m[1]+m[2] == "input" {
			return true
		}
	}
	return false
}

// MissingError names variables that have no value.
type MissingError struct{ Names []string }

func (e *MissingError) Error() string {
	return "the template wants a value for " + strings.Join(e.Names, ", ")
}

// Fill is the prompt and the system text with input and params in place of
// variables.
func (t *Template) Fill(input string, params map[string]string) (prompt, system string, err error) {
	missing := map[string]bool{}
	fill := func(text string) string {
		return variable.ReplaceAllStringFunc(text, func(found string) string {
			m := variable.FindStringSubmatch(found)
			name := m[1] + m[2]
			if name == "" {
				return "$"
			}
			if name == "input" {
				return input
			}
			if v, ok := params[name]; ok {
				return v
			}
			if v, ok := t.Defaults[name]; ok {
				return fmt.Sprint(v)
			}
			missing[name] = true
			return ""
		})
	}
	system, prompt = fill(t.System), fill(t.Prompt)
	if len(missing) > 0 {
		return "", "", &MissingError{slices.Sorted(maps.Keys(missing))}
	}
	switch {
	case t.UsesInput() && t.Prompt != "":
	case t.UsesInput(): // the system text has it
	case prompt == "":
		prompt = input
	case input != "":
		prompt += "\n" + input
	}
	return prompt, system, nil
}
