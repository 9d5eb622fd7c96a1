package jinja

import "fmt"

// loop is the variable of that name inside a for.
type loop struct {
	items  []any // after the loop's filter
	at     int
	depth  int // of recursion, from 1
	again  func(r *run, v any, depth int) (string, error)
	before any // the last argument of changed()
	asked  bool
}

func (st forStmt) exec(r *run, s *scope) error {
	v, err := r.eval(st.in, s)
	if err != nil {
		return at(st.line, err)
	}
	return at(st.line, st.each(r, s, v, 1))
}

// each runs the body for every item of v. depth is that of a recursive loop.
func (st forStmt) each(r *run, s *scope, v any, depth int) error {
	items, err := r.iterate(v)
	if err != nil {
		return err
	}
	if st.cond != nil {
		if items, err = st.choose(r, s, items); err != nil {
			return err
		}
	}
	if len(items) == 0 {
		return r.exec(st.otherwise, s.child())
	}
	l := &loop{items: items, depth: depth}
	if st.recursive {
		l.again = func(r *run, v any, depth int) (string, error) {
			return r.capture(func() error { return st.each(r, s, v, depth) })
		}
	}
	for i, it := range items {
		l.at = i
		inner := s.child()
		inner.set("loop", l)
		if err := st.bind(r, inner, it); err != nil {
			return err
		}
		err := r.exec(st.body, inner)
		if j, ok := err.(jumped); ok {
			if j.next {
				continue
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// choose keeps the items that the loop's filter lets through.
func (st forStmt) choose(r *run, s *scope, items []any) ([]any, error) {
	if err := r.allocItems(len(items)); err != nil {
		return nil, err
	}
	var out []any
	for _, it := range items {
		inner := s.child()
		if err := st.bind(r, inner, it); err != nil {
			return nil, err
		}
		ok, err := r.eval(st.cond, inner)
		if err != nil {
			return nil, err
		}
		if truth(ok) {
			out = append(out, it)
		}
	}
	return out, nil
}

func (st forStmt) bind(r *run, s *scope, it any) error {
	if len(st.targets) == 1 {
		s.set(st.targets[0], it)
		return nil
	}
	vals, err := r.unpack(it, len(st.targets))
	if err != nil {
		return err
	}
	for i, n := range st.targets {
		s.set(n, vals[i])
	}
	return nil
}

func (l *loop) attribute(r *run, name string) (any, bool) {
	n, i := int64(len(l.items)), int64(l.at)
	switch name {
	case "index":
		return i + 1, true
	case "index0":
		return i, true
	case "revindex":
		return n - i, true
	case "revindex0":
		return n - i - 1, true
	case "first":
		return i == 0, true
	case "last":
		return i == n-1, true
	case "length":
		return n, true
	case "depth":
		return int64(l.depth), true
	case "depth0":
		return int64(l.depth - 1), true
	case "previtem":
		if i > 0 {
			return l.items[i-1], true
		}
		return undefined{"loop.previtem"}, true
	case "nextitem":
		if i+1 < n {
			return l.items[i+1], true
		}
		return undefined{"loop.nextitem"}, true
	case "cycle":
		return &function{name, l.cycle}, true
	case "changed":
		return &function{name, l.changed}, true
	}
	return nil, false
}

func (l *loop) cycle(_ *run, a args) (any, error) {
	if len(a.pos) == 0 {
		return nil, fmt.Errorf("nothing to cycle through")
	}
	return a.pos[l.at%len(a.pos)], nil
}

func (l *loop) changed(r *run, a args) (any, error) {
	now := newList(a.pos)
	if l.asked {
		same, err := r.equal(l.before, now)
		if same || err != nil {
			return false, err
		}
	}
	l.before, l.asked = now, true
	return true, nil
}

// recurse is loop(items) inside a recursive for.
func (l *loop) recurse(r *run, a args) (any, error) {
	if l.again == nil {
		return nil, fmt.Errorf("the loop is not recursive")
	}
	v, err := a.bind("iterable")
	if err != nil {
		return nil, err
	}
	return l.again(r, v[0], l.depth+1)
}
