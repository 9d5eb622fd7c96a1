package reply

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// types are the JSON types that a tool's schema allows for each of its
// parameters.
type types struct {
	root       map[string]json.RawMessage // all of the schema, for references
	properties map[string]json.RawMessage
}

func newTypes(schema json.RawMessage) types {
	var t types
	// What is no object has no types.
	_ = json.Unmarshal(schema, &t.root)
	_ = json.Unmarshal(t.root["properties"], &t.properties)
	return t
}

const deepestReference = 8

// of lists the types of a schema; none where it does not say.
func (t types) of(schema json.RawMessage, depth int) []string {
	var s struct {
		Type  json.RawMessage
		Enum  []json.RawMessage
		Const json.RawMessage
		AnyOf []json.RawMessage
		OneOf []json.RawMessage
		AllOf []json.RawMessage
		Ref   string `json:"$ref"`
	}
	if depth == 0 || json.Unmarshal(schema, &s) != nil {
		return nil
	}
	var one string
	var out []string
	if json.Unmarshal(s.Type, &one) == nil {
		out = append(out, one)
	} else {
		_ = json.Unmarshal(s.Type, &out)
	}
	if s.Type == nil {
		if s.Const != nil {
			out = append(out, kindOf(s.Const))
		}
		for _, e := range s.Enum {
			out = append(out, kindOf(e))
		}
	}
	for _, branch := range slices.Concat(s.AnyOf, s.OneOf, s.AllOf) {
		out = append(out, t.of(branch, depth-1)...)
	}
	for _, key := range []string{"$defs", "definitions"} {
		if name, ok := strings.CutPrefix(s.Ref, "#/"+key+"/"); ok {
			var defs map[string]json.RawMessage
			_ = json.Unmarshal(t.root[key], &defs)
			out = append(out, t.of(defs[name], depth-1)...)
		}
	}
	return out
}

// kindOf is the type of a JSON value.
func kindOf(raw []byte) string {
	switch raw = bytes.TrimSpace(raw); {
	case len(raw) == 0:
		return ""
	case raw[0] == '"':
		return "string"
	case raw[0] == '{':
		return "object"
	case raw[0] == '[':
		return "array"
	case raw[0] == 't', raw[0] == 'f':
		return "boolean"
	case raw[0] == 'n':
		return "null"
	}
	return "number"
}

// convert is the untyped text of a parameter as JSON. What does not fit the
// parameter's types is a string; without types, what is JSON is taken for it.
func (t types) convert(key, text string) []byte {
	allowed := t.of(t.properties[key], deepestReference)
	as := strings.TrimSpace(text)
	switch strings.ToLower(as) { // Python's spelling
	case "true", "false":
		if slices.Contains(allowed, "boolean") {
			as = strings.ToLower(as)
		}
	case "null", "none":
		if slices.Contains(allowed, "null") {
			as = "null"
		}
	}
	if json.Valid([]byte(as)) {
		kind := kindOf([]byte(as))
		fits := slices.Contains(allowed, kind) || kind == "number" && slices.Contains(allowed, "integer")
		text := slices.Contains(allowed, "string") && kind != "null"
		if kind != "string" && (len(allowed) == 0 || fits && !text) {
			var out bytes.Buffer
			_ = json.Compact(&out, []byte(as)) // it is valid
			return out.Bytes()
		}
	}
	return quote(text)
}

// quote is s as a JSON string.
func quote(s string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // strings always encode
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
