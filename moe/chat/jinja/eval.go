package jinja

import "fmt"

func (e literal) eval(*run, *scope) (any, error) { return e.v, nil }

func (e variable) eval(r *run, s *scope) (any, error) {
	if v, ok := s.get(e.name); ok {
		return v, nil
	}
	if f := global(e.name); f != nil {
		return f, nil
	}
	return undefined{e.name}, nil
}

func (e listExpr) eval(r *run, s *scope) (any, error) {
	if err := r.allocItems(len(e.items)); err != nil {
		return nil, err
	}
	items, err := r.evalAll(e.items, s)
	if err != nil {
		return nil, err
	}
	l := newList(items)
	l.tuple = e.tuple
	return l, nil
}

func (r *run) evalAll(es []expr, s *scope) ([]any, error) {
	if len(es) == 0 {
		return nil, nil
	}
	out := make([]any, len(es))
	for i, e := range es {
		var err error
		if out[i], err = r.eval(e, s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e dictExpr) eval(r *run, s *scope) (any, error) {
	if err := r.allocItems(8 * len(e.keys)); err != nil {
		return nil, err
	}
	d := newDict(len(e.keys))
	for i := range e.keys {
		k, err := r.eval(e.keys[i], s)
		if err != nil {
			return nil, err
		}
		v, err := r.eval(e.vals[i], s)
		if err != nil {
			return nil, err
		}
		if err := d.put(k, v); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (e condExpr) eval(r *run, s *scope) (any, error) {
	c, err := r.eval(e.cond, s)
	switch {
	case err != nil:
		return nil, err
	case truth(c):
		return r.eval(e.yes, s)
	case e.no != nil:
		return r.eval(e.no, s)
	}
	return undefined{}, nil
}

func (e logic) eval(r *run, s *scope) (any, error) {
	v, err := r.eval(e.left, s)
	if err != nil || truth(v) != e.and {
		return v, err
	}
	return r.eval(e.right, s)
}

func (e notExpr) eval(r *run, s *scope) (any, error) {
	v, err := r.eval(e.x, s)
	return !truth(v), err
}

func (e attribute) eval(r *run, s *scope) (any, error) {
	x, err := r.eval(e.x, s)
	if err != nil {
		return nil, err
	}
	return r.attribute(x, e.name)
}

// attribute is x.name: a method before a key, as in Jinja.
func (r *run) attribute(x any, name string) (any, error) {
	switch c := x.(type) {
	case undefined:
		return nil, fmt.Errorf("%s has no attribute %s", c, short(name))
	case *namespace:
		if v, ok := c.vars[name]; ok {
			return v, nil
		}
	case *loop:
		if v, ok := c.attribute(r, name); ok {
			return v, nil
		}
	case *dict:
		if m := method(x, name); m != nil {
			return m, nil
		}
		if v, ok := c.get(name); ok {
			return v, nil
		}
	default:
		if m := method(x, name); m != nil {
			return m, nil
		}
	}
	return undefined{name}, nil
}

func (e item) eval(r *run, s *scope) (any, error) {
	x, err := r.eval(e.x, s)
	if err != nil {
		return nil, err
	}
	key, err := r.eval(e.key, s)
	if err != nil {
		return nil, err
	}
	return r.item(x, key)
}

// item is x[key]: a key before a method, as in Jinja.
func (r *run) item(x, key any) (any, error) {
	switch c := x.(type) {
	case undefined:
		return nil, fmt.Errorf("%s has no items", c)
	case *dict:
		if v, ok := c.get(key); ok {
			return v, nil
		}
	case *list:
		if i, _, exact, ok := number(key); ok && exact {
			if i < 0 {
				i += int64(len(c.items))
			}
			if i >= 0 && i < int64(len(c.items)) {
				return c.items[i], nil
			}
			return undefined{"item of a list"}, nil
		}
	case string:
		if i, _, exact, ok := number(key); ok && exact {
			return r.char(c, i)
		}
	}
	if name, ok := key.(string); ok {
		return r.attribute(x, name)
	}
	return undefined{"item of " + typeName(x)}, nil
}

func (r *run) char(s string, i int64) (any, error) {
	runes, err := r.runes(s)
	if err != nil {
		return nil, err
	}
	if i < 0 {
		i += int64(len(runes))
	}
	if i < 0 || i >= int64(len(runes)) {
		return undefined{"character of a string"}, nil
	}
	return string(runes[i]), nil
}

func (r *run) runes(s string) ([]rune, error) {
	if err := r.alloc(4 * len(s)); err != nil {
		return nil, err
	}
	return []rune(s), nil
}

func (e call) eval(r *run, s *scope) (any, error) {
	fn, err := r.eval(e.fn, s)
	if err != nil {
		return nil, err
	}
	a, err := r.args(e.args, s)
	if err != nil {
		return nil, err
	}
	return r.call(fn, a)
}

func (r *run) call(fn any, a args) (any, error) {
	switch f := fn.(type) {
	case *function:
		v, err := f.call(r, a)
		if err != nil && f.name != "" {
			return nil, within(f.name, err)
		}
		return v, err
	case *loop:
		return f.recurse(r, a)
	case undefined:
		return nil, fmt.Errorf("%s cannot be called", f)
	}
	return nil, fmt.Errorf("%s cannot be called", typeName(fn))
}

func (e filter) eval(r *run, s *scope) (any, error) {
	x, err := r.eval(e.x, s)
	if err != nil {
		return nil, err
	}
	return r.filter(e, x, s)
}

func (r *run) filter(e filter, x any, s *scope) (any, error) {
	a, err := r.args(e.args, s)
	if err != nil {
		return nil, err
	}
	v, err := findFilter(e.name)(r, x, a)
	if err != nil {
		return nil, within("filter "+e.name, err)
	}
	return v, nil
}

func (e test) eval(r *run, s *scope) (any, error) {
	x, err := r.eval(e.x, s)
	if err != nil {
		return nil, err
	}
	a, err := r.args(e.args, s)
	if err != nil {
		return nil, err
	}
	ok, err := findTest(e.name)(r, x, a)
	if err != nil {
		return nil, within("test "+e.name, err)
	}
	return ok, nil
}
