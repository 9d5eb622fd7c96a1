package jinja

import "fmt"

func (st text) exec(r *run, s *scope) error { return r.write(st.s) }

func (st jump) exec(*run, *scope) error { return jumped(st) }

func (st output) exec(r *run, s *scope) error {
	v, err := r.eval(st.x, s)
	if err != nil {
		return at(st.line, err)
	}
	t, err := r.str(v)
	if err != nil {
		return at(st.line, err)
	}
	return at(st.line, r.write(t))
}

func (st ifStmt) exec(r *run, s *scope) error {
	for i, c := range st.conds {
		v, err := r.eval(c, s)
		if err != nil {
			return at(st.line, err)
		}
		if truth(v) {
			return r.exec(st.bodies[i], s)
		}
	}
	if len(st.bodies) > len(st.conds) {
		return r.exec(st.bodies[len(st.conds)], s)
	}
	return nil
}

func (st setStmt) exec(r *run, s *scope) error {
	v, err := st.value(r, s)
	if err != nil {
		return at(st.line, err)
	}
	if len(st.targets) == 1 {
		return at(st.line, st.targets[0].assign(s, v))
	}
	vals, err := r.unpack(v, len(st.targets))
	if err != nil {
		return at(st.line, err)
	}
	for i, t := range st.targets {
		if err := t.assign(s, vals[i]); err != nil {
			return at(st.line, err)
		}
	}
	return nil
}

func (st setStmt) value(r *run, s *scope) (any, error) {
	if st.x != nil {
		return r.eval(st.x, s)
	}
	return r.filtered(st.body, st.filters, s)
}

func (t target) assign(s *scope, v any) error {
	if t.attr == "" {
		s.set(t.name, v)
		return nil
	}
	old, _ := s.get(t.name)
	ns, ok := old.(*namespace)
	if !ok {
		return fmt.Errorf("cannot set %s.%s: only a namespace has attributes to set", t.name, t.attr)
	}
	ns.vars[t.attr] = v
	return nil
}

// unpack spreads a list over n names.
func (r *run) unpack(v any, n int) ([]any, error) {
	items, err := r.iterate(v)
	if err == nil && len(items) != n {
		err = fmt.Errorf("%d values for %d names", len(items), n)
	}
	return items, err
}

// filtered renders body to a string and puts it through filters.
func (r *run) filtered(body []stmt, filters []filter, s *scope) (any, error) {
	t, err := r.capture(func() error { return r.exec(body, s.child()) })
	if err != nil {
		return nil, err
	}
	var v any = t
	for _, f := range filters {
		if v, err = r.filter(f, v, s); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (st filterBlock) exec(r *run, s *scope) error {
	v, err := r.filtered(st.body, st.filters, s)
	if err != nil {
		return at(st.line, err)
	}
	t, err := r.str(v)
	if err != nil {
		return at(st.line, err)
	}
	return at(st.line, r.write(t))
}

func (st withStmt) exec(r *run, s *scope) error {
	inner := s.child()
	for i, n := range st.names {
		v, err := r.eval(st.vals[i], s)
		if err != nil {
			return at(st.line, err)
		}
		inner.set(n, v)
	}
	return r.exec(st.body, inner)
}
