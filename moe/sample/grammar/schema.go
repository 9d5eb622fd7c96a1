package grammar

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// unsupported are keywords whose meaning would be lost.
func unsupported() []string {
	return []string{"not", "if", "then", "else", "patternProperties", "propertyNames", "minProperties", "maxProperties",
		"dependentRequired", "dependentSchemas", "dependencies", "uniqueItems", "contains", "minContains", "maxContains",
		"multipleOf", "unevaluatedProperties", "unevaluatedItems", "additionalItems", "$dynamicRef", "$recursiveRef"}
}

// schema compiles the schema at path.
func (c *compiler) schema(v any, path string) (*node, error) {
	if c.work++; c.work > maxNodes || len(c.nodes) > maxNodes {
		return nil, fmt.Errorf("%s: the schema is too large: more than %d parts", path, maxNodes)
	}
	switch v := v.(type) {
	case bool:
		if v {
			return c.anything(), nil
		}
		return c.node(node{kind: kindUnion}), nil
	case map[string]any:
		return c.keywords(v, path)
	}
	return nil, fmt.Errorf("%s: a schema is an object, true or false", path)
}

func (c *compiler) keywords(s map[string]any, path string) (*node, error) {
	for _, key := range unsupported() {
		v, ok := s[key]
		if ok && v != false && (key != "additionalItems" || v != true) {
			return nil, fmt.Errorf("%s/%s: this keyword is not supported", path, key)
		}
	}
	if ref, ok := s["$ref"]; ok {
		target, n, err := c.reference(word(ref), path)
		if n != nil || err != nil && !hasMore(s) {
			return n, err
		}
		if err != nil {
			return nil, err
		}
		if !hasMore(s) {
			return c.named(word(ref), target)
		}
		return c.merged(s, "$ref", []any{target}, path)
	}
	if all, ok := s["allOf"]; ok {
		list, ok := all.([]any)
		if !ok || len(list) == 0 {
			return nil, fmt.Errorf("%s/allOf: want an array of schemas", path)
		}
		return c.merged(s, "allOf", list, path)
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if v, ok := s[key]; ok {
			return c.anyOf(s, key, v, path)
		}
	}
	n, err := c.typed(s, path)
	if err == nil && s["nullable"] == true {
		n = c.node(node{kind: kindUnion, alternatives: []*node{n, c.literal("null")}})
	}
	return n, err
}

// hasMore reports whether keywords stand beside a reference that change what it
// means.
func hasMore(s map[string]any) bool {
	for key := range s {
		if slices.Contains(meaningful(), key) {
			return true
		}
	}
	return false
}

func meaningful() []string {
	return []string{"type", "properties", "required", "additionalProperties", "items", "prefixItems", "minItems", "maxItems",
		"enum", "const", "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
		"anyOf", "oneOf", "allOf", "nullable"}
}

// reference finds what ref points to within the schema. A node is returned where
// it has been compiled, or is being.
func (c *compiler) reference(ref, path string) (any, *node, error) {
	if n := c.refs[ref]; n != nil {
		return nil, n, nil
	}
	rest, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, nil, fmt.Errorf("%s/$ref: found %q, want a place in this schema such as #/$defs/name", path, clip(ref))
	}
	at := c.root
	for step := range strings.SplitSeq(strings.TrimPrefix(rest, "/"), "/") {
		if rest == "" {
			break
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		object, _ := at.(map[string]any)
		if at, ok = object[step]; !ok {
			return nil, nil, fmt.Errorf("%s/$ref: there is no %q", path, clip(ref))
		}
	}
	return at, nil, nil
}

// named compiles what a reference points to, once: it may refer to itself.
func (c *compiler) named(ref string, target any) (*node, error) {
	if len(c.refs) == maxReferences {
		return nil, fmt.Errorf("%s: there are more than %d places that $ref refers to", clip(ref), maxReferences)
	}
	n := c.node(node{kind: kindUnion})
	c.refs[ref] = n
	inner, err := c.schema(target, ref)
	if err != nil {
		return nil, err
	}
	n.alternatives = []*node{inner}
	return n, nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}

// anyOf compiles the branches, each with what stands beside them.
func (c *compiler) anyOf(s map[string]any, key string, v any, path string) (*node, error) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil, fmt.Errorf("%s/%s: want an array of schemas", path, key)
	}
	beside := maps.Clone(s)
	delete(beside, key)
	delete(beside, "nullable")
	union := c.node(node{kind: kindUnion})
	for i, branch := range list {
		at := fmt.Sprintf("%s/%s/%d", path, key, i)
		var n *node
		var err error
		if hasMore(beside) {
			n, err = c.merged(beside, "", []any{branch}, at)
		} else {
			n, err = c.schema(branch, at)
		}
		if err != nil {
			return nil, err
		}
		union.alternatives = append(union.alternatives, n)
	}
	if s["nullable"] == true {
		union.alternatives = append(union.alternatives, c.literal("null"))
	}
	return union, nil
}

// typed compiles a schema of plain keywords.
func (c *compiler) typed(s map[string]any, path string) (*node, error) {
	kinds, err := typesOf(s, path)
	if err != nil {
		return nil, err
	}
	if v, ok := s["const"]; ok {
		return c.values([]any{v}, kinds), nil
	}
	if v, ok := s["enum"]; ok {
		list, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("%s/enum: want an array", path)
		}
		return c.values(list, kinds), nil
	}
	if kinds == nil {
		if kinds = implied(s); kinds == nil {
			return c.anything(), nil
		}
	}
	union := c.node(node{kind: kindUnion})
	for _, k := range kinds {
		n, err := c.ofType(k, s, path)
		if err != nil {
			return nil, err
		}
		union.alternatives = append(union.alternatives, n)
	}
	return union, nil
}

// typesOf is the types that a schema names, nil for none.
func typesOf(s map[string]any, path string) ([]string, error) {
	var kinds []string
	switch v := s["type"].(type) {
	case nil:
		return nil, nil
	case string:
		kinds = []string{v}
	case []any:
		for _, k := range v {
			kinds = append(kinds, word(k))
		}
	}
	for _, k := range kinds {
		if !slices.Contains([]string{"object", "array", "string", "number", "integer", "boolean", "null"}, k) {
			return nil, fmt.Errorf("%s/type: there is no type %q", path, clip(k))
		}
	}
	if len(kinds) == 0 {
		return nil, fmt.Errorf("%s/type: want the name of a type, or some", path)
	}
	return kinds, nil
}

// implied is the type of a schema that names none, by its keywords.
func implied(s map[string]any) []string {
	for _, one := range []struct {
		kind string
		keys []string
	}{
		{"object", []string{"properties", "required", "additionalProperties"}},
		{"array", []string{"items", "prefixItems", "minItems", "maxItems"}},
		{"string", []string{"minLength", "maxLength", "pattern"}},
		{"number", []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}},
	} {
		for _, k := range one.keys {
			if _, ok := s[k]; ok {
				return []string{one.kind}
			}
		}
	}
	return nil
}

// values are literals, those that are of one of the kinds.
func (c *compiler) values(list []any, kinds []string) *node {
	var texts []string
	for _, v := range list {
		if kinds == nil || slices.ContainsFunc(kinds, func(k string) bool { return is(v, k) }) {
			texts = append(texts, spell(v))
		}
	}
	slices.Sort(texts)
	return c.literal(slices.Compact(texts)...)
}

// is reports whether v is of a type.
func is(v any, kind string) bool {
	switch v := v.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	default:
		n, _ := numberOf(v)
		return kind == "number" || kind == "integer" && !strings.ContainsAny(n, ".eE")
	}
}
