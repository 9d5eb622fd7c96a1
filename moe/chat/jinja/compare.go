package jinja

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

func (e compare) eval(r *run, s *scope) (any, error) {
	a, err := r.eval(e.first, s)
	if err != nil {
		return nil, err
	}
	for i, op := range e.ops {
		b, err := r.eval(e.rest[i], s)
		if err != nil {
			return nil, err
		}
		ok, err := r.compare(op, a, b)
		if err != nil || !ok {
			return false, err
		}
		a = b
	}
	return true, nil
}

func (r *run) compare(op string, a, b any) (bool, error) {
	switch op {
	case "==":
		return r.equal(a, b)
	case "!=":
		ok, err := r.equal(a, b)
		return !ok, err
	case "in":
		return r.contains(b, a)
	case "not in":
		ok, err := r.contains(b, a)
		return !ok, err
	}
	c, err := r.order(a, b)
	switch op {
	case "<":
		return c < 0, err
	case "<=":
		return c <= 0, err
	case ">":
		return c > 0, err
	}
	return c >= 0, err
}

// equal compares by value, as Python does; functions and the like by identity.
func (r *run) equal(a, b any) (bool, error) {
	if err := r.step(); err != nil {
		return false, err
	}
	i, f, exactA, okA := number(a)
	j, g, exactB, okB := number(b)
	if okA && okB {
		if exactA && exactB {
			return i == j, nil
		}
		return f == g, nil
	}
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		return x == y, r.scan(len(x))
	case *list:
		y, ok := b.(*list)
		if !ok || x.tuple != y.tuple || len(x.items) != len(y.items) {
			return false, nil
		}
		for i := range x.items {
			if ok, err := r.equal(x.items[i], y.items[i]); !ok {
				return false, err
			}
		}
		return true, nil
	case *dict:
		y, ok := b.(*dict)
		if !ok || len(x.keys) != len(y.keys) {
			return false, nil
		}
		for i, k := range x.keys {
			v, ok := y.get(k)
			if !ok {
				return false, nil
			}
			if ok, err := r.equal(x.vals[i], v); !ok {
				return false, err
			}
		}
		return true, nil
	case undefined:
		_, ok := b.(undefined)
		return ok, nil
	}
	return a == b, nil
}

// order is negative, zero or positive as a comes before, with or after b.
func (r *run) order(a, b any) (int, error) {
	if err := r.step(); err != nil {
		return 0, err
	}
	i, f, exactA, okA := number(a)
	j, g, exactB, okB := number(b)
	switch {
	case okA && okB && exactA && exactB:
		return sign(i, j), nil
	case okA && okB:
		return sign(f, g), nil
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), r.scan(min(len(x), len(y)))
		}
	case *list:
		y, ok := b.(*list)
		if !ok {
			break
		}
		for i := range min(len(x.items), len(y.items)) {
			if c, err := r.order(x.items[i], y.items[i]); c != 0 || err != nil {
				return c, err
			}
		}
		return sign(len(x.items), len(y.items)), nil
	}
	return 0, fmt.Errorf("%s and %s have no order", typeName(a), typeName(b))
}

func sign[T int | int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// contains is x in c.
func (r *run) contains(c, x any) (bool, error) {
	switch in := c.(type) {
	case string:
		s, ok := x.(string)
		if !ok {
			return false, fmt.Errorf("%s in a string is not possible", typeName(x))
		}
		return strings.Contains(in, s), r.scan(len(in))
	case *list:
		for _, it := range in.items {
			if ok, err := r.equal(it, x); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case *dict:
		_, ok := in.get(x)
		return ok, nil
	case undefined:
		return false, nil
	}
	return false, fmt.Errorf("%s holds nothing to look in", typeName(c))
}

// iterate gives the items of a list, the keys of a mapping or the characters
// of a string; none of an undefined value.
func (r *run) iterate(v any) ([]any, error) {
	switch c := v.(type) {
	case *list:
		return c.items, nil
	case *dict:
		return c.keys, nil
	case undefined:
		return nil, nil
	case string:
		if err := r.alloc(40 * len(c)); err != nil {
			return nil, err
		}
		out := make([]any, 0, len(c))
		for i := 0; i < len(c); {
			_, n := utf8.DecodeRuneInString(c[i:])
			out = append(out, c[i:i+n])
			i += n
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s cannot be looped over", typeName(v))
}
