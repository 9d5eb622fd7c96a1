package jinja

func (p *parser) ifTag(line int) (stmt, error) {
	st := ifStmt{line: line}
	for {
		cond, err := p.tuple(false)
		if err != nil {
			return nil, err
		}
		b, end, err := p.block("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		st.conds = append(st.conds, cond)
		st.bodies = append(st.bodies, b)
		if end == "elif" {
			continue
		}
		if end == "else" {
			b, _, err := p.block("endif")
			st.bodies = append(st.bodies, b)
			return st, err
		}
		return st, p.expect(tokClose, "%}")
	}
}

// names parses one name or several with commas, with or without parentheses.
func (p *parser) names() ([]string, error) {
	paren := p.skip(tokOp, "(")
	var out []string
	for {
		n, err := p.name()
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		if !p.skip(tokOp, ",") {
			break
		}
		if p.is(tokName, "in") || p.is(tokOp, ")") {
			break
		}
	}
	if paren {
		return out, p.expect(tokOp, ")")
	}
	return out, nil
}

func (p *parser) forTag(line int) (stmt, error) {
	st := forStmt{line: line}
	var err error
	if st.targets, err = p.names(); err != nil {
		return nil, err
	}
	if err := p.expect(tokName, "in"); err != nil {
		return nil, err
	}
	if st.in, err = p.tuple(false); err != nil {
		return nil, err
	}
	if p.skip(tokName, "if") {
		if st.cond, err = p.expression(); err != nil {
			return nil, err
		}
	}
	st.recursive = p.skip(tokName, "recursive")
	p.loops++
	b, end, err := p.block("else", "endfor")
	p.loops--
	if err != nil {
		return nil, err
	}
	st.body = b
	if end == "else" {
		st.otherwise, _, err = p.block("endfor")
		return st, err
	}
	return st, p.expect(tokClose, "%}")
}

func (p *parser) setTag(line int) (stmt, error) {
	st := setStmt{line: line}
	paren := p.skip(tokOp, "(")
	for {
		n, err := p.name()
		if err != nil {
			return nil, err
		}
		t := target{name: n}
		if p.skip(tokOp, ".") {
			if t.attr, err = p.name(); err != nil {
				return nil, err
			}
		}
		st.targets = append(st.targets, t)
		if !p.skip(tokOp, ",") {
			break
		}
	}
	if paren {
		if err := p.expect(tokOp, ")"); err != nil {
			return nil, err
		}
	}
	var err error
	if p.skip(tokOp, "=") {
		if st.x, err = p.tuple(true); err != nil {
			return nil, err
		}
		return st, p.expect(tokClose, "%}")
	}
	if len(st.targets) != 1 {
		return nil, p.errorf("found %v where %q was expected", p.peek(), "=")
	}
	if st.filters, err = p.filters(); err != nil {
		return nil, err
	}
	st.body, _, err = p.block("endset")
	return st, err
}

// filters parses the filters of a block, each after a bar.
func (p *parser) filters() ([]filter, error) {
	var out []filter
	for p.skip(tokOp, "|") {
		f, err := p.filter(nil)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (p *parser) filterTag(line int) (stmt, error) {
	f, err := p.filter(nil)
	if err != nil {
		return nil, err
	}
	st := filterBlock{line: line, filters: []filter{f}}
	more, err := p.filters()
	if err != nil {
		return nil, err
	}
	st.filters = append(st.filters, more...)
	st.body, _, err = p.block("endfilter")
	return st, err
}

func (p *parser) withTag(line int) (stmt, error) {
	st := withStmt{line: line}
	for !p.is(tokClose, "%}") {
		n, err := p.name()
		if err != nil {
			return nil, err
		}
		if err := p.expect(tokOp, "="); err != nil {
			return nil, err
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		st.names = append(st.names, n)
		st.vals = append(st.vals, x)
		if !p.skip(tokOp, ",") {
			break
		}
	}
	var err error
	st.body, _, err = p.block("endwith")
	return st, err
}

func (p *parser) macroTag(line int) (stmt, error) {
	n, err := p.name()
	if err != nil {
		return nil, err
	}
	m := &macroStmt{name: n, line: line}
	if err := p.params(m); err != nil {
		return nil, err
	}
	return m, p.macroBody(m, "endmacro")
}

func (p *parser) callTag(line int) (stmt, error) {
	m := &macroStmt{name: "caller", line: line}
	if p.is(tokOp, "(") {
		if err := p.params(m); err != nil {
			return nil, err
		}
	}
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	c, ok := x.(call)
	if !ok {
		return nil, p.errorf("the call tag needs a call")
	}
	return callBlock{m, &c, line}, p.macroBody(m, "endcall")
}

func (p *parser) params(m *macroStmt) error {
	if err := p.expect(tokOp, "("); err != nil {
		return err
	}
	for !p.skip(tokOp, ")") {
		if len(m.params) > 0 {
			if err := p.expect(tokOp, ","); err != nil {
				return err
			}
		}
		n, err := p.name()
		if err != nil {
			return err
		}
		m.params = append(m.params, n)
		if p.skip(tokOp, "=") {
			x, err := p.expression()
			if err != nil {
				return err
			}
			m.defaults = append(m.defaults, x)
		} else if len(m.defaults) > 0 {
			return p.errorf("parameter %s needs a default, as those before it", short(n))
		}
	}
	return nil
}

// macroBody parses a body that is its own world for loops, varargs and kwargs.
func (p *parser) macroBody(m *macroStmt, end string) error {
	loops, varargs, kwargs := p.loops, p.varargs, p.kwargs
	p.loops, p.varargs, p.kwargs = 0, false, false
	var err error
	m.body, _, err = p.block(end)
	m.varargs, m.kwargs = p.varargs, p.kwargs
	p.loops, p.varargs, p.kwargs = loops, varargs, kwargs
	return err
}
