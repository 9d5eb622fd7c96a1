package reply

import (
	"encoding/json"
	"strconv"
	"strings"
)

// rebase takes the definitions out of a schema that becomes part of a larger one,
// under names of their own, so that references find them.
func rebase(schema json.RawMessage, i int, defs map[string]any) any {
	var v any
	if json.Unmarshal(schema, &v) != nil {
		return map[string]string{"type": "object"}
	}
	root, ok := v.(map[string]any)
	if !ok {
		return v
	}
	own := "t" + strconv.Itoa(i)
	rename(v, own)
	delete(root, "$schema")
	if strings.Contains(string(schema), `"#"`) { // it refers to itself as a whole
		defs[own] = v
		v = map[string]any{"$ref": "#/$defs/" + own}
	}
	for _, key := range []string{"$defs", "definitions"} {
		named, _ := root[key].(map[string]any)
		for name, d := range named {
			defs[own+"."+name] = d
		}
		delete(root, key)
	}
	return v
}

// rename changes the references within v.
func rename(v any, own string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			rename(e, own)
		}
	case map[string]any:
		for _, e := range v {
			rename(e, own)
		}
		ref, _ := v["$ref"].(string)
		for _, key := range []string{"#/$defs/", "#/definitions/"} {
			if name, ok := strings.CutPrefix(ref, key); ok {
				v["$ref"] = "#/$defs/" + own + "." + name
			}
		}
		if ref == "#" {
			v["$ref"] = "#/$defs/" + own
		}
	}
}
