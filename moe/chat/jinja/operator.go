package jinja

import (
	"fmt"
	"math"
	"strings"
)

func (e unary) eval(r *run, s *scope) (any, error) {
	v, err := r.eval(e.x, s)
	if err != nil {
		return nil, err
	}
	i, f, exact, ok := number(v)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s has no sign", typeName(v))
	case !exact && e.neg:
		return -f, nil
	case !exact:
		return f, nil
	case e.neg:
		return -i, nil
	}
	return i, nil
}

func (e binary) eval(r *run, s *scope) (any, error) {
	a, err := r.eval(e.left, s)
	if err != nil {
		return nil, err
	}
	b, err := r.eval(e.right, s)
	if err != nil {
		return nil, err
	}
	if e.op == "~" {
		return r.join(a, b)
	}
	i, f, exactA, okA := number(a)
	j, g, exactB, okB := number(b)
	if okA && okB {
		if exactA && exactB && e.op != "/" && (e.op != "**" || j >= 0) {
			return integers(e.op, i, j)
		}
		return floats(e.op, f, g)
	}
	switch {
	case e.op == "+":
		return r.concat(a, b)
	case e.op == "*" && okA && exactA:
		return r.repeat(b, i)
	case e.op == "*" && okB && exactB:
		return r.repeat(a, j)
	}
	return nil, operandError(e.op, a, b)
}

func operandError(op string, a, b any) error {
	return fmt.Errorf("%s %s %s is not possible", typeName(a), op, typeName(b))
}

// join is a ~ b.
func (r *run) join(a, b any) (any, error) {
	x, err := r.str(a)
	if err != nil {
		return nil, err
	}
	y, err := r.str(b)
	if err != nil {
		return nil, err
	}
	return r.concat(x, y)
}

func (r *run) concat(a, b any) (any, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			if err := r.alloc(len(x) + len(y)); err != nil {
				return nil, err
			}
			return x + y, nil
		}
	case *list:
		if y, ok := b.(*list); ok && x.tuple == y.tuple {
			n := len(x.items) + len(y.items)
			if err := r.allocItems(n); err != nil {
				return nil, err
			}
			items := append(append(make([]any, 0, n), x.items...), y.items...)
			return &list{items, x.tuple, max(x.depth, y.depth)}, nil
		}
	}
	return nil, operandError("+", a, b)
}

func (r *run) repeat(v any, n int64) (any, error) {
	n = max(n, 0)
	switch x := v.(type) {
	case string:
		if x == "" {
			return "", nil
		}
		if err := r.allocTimes(len(x), n); err != nil {
			return nil, err
		}
		return strings.Repeat(x, int(n)), nil
	case *list:
		if len(x.items) == 0 {
			return x, nil
		}
		if err := r.allocTimes(64+16*len(x.items), n); err != nil {
			return nil, err
		}
		items := make([]any, 0, len(x.items)*int(n))
		for range n {
			items = append(items, x.items...)
		}
		return &list{items, x.tuple, x.depth}, nil
	}
	return nil, operandError("*", v, n)
}

var errOverflow = fmt.Errorf("an integer grows beyond 64 bits")

func integers(op string, a, b int64) (any, error) {
	var c int64
	switch op {
	case "+":
		if c = a + b; (c > a) != (b > 0) {
			return nil, errOverflow
		}
	case "-":
		if c = a - b; (c < a) != (b > 0) {
			return nil, errOverflow
		}
	case "*":
		return multiply(a, b)
	case "//", "%":
		if b == 0 {
			return nil, fmt.Errorf("division by zero")
		}
		if b == -1 { // the one quotient that may not fit
			if op == "%" {
				return int64(0), nil
			}
			return multiply(a, -1)
		}
		q, m := a/b, a%b
		if m != 0 && (m < 0) != (b < 0) { // Python rounds down
			q, m = q-1, m+b
		}
		if op == "%" {
			return m, nil
		}
		return q, nil
	case "**":
		return power(a, b)
	}
	return c, nil
}

func multiply(a, b int64) (any, error) {
	c := a * b
	if a != 0 && (c/a != b || a == -1 && b == math.MinInt64) {
		return nil, errOverflow
	}
	return c, nil
}

func power(a, b int64) (any, error) {
	if f := math.Pow(float64(a), float64(b)); math.Abs(f) >= 1<<62 {
		return nil, errOverflow
	}
	c := int64(1)
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			c *= a
		}
		a *= a
	}
	return c, nil
}

func floats(op string, a, b float64) (any, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "**":
		return math.Pow(a, b), nil
	}
	if b == 0 {
		return nil, fmt.Errorf("division by zero")
	}
	switch op {
	case "/":
		return a / b, nil
	case "//":
		return math.Floor(a / b), nil
	}
	m := math.Mod(a, b)
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	return m, nil
}
