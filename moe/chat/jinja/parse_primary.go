package jinja

import (
	"strconv"
	"strings"
)

// primary parses a literal, a name or something in brackets.
func (p *parser) primary() (expr, error) {
	t := p.peek()
	switch t.kind {
	case tokString:
		var s strings.Builder
		for p.peek().kind == tokString { // neighbours join, as in Python
			s.WriteString(p.take().text)
		}
		return literal{s.String()}, nil
	case tokInt:
		p.pos++
		i, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, p.errorf("the integer %v is too large", t)
		}
		return literal{i}, nil
	case tokFloat:
		p.pos++
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, p.errorf("the number %v is too large", t)
		}
		return literal{f}, nil
	case tokName:
		return p.word(t)
	case tokOp:
		switch t.text {
		case "(":
			return p.parens()
		case "[":
			return p.list()
		case "{":
			return p.dict()
		}
	}
	return nil, p.errorf("found %v where an expression was expected", t)
}

func (p *parser) word(t token) (expr, error) {
	switch t.text {
	case "true", "True":
		p.pos++
		return literal{true}, nil
	case "false", "False":
		p.pos++
		return literal{false}, nil
	case "none", "None":
		p.pos++
		return literal{nil}, nil
	case "varargs":
		p.varargs = true
	case "kwargs":
		p.kwargs = true
	}
	n, err := p.name()
	return variable{n}, err
}

func (p *parser) parens() (expr, error) {
	p.pos++
	if p.skip(tokOp, ")") {
		return listExpr{tuple: true}, nil
	}
	x, err := p.tuple(true)
	if err != nil {
		return nil, err
	}
	return x, p.expect(tokOp, ")")
}

func (p *parser) list() (expr, error) {
	p.pos++
	var l listExpr
	for !p.skip(tokOp, "]") {
		if len(l.items) > 0 {
			if err := p.expect(tokOp, ","); err != nil {
				return nil, err
			}
			if p.skip(tokOp, "]") {
				break
			}
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, x)
	}
	return l, nil
}

func (p *parser) dict() (expr, error) {
	p.pos++
	var d dictExpr
	for !p.skip(tokOp, "}") {
		if len(d.keys) > 0 {
			if err := p.expect(tokOp, ","); err != nil {
				return nil, err
			}
			if p.skip(tokOp, "}") {
				break
			}
		}
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expect(tokOp, ":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.keys = append(d.keys, k)
		d.vals = append(d.vals, v)
	}
	return d, nil
}
