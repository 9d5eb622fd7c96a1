// Package schema turns a short description of what an answer has into a JSON
// schema.
//
// # What
//
// The short form, as llm has it, names the fields of an object: "name, age int,
// bio: a short text". Fields are separated by commas, or where there is more
// than one line, by lines.
//
// # Nouns
//
// A field is a name, after it a type (str, int, float, bool; str where there is
// none), after a colon what the model should know of it. All fields are
// required.
//
// # Caveats
//
// Fields keep their order in the schema, and models are held to it. Functions
// are pure.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Parse turns the short form into a JSON schema. The error names the field that
// is wrong.
func Parse(text string) (json.RawMessage, error) {
	separator := ","
	if strings.Contains(strings.TrimSpace(text), "\n") {
		separator = "\n"
	}
	var properties []string
	var names []string
	seen := map[string]bool{}
	for _, field := range strings.Split(text, separator) {
		if strings.TrimSpace(field) == "" {
			continue
		}
		name, property, err := parseField(field)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("field %s is there twice", name)
		}
		seen[name] = true
		properties = append(properties, quote(name)+":"+property)
		names = append(names, quote(name))
	}
	if names == nil {
		return nil, fmt.Errorf("no fields; write them like: name, age int, bio: a short text")
	}
	return json.RawMessage(`{"type":"object","properties":{` + strings.Join(properties, ",") + `},"required":[` + strings.Join(names, ",") + `]}`), nil
}

func parseField(field string) (name, property string, err error) {
	head, description, _ := strings.Cut(field, ":")
	words := strings.Fields(head)
	if len(words) == 0 {
		return "", "", fmt.Errorf("field %q has no name", strings.TrimSpace(field))
	}
	kind := "str"
	switch {
	case len(words) == 2:
		kind = words[1]
	case len(words) > 2:
		return "", "", fmt.Errorf("field %q: want a name and a type; what else there is to say goes after a colon", strings.TrimSpace(head))
	}
	kinds := map[string]string{"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
	if kinds[kind] == "" {
		return "", "", fmt.Errorf("field %s: type %q is not known; there are str, int, float, bool", words[0], kind)
	}
	property = `{"type":` + quote(kinds[kind])
	if d := strings.TrimSpace(description); d != "" {
		property += `,"description":` + quote(d)
	}
	return words[0], property + "}", nil
}

// Many is the schema of any number of what one describes: an object whose items
// are they.
func Many(one json.RawMessage) json.RawMessage {
	return json.RawMessage(`{"type":"object","properties":{"items":{"type":"array","items":` + string(one) + `}},"required":["items"]}`)
}

// quote is text as JSON has it.
func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(err) // a string can be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}
