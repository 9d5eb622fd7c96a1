package grammar

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// merged compiles s, without its keyword key, and all of list as one schema.
func (c *compiler) merged(s map[string]any, key string, list []any, path string) (*node, error) {
	all := maps.Clone(s)
	delete(all, key)
	for i, one := range list {
		at := fmt.Sprintf("%s/%s/%d", path, key, i)
		part, err := c.resolved(one, at)
		if err != nil {
			return nil, err
		}
		if err := merge(all, part, at); err != nil {
			return nil, err
		}
		c.work += len(all)
		for _, key := range []string{"properties", "required", "allOf"} {
			switch v := all[key].(type) {
			case []any:
				c.work += len(v)
			case map[string]any:
				c.work += len(v)
			}
		}
		if c.work > maxNodes {
			return nil, fmt.Errorf("%s: the schema is too large: more than %d parts", at, maxNodes)
		}
	}
	return c.schema(all, path)
}

// resolved follows references that stand alone.
func (c *compiler) resolved(v any, path string) (map[string]any, error) {
	for range maxNesting {
		s, ok := v.(map[string]any)
		if !ok {
			if v == true {
				return nil, nil
			}
			return nil, fmt.Errorf("%s: want an object that can be merged", path)
		}
		ref, ok := s["$ref"]
		if !ok || hasMore(s) {
			return s, nil
		}
		// What has been compiled has its source still.
		found := compiler{root: c.root}
		target, _, err := found.reference(word(ref), path)
		if err != nil {
			return nil, err
		}
		v = target
	}
	return nil, fmt.Errorf("%s: the references go in a circle", path)
}

// merge adds the keywords of part to those of all.
func merge(all, part map[string]any, path string) error {
	for _, key := range slices.Sorted(maps.Keys(part)) {
		v := part[key]
		old, has := all[key]
		switch {
		case !has || !slices.Contains(meaningful(), key) && !slices.Contains(unsupported(), key):
			all[key] = v
		case reflect.DeepEqual(old, v):
		case key == "required":
			a, _ := old.([]any)
			b, _ := v.([]any)
			all[key] = slices.Concat(a, b)
		case key == "properties":
			a, _ := old.(map[string]any)
			b, _ := v.(map[string]any)
			both := maps.Clone(a)
			if both == nil {
				both = map[string]any{}
			}
			for name, p := range b {
				if q, ok := both[name]; ok && !reflect.DeepEqual(p, q) {
					p = map[string]any{"allOf": []any{q, p}}
				}
				both[name] = p
			}
			all[key] = both
		case key == "allOf":
			a, _ := old.([]any)
			b, _ := v.([]any)
			all[key] = slices.Concat(a, b)
		case key == "type" && old == "number" && v == "integer":
			all[key] = v
		case key == "type" && old == "integer" && v == "number":
		case key == "additionalProperties" && (old == false || v == false):
			all[key] = false
		default:
			return fmt.Errorf("%s/%s: found next to another %s, and the two cannot be merged", path, key, key)
		}
	}
	return nil
}
