package jinja

import (
	"slices"
	"strconv"
)

// tuple parses an expression or, with commas, a tuple without parentheses.
// Where cond is false an if belongs to the tag, not to the expression.
func (p *parser) tuple(cond bool) (expr, error) {
	one := p.or
	if cond {
		one = p.expression
	}
	x, err := one()
	if err != nil || !p.is(tokOp, ",") {
		return x, err
	}
	t := listExpr{items: []expr{x}, tuple: true}
	for p.skip(tokOp, ",") {
		if n := p.peek(); n.kind == tokClose || n.kind == tokOp && n.text == ")" {
			break
		}
		if x, err = one(); err != nil {
			return nil, err
		}
		t.items = append(t.items, x)
	}
	return t, nil
}

// expression parses with the weakest operator, the inline if.
func (p *parser) expression() (expr, error) {
	leave, err := p.nest()
	if err != nil {
		return nil, err
	}
	defer leave()
	x, err := p.or()
	for err == nil && p.skip(tokName, "if") {
		c := condExpr{yes: x}
		if c.cond, err = p.or(); err != nil {
			return nil, err
		}
		if p.skip(tokName, "else") {
			if c.no, err = p.expression(); err != nil {
				return nil, err
			}
		}
		x = c
	}
	return x, err
}

func (p *parser) or() (expr, error) {
	x, err := p.and()
	for err == nil && p.skip(tokName, "or") {
		var y expr
		y, err = p.and()
		x = logic{false, x, y}
	}
	return x, err
}

func (p *parser) and() (expr, error) {
	x, err := p.not()
	for err == nil && p.skip(tokName, "and") {
		var y expr
		y, err = p.not()
		x = logic{true, x, y}
	}
	return x, err
}

func (p *parser) not() (expr, error) {
	if !p.skip(tokName, "not") {
		return p.compare()
	}
	leave, err := p.nest()
	if err != nil {
		return nil, err
	}
	defer leave()
	x, err := p.not()
	return notExpr{x}, err
}

func (p *parser) compare() (expr, error) {
	x, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	c := compare{first: x}
	for {
		op := p.peek()
		switch {
		case op.kind == tokOp && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, op.text),
			op.kind == tokName && op.text == "in":
			p.pos++
		case op.kind == tokName && op.text == "not" && p.peekAt(1).kind == tokName && p.peekAt(1).text == "in":
			p.pos += 2
			op.text = "not in"
		default:
			if len(c.ops) == 0 {
				return x, nil
			}
			return c, nil
		}
		y, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		c.ops = append(c.ops, op.text)
		c.rest = append(c.rest, y)
	}
}

// binary parses the arithmetic operators, the weakest level first.
func (p *parser) binary(level int) (expr, error) {
	levels := [...][]string{{"+", "-"}, {"~"}, {"*", "/", "//", "%"}, {"**"}}
	if level == len(levels) {
		return p.unary(true)
	}
	x, err := p.binary(level + 1)
	for err == nil && p.peek().kind == tokOp && slices.Contains(levels[level], p.peek().text) {
		op := p.take().text
		var y expr
		y, err = p.binary(level + 1)
		x = binary{op, x, y}
	}
	return x, err
}

func (p *parser) unary(filters bool) (expr, error) {
	if p.is(tokOp, "-") || p.is(tokOp, "+") {
		leave, err := p.nest()
		if err != nil {
			return nil, err
		}
		defer leave()
		neg := p.take().text == "-"
		x, err := p.unary(false)
		if err != nil {
			return nil, err
		}
		return p.tail(unary{neg, x}, filters)
	}
	x, err := p.primary()
	if err != nil {
		return nil, err
	}
	if x, err = p.postfix(x); err != nil {
		return nil, err
	}
	return p.tail(x, filters)
}

