package jinja

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// sequenceFilter gives a filter over lists and mappings, or nil.
func sequenceFilter(name string) filterFunc {
	switch name {
	case "list":
		return plain(func(r *run, x any, _ []any) (any, error) { return r.copied(x) })
	case "first", "last":
		return plain(func(r *run, x any, _ []any) (any, error) { return r.end(x, name == "last") })
	case "join":
		return plain(func(r *run, x any, v []any) (any, error) { return r.joined(x, v[0], v[1]) }, "d", "attribute")
	case "items":
		return plain(func(r *run, x any, _ []any) (any, error) { return r.pairs(x) })
	case "dictsort":
		return plain(dictsort, "case_sensitive", "by", "reverse")
	case "reverse":
		return plain(reverse)
	case "sort":
		return plain(sorted, "reverse", "case_sensitive", "attribute")
	case "unique":
		return plain(unique, "case_sensitive", "attribute")
	case "min", "max":
		return plain(func(r *run, x any, v []any) (any, error) { return r.extreme(x, v, name == "max") }, "case_sensitive", "attribute")
	case "sum":
		return plain(sum, "attribute", "start")
	case "map":
		return mapped
	case "select", "reject", "selectattr", "rejectattr":
		return func(r *run, x any, a args) (any, error) {
			return r.selected(x, a, strings.HasSuffix(name, "attr"), strings.HasPrefix(name, "select"))
		}
	}
	return nil
}

// made charges and wraps a new list.
func (r *run) made(items []any, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return newList(items), r.allocItems(len(items))
}

func (r *run) copied(x any) (any, error) {
	items, err := r.iterate(x)
	return r.made(slices.Clip(items), err)
}

func (r *run) end(x any, last bool) (any, error) {
	items, err := r.iterate(x)
	switch {
	case err != nil:
		return nil, err
	case len(items) == 0:
		return undefined{"item of an empty list"}, nil
	case last:
		return items[len(items)-1], nil
	}
	return items[0], nil
}

