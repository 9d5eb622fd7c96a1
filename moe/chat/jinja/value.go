package jinja

import (
	"fmt"
	"strings"
)

// Values of the template language are nil (none), bool, int64, float64,
// bigint, string, undefined, *list, *dict, *namespace, *loop and *function.
// All but *namespace and *loop are immutable, so they may be shared freely:
// no template can change the caller's messages, nor build a cycle.

// undefined is what a missing variable, key or index evaluates to; what says
// which one, for error texts.
type undefined struct{ what string }

// bigint is an integer beyond int64, kept as its decimal digits so that tojson
// repeats it exactly; no arithmetic is done on it.
type bigint string

// list is a Python list or tuple.
type list struct {
	items []any
	tuple bool
	depth int // containers on the longest path down, this one included
}

// dict keeps its keys in order of insertion.
type dict struct {
	keys  []any
	vals  []any
	index map[any]int // place of a key in keys
	depth int
}

// namespace is the one mutable object a template can make.
type namespace struct{ vars map[string]any }

// function is a macro, a global function or a bound method.
type function struct {
	name string
	call func(r *run, a args) (any, error)
}

func newList(items []any) *list {
	l := &list{items: items, depth: 1}
	for _, it := range items {
		l.depth = max(l.depth, 1+depthOf(it))
	}
	return l
}

func newDict(size int) *dict {
	return &dict{index: make(map[any]int, size), depth: 1}
}

// put adds or replaces; a replaced key keeps its place, as in Python. It is
// used only while a dict is being built.
func (d *dict) put(key, val any) error {
	k, err := hashKey(key)
	if err != nil {
		return err
	}
	d.depth = max(d.depth, 1+depthOf(val))
	if i, ok := d.index[k]; ok {
		d.vals[i] = val
		return nil
	}
	d.index[k] = len(d.keys)
	d.keys = append(d.keys, key)
	d.vals = append(d.vals, val)
	return nil
}

func (d *dict) get(key any) (any, bool) {
	k, err := hashKey(key)
	if err != nil {
		return nil, false
	}
	i, ok := d.index[k]
	if !ok {
		return nil, false
	}
	return d.vals[i], true
}

// hashKey maps a key to a comparable Go value under which Python's equal keys
// (1, 1.0, true) meet.
func hashKey(key any) (any, error) {
	switch k := key.(type) {
	case nil, int64, string, bigint:
		return k, nil
	case bool:
		if k {
			return int64(1), nil
		}
		return int64(0), nil
	case float64:
		if i := int64(k); float64(i) == k {
			return i, nil
		}
		return k, nil
	}
	return nil, fmt.Errorf("%s cannot be a key", typeName(key))
}

func depthOf(v any) int {
	switch c := v.(type) {
	case *list:
		return c.depth
	case *dict:
		return c.depth
	}
	return 0
}

func typeName(v any) string {
	switch c := v.(type) {
	case nil:
		return "none"
	case bool:
		return "a boolean"
	case int64, bigint:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case *list:
		if c.tuple {
			return "a tuple"
		}
		return "a list"
	case *dict:
		return "a mapping"
	case *namespace:
		return "a namespace"
	case *loop:
		return "the loop variable"
	case *function:
		return "a function"
	case undefined:
		return c.String()
	}
	return fmt.Sprintf("%T", v)
}

func (u undefined) String() string {
	if u.what == "" {
		return "an undefined value"
	}
	return "undefined " + u.what
}

func truth(v any) bool {
	switch c := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return c
	case int64:
		return c != 0
	case float64:
		return c != 0
	case string:
		return c != ""
	case *list:
		return len(c.items) > 0
	case *dict:
		return len(c.keys) > 0
	}
	return true
}

// number gives v as a float, and as an integer when exact is true. Booleans
// count as 0 and 1, as in Python.
func number(v any) (i int64, f float64, exact, ok bool) {
	switch c := v.(type) {
	case bool:
		if c {
			return 1, 1, true, true
		}
		return 0, 0, true, true
	case int64:
		return c, float64(c), true, true
	case float64:
		return 0, c, false, true
	}
	return 0, 0, false, false
}

// short quotes the beginning of a string for an error text.
func short(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return fmt.Sprintf("%q", s)
}
