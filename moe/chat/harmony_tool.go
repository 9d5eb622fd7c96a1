package chat

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"moed/moe/chat/jinja"
)

// harmonyTool describes a tool as a TypeScript type. The odd white space is
// what the model was trained on.
func harmonyTool(b *strings.Builder, tool any) error {
	f, _ := jinja.Lookup(tool, "function")
	name, ok := field(f, "name")
	if !ok {
		return fmt.Errorf("the function has no name")
	}
	description, ok := field(f, "description")
	if !ok {
		return fmt.Errorf("function %s has no description", name)
	}
	fmt.Fprintf(b, "// %s\ntype %s = ", description, name)
	parameters, _ := jinja.Lookup(f, "parameters")
	properties, _ := jinja.Lookup(parameters, "properties")
	if !jinja.Truth(properties) {
		b.WriteString("() => any;\n\n")
		return nil
	}
	keys, specs, ok := jinja.Pairs(properties)
	if !ok {
		return fmt.Errorf("function %s: properties are %s, not an object", name, jinja.TypeName(properties))
	}
	required := requiredOf(parameters)
	b.WriteString("(_: {\n")
	for i, spec := range specs {
		if d, ok := field(spec, "description"); ok && d != "" {
			fmt.Fprintf(b, "// %s\n", d)
		}
		typ, err := harmonyType(spec)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "%s%s: %s", keys[i], required.mark(keys[i]), typ)
		if err := harmonyDefault(b, spec); err != nil {
			return fmt.Errorf("function %s: %s: %w", name, keys[i], err)
		}
		b.WriteString(",\n")
	}
	b.WriteString("}) => any;\n\n")
	return nil
}

func harmonyDefault(b *strings.Builder, spec any) error {
	v, ok := jinja.Lookup(spec, "default")
	if !ok {
		return nil
	}
	enum, _ := jinja.Lookup(spec, "enum")
	oneOf, _ := jinja.Lookup(spec, "oneOf")
	if !jinja.Truth(enum) && !jinja.Truth(oneOf) {
		text, err := jinja.JSON(v)
		b.WriteString(", // default: " + text)
		return err
	}
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("the default is %s, not a string", jinja.TypeName(v))
	}
	if jinja.Truth(enum) {
		b.WriteString(", ")
	}
	b.WriteString("// default: " + text)
	return nil
}

// required are the properties that an object must have.
type required map[any]bool

func requiredOf(object any) required {
	v, _ := jinja.Lookup(object, "required")
	names, _ := jinja.Items(v)
	r := make(required, len(names))
	for _, n := range names {
		r[n] = true
	}
	return r
}

// mark is a question mark for a property that may be missing.
func (r required) mark(property any) string {
	if r[property] {
		return ""
	}
	return "?"
}

// harmonyType is the TypeScript type of a JSON schema.
func harmonyType(spec any) (string, error) {
	kind, _ := jinja.Lookup(spec, "type")
	if kinds, ok := jinja.Items(kind); ok && len(kinds) > 0 {
		return harmonyJoin(kinds, " | ")
	}
	oneOf, _ := jinja.Lookup(spec, "oneOf")
	switch {
	case kind == "array":
		return harmonyArray(spec)
	case jinja.Truth(oneOf):
		return harmonyUnion(oneOf)
	}
	switch kind {
	case "string":
		enum, _ := jinja.Lookup(spec, "enum")
		if values, _ := jinja.Items(enum); len(values) > 0 {
			s, err := harmonyJoin(values, `" | "`)
			return `"` + s + `"`, err
		}
		return "string" + nullable(spec), nil
	case "number", "integer":
		return "number", nil
	case "boolean":
		return "boolean", nil
	case "object":
		return harmonyObject(spec)
	}
	return "any", nil
}

func harmonyJoin(values []any, by string) (string, error) {
	parts := make([]string, len(values))
	for i, v := range values {
		var err error
		if parts[i], err = jinja.Str(v); err != nil {
			return "", err
		}
	}
	return strings.Join(parts, by), nil
}

func nullable(spec any) string {
	if v, _ := jinja.Lookup(spec, "nullable"); jinja.Truth(v) {
		return " | null"
	}
	return ""
}

func harmonyArray(spec any) (string, error) {
	items, _ := jinja.Lookup(spec, "items")
	inner := "any"
	if jinja.Truth(items) {
		kind, _ := jinja.Lookup(items, "type")
		var err error
		if kind == "string" {
			inner = "string" // an array of strings shows no enum
		} else if inner, err = harmonyType(items); err != nil {
			return "", err
		}
		if inner == "object | object" || utf8.RuneCountInString(inner) > 50 {
			inner = "any"
		}
	}
	return inner + "[]" + nullable(spec), nil
}

func harmonyUnion(oneOf any) (string, error) {
	variants, ok := jinja.Items(oneOf)
	if !ok {
		return "", fmt.Errorf("oneOf is %s, not an array", jinja.TypeName(oneOf))
	}
	var b strings.Builder
	for i, v := range variants {
		s, err := harmonyType(v)
		if err != nil {
			return "", err
		}
		b.WriteString(s)
		if d, ok := field(v, "description"); ok && d != "" {
			b.WriteString("// " + d)
		}
		if d, ok := jinja.Lookup(v, "default"); ok {
			text, err := jinja.JSON(d)
			if err != nil {
				return "", err
			}
			b.WriteString(strings.Repeat(" ", 20) + "// default: " + text)
		}
		if i < len(variants)-1 {
			b.WriteString(" | \n")
		}
	}
	return b.String(), nil
}

func harmonyObject(spec any) (string, error) {
	properties, _ := jinja.Lookup(spec, "properties")
	keys, specs, ok := jinja.Pairs(properties)
	if !ok || len(keys) == 0 {
		return "object", nil
	}
	required := requiredOf(spec)
	var b strings.Builder
	b.WriteString("{\n")
	for i, p := range specs {
		s, err := harmonyType(p)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s%s: \n%s%s", keys[i], required.mark(keys[i]), strings.Repeat(" ", 16), s)
		if i < len(keys)-1 {
			b.WriteString(", ")
		}
	}
	b.WriteString("}")
	return b.String(), nil
}