// path follows a name with points, each part an attribute or an index.
func (r *run) path(x, name any) (any, error) {
	s, ok := name.(string)
	if !ok {
		return r.item(x, name)
	}
	for part := range strings.SplitSeq(s, ".") {
		if err := r.step(); err != nil {
			return nil, err
		}
		var key any = part
		if i, err := strconv.ParseInt(part, 10, 64); err == nil {
			key = i
		}
		var err error
		if x, err = r.item(x, key); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// attributes gives the items of x, each by its attribute when one is named.
func (r *run) attributes(x, name any) ([]any, error) {
	items, err := r.iterate(x)
	if err != nil || name == nil || !given(name) {
		return items, err
	}
	if err := r.allocItems(len(items)); err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i, it := range items {
		if out[i], err = r.path(it, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *run) joined(x, by, name any) (any, error) {
	items, err := r.attributes(x, name)
	if err != nil {
		return nil, err
	}
	sep, err := stringArg(by, "")
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for i, it := range items {
		s, err := r.str(it)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			if err := r.append(&b, sep); err != nil {
				return nil, err
			}
		}
		if err := r.append(&b, s); err != nil {
			return nil, err
		}
	}
	return b.String(), nil
}

// pairs are the (key, value) tuples of a mapping.
func (r *run) pairs(x any) (any, error) {
	if !given(x) {
		return newList(nil), nil
	}
	d, ok := x.(*dict)
	if !ok {
		return nil, fmt.Errorf("%s has no items", typeName(x))
	}
	if err := r.allocItems(8 * len(d.keys)); err != nil {
		return nil, err
	}
	out := make([]any, len(d.keys))
	for i, k := range d.keys {
		p := newList([]any{k, d.vals[i]})
		p.tuple = true
		out[i] = p
	}
	return newList(out), nil
}

func reverse(r *run, x any, _ []any) (any, error) {
	items, err := r.iterate(x)
	if err != nil {
		return nil, err
	}
	if err := r.allocItems(len(items)); err != nil {
		return nil, err
	}
	items = slices.Clone(items)
	slices.Reverse(items)
	if _, ok := x.(string); ok {
		return r.joined(newList(items), "", nil)
	}
	return newList(items), nil
}

func unique(r *run, x any, v []any) (any, error) {
	items, err := r.iterate(x)
	if err != nil {
		return nil, err
	}
	keys, err := r.attributes(x, v[1])
	if err != nil {
		return nil, err
	}
	if keys, err = r.folded(keys, v[0]); err != nil {
		return nil, err
	}
	seen := newDict(0)
	var out []any
	for i, k := range keys {
		if _, ok := seen.get(k); ok {
			continue
		}
		if err := r.allocItems(8); err != nil {
			return nil, err
		}
		if err := seen.put(k, nil); err != nil {
			return nil, err
		}
		out = append(out, items[i])
	}
	return newList(out), nil
}

func sum(r *run, x any, v []any) (any, error) {
	items, err := r.attributes(x, v[0])
	if err != nil {
		return nil, err
	}
	var total any = int64(0)
	if given(v[1]) {
		total = v[1]
	}
	for _, it := range items {
		if total, err = r.eval(binary{"+", literal{total}, literal{it}}, nil); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// mapped is map(attribute=name, default=v) or map(filter, arguments...).
func mapped(r *run, x any, a args) (any, error) {
	items, err := r.iterate(x)
	if err != nil {
		return nil, err
	}
	if err := r.allocItems(len(items)); err != nil {
		return nil, err
	}
	f, err := a.mapper()
	if err != nil {
		return nil, err
	}
	if err := r.enter(); err != nil { // the filter may be map again
		return nil, err
	}
	defer func() { r.depth-- }()
	out := make([]any, len(items))
	for i, it := range items {
		if err := r.step(); err != nil {
			return nil, err
		}
		if out[i], err = f(r, it); err != nil {
			return nil, err
		}
	}
	return newList(out), nil
}

func (a args) mapper() (func(r *run, x any) (any, error), error) {
	if len(a.pos) == 0 {
		v, err := a.bind("attribute", "default")
		if err != nil {
			return nil, err
		}
		return func(r *run, x any) (any, error) {
			y, err := r.path(x, v[0])
			if err == nil && !given(y) {
				y = v[1]
			}
			return y, err
		}, nil
	}
	name, err := stringArg(a.pos[0], "")
	if err != nil {
		return nil, err
	}
	f := findFilter(name)
	if f == nil {
		return nil, fmt.Errorf("unknown filter %s", short(name))
	}
	rest := args{a.pos[1:], a.names, a.named}
	return func(r *run, x any) (any, error) { return f(r, x, rest) }, nil
}

// selected keeps the items, or with byAttr those whose attribute, pass a test;
// without a test, those that are true.
func (r *run) selected(x any, a args, byAttr, keep bool) (any, error) {
	items, err := r.iterate(x)
	if err != nil {
		return nil, err
	}
	var name any
	if byAttr {
		if len(a.pos) == 0 {
			return nil, fmt.Errorf("an attribute must be named")
		}
		name, a.pos = a.pos[0], a.pos[1:]
	}
	keys, err := r.attributes(x, name)
	if err != nil {
		return nil, err
	}
	pass := func(_ *run, x any, _ args) (bool, error) { return truth(x), nil }
	if len(a.pos) > 0 {
		t, err := stringArg(a.pos[0], "")
		if err != nil {
			return nil, err
		}
		if pass = findTest(t); pass == nil {
			return nil, fmt.Errorf("unknown test %s", short(t))
		}
		a.pos = a.pos[1:]
	}
	var out []any
	for i, it := range items {
		if err := r.step(); err != nil {
			return nil, err
		}
		ok, err := pass(r, keys[i], a)
		if err != nil {
			return nil, err
		}
		if ok == keep {
			out = append(out, it)
		}
	}
	return r.made(out, nil)
}