// tail parses filters, tests and the calls that may follow them.
func (p *parser) tail(x expr, filters bool) (expr, error) {
	for filters {
		var err error
		switch {
		case p.skip(tokOp, "|"):
			x, err = p.filter(x)
		case p.skip(tokName, "is"):
			x, err = p.test(x)
		case p.is(tokOp, "("):
			x, err = p.call(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (p *parser) filter(x expr) (filter, error) {
	n, err := p.name()
	if err != nil {
		return filter{}, err
	}
	f := filter{x: x, name: n}
	if findFilter(n) == nil {
		return f, p.errorf("unknown filter %s", short(n))
	}
	if p.is(tokOp, "(") {
		f.args, err = p.args()
	}
	return f, err
}

func (p *parser) test(x expr) (expr, error) {
	negated := p.skip(tokName, "not")
	t := p.take()
	if t.kind != tokName && t.kind != tokOp || findTest(t.text) == nil {
		return nil, p.errorf("unknown test %v", t)
	}
	c := test{x: x, name: t.text}
	var err error
	next := p.peek()
	switch {
	case next.kind == tokOp && next.text == "(":
		c.args, err = p.args()
	case next.kind == tokString, next.kind == tokInt, next.kind == tokFloat,
		next.kind == tokOp && (next.text == "[" || next.text == "{"),
		next.kind == tokName && !slices.Contains([]string{"and", "or", "not", "in", "is", "if", "else", "recursive"}, next.text):
		var a expr
		if a, err = p.primary(); err == nil {
			a, err = p.postfix(a)
		}
		c.args.pos = []expr{a}
	}
	if negated {
		return notExpr{c}, err
	}
	return c, err
}

func (p *parser) call(fn expr) (expr, error) {
	a, err := p.args()
	return call{fn, a}, err
}

// args parses arguments with their parentheses.
func (p *parser) args() (callArgs, error) {
	var a callArgs
	if err := p.expect(tokOp, "("); err != nil {
		return a, err
	}
	for first := true; !p.skip(tokOp, ")"); first = false {
		if !first {
			if err := p.expect(tokOp, ","); err != nil {
				return a, err
			}
			if p.skip(tokOp, ")") {
				break
			}
		}
		if t, n := p.peek(), p.peekAt(1); t.kind == tokName && n.kind == tokOp && n.text == "=" {
			p.pos += 2
			x, err := p.expression()
			if err != nil {
				return a, err
			}
			a.names = append(a.names, t.text)
			a.named = append(a.named, x)
			continue
		}
		if len(a.names) > 0 {
			return a, p.errorf("an argument without a name follows one with a name")
		}
		x, err := p.expression()
		if err != nil {
			return a, err
		}
		a.pos = append(a.pos, x)
	}
	return a, nil
}

// postfix parses attributes, items, slices and calls.
func (p *parser) postfix(x expr) (expr, error) {
	for {
		var err error
		switch {
		case p.skip(tokOp, "."):
			t := p.take()
			switch t.kind {
			case tokName:
				x = attribute{x, t.text}
			case tokInt:
				x, err = p.integer(t, x)
			default:
				err = p.errorf("found %v where an attribute was expected", t)
			}
		case p.skip(tokOp, "["):
			x, err = p.subscript(x)
		case p.is(tokOp, "("):
			x, err = p.call(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// integer makes x.0, the index by a point.
func (p *parser) integer(t token, x expr) (expr, error) {
	i, err := strconv.ParseInt(t.text, 10, 64)
	if err != nil {
		return nil, p.errorf("the integer %v is too large", t)
	}
	return item{x, literal{i}}, nil
}

func (p *parser) subscript(x expr) (expr, error) {
	var parts [3]expr
	n := 0
	for !p.is(tokOp, "]") {
		if p.skip(tokOp, ":") {
			if n++; n > 2 {
				return nil, p.errorf("a slice has at most three parts")
			}
			continue
		}
		if parts[n] != nil {
			return nil, p.errorf("found %v where %q was expected", p.peek(), "]")
		}
		var err error
		if parts[n], err = p.expression(); err != nil {
			return nil, err
		}
	}
	p.pos++
	if n > 0 {
		return slice{x, parts[0], parts[1], parts[2]}, nil
	}
	if parts[0] == nil {
		return nil, p.errorf("an index is missing")
	}
	return item{x, parts[0]}, nil
}
