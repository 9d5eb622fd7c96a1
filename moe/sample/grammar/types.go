package grammar

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// ofType compiles a schema as one of a type.
func (c *compiler) ofType(kind string, s map[string]any, path string) (*node, error) {
	switch kind {
	case "null":
		return c.literal("null"), nil
	case "boolean":
		return c.literal("false", "true"), nil
	case "string":
		return c.ofString(s, path)
	case "number", "integer":
		return c.ofNumber(kind == "integer", s, path)
	case "array":
		return c.ofArray(s, path)
	}
	return c.ofObject(s, path)
}

// size reads a keyword that counts something; it is otherwise where s has none.
func size(s map[string]any, key, path string, otherwise int32) (int32, error) {
	v, ok := s[key]
	if !ok {
		return otherwise, nil
	}
	text, _ := numberOf(v)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n != float64(int64(n)) || n > 1<<24 {
		return 0, fmt.Errorf("%s/%s: want a whole number from 0 to %d", path, key, 1<<24)
	}
	return int32(n), nil
}

func (c *compiler) ofString(s map[string]any, path string) (*node, error) {
	n := c.text()
	var err error
	if n.shortest, err = size(s, "minLength", path, 0); err != nil {
		return nil, err
	}
	if n.longest, err = size(s, "maxLength", path, -1); err != nil {
		return nil, err
	}
	source, ok := s["pattern"]
	if !ok {
		return n, nil
	}
	if n.shortest > 0 || n.longest >= 0 {
		return nil, fmt.Errorf("%s/pattern: a pattern together with minLength or maxLength is not supported", path)
	}
	text, ok := source.(string)
	if !ok {
		return nil, fmt.Errorf("%s/pattern: want a string", path)
	}
	if n.pattern, err = newPattern(text); err != nil {
		return nil, fmt.Errorf("%s/pattern: %w", path, err)
	}
	return n, nil
}

func (c *compiler) ofNumber(integer bool, s map[string]any, path string) (*node, error) {
	n := c.node(node{kind: kindNumber, integer: integer})
	b := bounds{low: -boundedMost, high: boundedMost, places: boundedPlaces}
	if integer {
		b.places = 0
	}
	for _, one := range []struct {
		key              string
		upper, exclusive bool
	}{{"minimum", false, false}, {"maximum", true, false}, {"exclusiveMinimum", false, true}, {"exclusiveMaximum", true, true}} {
		v, ok := s[one.key]
		if !ok {
			continue
		}
		text, number := numberOf(v)
		at, err := limit(text, b.places, one.upper, one.exclusive)
		if !number || err != nil {
			return nil, fmt.Errorf("%s/%s: want a number", path, one.key)
		}
		if one.upper {
			b.high = min(b.high, at)
		} else {
			b.low = max(b.low, at)
		}
		n.bounds = &b
	}
	return n, nil
}

func (c *compiler) ofArray(s map[string]any, path string) (*node, error) {
	n := c.node(node{kind: kindArray})
	var err error
	if n.least, err = size(s, "minItems", path, 0); err != nil {
		return nil, err
	}
	if n.most, err = size(s, "maxItems", path, -1); err != nil {
		return nil, err
	}
	if v, ok := s["prefixItems"]; ok {
		list, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("%s/prefixItems: want an array of schemas", path)
		}
		for i, one := range list {
			item, err := c.schema(one, fmt.Sprintf("%s/prefixItems/%d", path, i))
			if err != nil {
				return nil, err
			}
			n.fixed = append(n.fixed, item)
		}
	}
	if v, ok := s["items"]; ok {
		n.items, err = c.schema(v, path+"/items")
		return n, err
	}
	if n.fixed == nil {
		n.items = c.anything()
	}
	return n, nil
}

func (c *compiler) ofObject(s map[string]any, path string) (*node, error) {
	n := c.node(node{kind: kindObject})
	properties, ok := s["properties"].(map[string]any)
	if _, has := s["properties"]; has && !ok {
		return nil, fmt.Errorf("%s/properties: want an object of schemas", path)
	}
	required, err := requiredOf(s, path)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range properties {
		names = append(names, name)
	}
	for _, name := range required {
		if _, ok := properties[name]; !ok {
			names = append(names, name)
		}
	}
	if len(names) > maxProperties {
		return nil, fmt.Errorf("%s/properties: there are %d, at most %d are supported", path, len(names), maxProperties)
	}
	sort.Strings(names) // so that errors are the same each time
	extra, has := s["additionalProperties"]
	if _, lists := s["properties"]; !has && !lists && len(names) == 0 || extra == true {
		n.extra = c.anything()
		n.nest = len(names) == 0
	} else if has && extra != false {
		if n.extra, err = c.schema(extra, path+"/additionalProperties"); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		value := n.extra
		if v, ok := properties[name]; ok {
			value, err = c.schema(v, path+"/properties/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(clip(name)))
		} else if value == nil {
			value = c.anything()
		}
		if err != nil {
			return nil, err
		}
		key := spell(name)
		n.properties = append(n.properties, property{key[1 : len(key)-1], value, slices.Contains(required, name)})
	}
	slices.SortFunc(n.properties, func(a, b property) int { return strings.Compare(a.key, b.key) })
	return n, nil
}

func requiredOf(s map[string]any, path string) ([]string, error) {
	v, ok := s["required"]
	if !ok {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s/required: want an array of names", path)
	}
	if len(list) > 2*maxProperties {
		return nil, fmt.Errorf("%s/required: there are %d names, at most %d are supported", path, len(list), 2*maxProperties)
	}
	var names []string
	for _, one := range list {
		name, ok := one.(string)
		if !ok {
			return nil, fmt.Errorf("%s/required: want an array of names", path)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}
