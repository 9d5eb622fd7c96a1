package jinja

import "fmt"

func (m *macroStmt) exec(_ *run, s *scope) error {
	s.set(m.name, m.function(s))
	return nil
}

// function makes the macro callable; its body sees the scope it was made in.
func (m *macroStmt) function(s *scope) *function {
	return &function{call: func(r *run, a args) (any, error) {
		inner := s.child()
		if err := m.bind(r, inner, a); err != nil {
			return nil, at(m.line, fmt.Errorf("macro %s: %w", m.name, err))
		}
		return r.capture(func() error { return r.exec(m.body, inner) })
	}}
}

func (m *macroStmt) bind(r *run, s *scope, a args) error {
	if len(a.pos) > len(m.params) {
		if !m.varargs {
			return fmt.Errorf("%d arguments given, at most %d wanted", len(a.pos), len(m.params))
		}
		rest := newList(a.pos[len(m.params):])
		rest.tuple = true
		s.set("varargs", rest)
	} else if m.varargs {
		s.set("varargs", &list{tuple: true, depth: 1})
	}
	for i, p := range m.params[:min(len(a.pos), len(m.params))] {
		s.set(p, a.pos[i])
	}
	if err := m.bindNamed(r, s, a); err != nil {
		return err
	}
	for i, p := range m.params {
		if _, ok := s.vars[p]; ok {
			continue
		}
		d := i - (len(m.params) - len(m.defaults))
		if d < 0 {
			s.set(p, undefined{p})
			continue
		}
		v, err := r.eval(m.defaults[d], s)
		if err != nil {
			return err
		}
		s.set(p, v)
	}
	return nil
}

func (m *macroStmt) bindNamed(r *run, s *scope, a args) error {
	rest := newDict(0)
next:
	for i, n := range a.names {
		for _, p := range m.params {
			if p != n {
				continue
			}
			if _, ok := s.vars[n]; ok {
				return fmt.Errorf("argument %s given twice", short(n))
			}
			s.set(n, a.named[i])
			continue next
		}
		switch {
		case n == "caller":
			s.set(n, a.named[i])
		case m.kwargs:
			if err := rest.put(n, a.named[i]); err != nil {
				return err
			}
		default:
			return fmt.Errorf("unknown argument %s", short(n))
		}
	}
	if m.kwargs {
		s.set("kwargs", rest)
	}
	return nil
}

func (st callBlock) exec(r *run, s *scope) error {
	fn, err := r.eval(st.x.fn, s)
	if err != nil {
		return at(st.line, err)
	}
	a, err := r.args(st.x.args, s)
	if err != nil {
		return at(st.line, err)
	}
	a.names = append(a.names[:len(a.names):len(a.names)], "caller")
	a.named = append(a.named, st.caller.function(s))
	v, err := r.call(fn, a)
	if err != nil {
		return at(st.line, err)
	}
	t, err := r.str(v)
	if err != nil {
		return at(st.line, err)
	}
	return at(st.line, r.write(t))
}
