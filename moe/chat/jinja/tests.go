package jinja

import (
	"fmt"
	"strings"
)

// testFunc is x is name(a).
type testFunc = func(r *run, x any, a args) (bool, error)

// findTest gives the test of a name, or nil.
func findTest(name string) testFunc {
	switch name {
	case "defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number",
		"string", "mapping", "sequence", "iterable", "callable", "odd", "even", "upper", "lower":
		return func(r *run, x any, a args) (bool, error) {
			if _, err := a.bind(); err != nil {
				return false, err
			}
			return r.isA(name, x)
		}
	case "eq", "equalto", "==":
		return against("==")
	case "ne", "!=":
		return against("!=")
	case "lt", "lessthan", "<":
		return against("<")
	case "le", "<=":
		return against("<=")
	case "gt", "greaterthan", ">":
		return against(">")
	case "ge", ">=":
		return against(">=")
	case "in":
		return against("in")
	case "sameas":
		return sameAs
	case "divisibleby":
		return divisibleBy
	}
	return nil
}

func (r *run) isA(name string, x any) (bool, error) {
	i, _, exact, numeric := number(x)
	_, isBool := x.(bool)
	_, isString := x.(string)
	_, isList := x.(*list)
	_, isDict := x.(*dict)
	_, isBig := x.(bigint)
	switch name {
	case "defined":
		return given(x), nil
	case "undefined":
		return !given(x), nil
	case "none":
		return x == nil, nil
	case "boolean":
		return isBool, nil
	case "true", "false":
		return isBool && truth(x) == (name == "true"), nil
	case "integer":
		return exact && !isBool || isBig, nil
	case "float":
		return numeric && !exact, nil
	case "number":
		return numeric || isBig, nil
	case "string":
		return isString, nil
	case "mapping":
		return isDict, nil
	case "sequence", "iterable":
		return isString || isList || isDict || !given(x), nil
	case "odd", "even":
		if !exact {
			return false, fmt.Errorf("%s is not an integer", typeName(x))
		}
		return (i&1 == 1) == (name == "odd"), nil
	case "upper", "lower":
		s, err := r.str(x)
		if err != nil {
			return false, err
		}
		same, err := r.cased(name, s)
		return s == same && strings.ToLower(s) != strings.ToUpper(s), err
	}
	_, isFunc := x.(*function)
	return isFunc, nil // callable
}

func against(op string) testFunc {
	return func(r *run, x any, a args) (bool, error) {
		if len(a.pos) != 1 || len(a.names) > 0 {
			return false, fmt.Errorf("one argument is wanted")
		}
		return r.compare(op, x, a.pos[0])
	}
}

func sameAs(r *run, x any, a args) (bool, error) {
	if len(a.pos) != 1 {
		return false, fmt.Errorf("one argument is wanted")
	}
	switch y := a.pos[0].(type) {
	case bool, nil:
		return x == y, nil
	}
	return r.equal(x, a.pos[0])
}

func divisibleBy(_ *run, x any, a args) (bool, error) {
	v, err := a.bind("num")
	if err != nil {
		return false, err
	}
	i, _, exactX, _ := number(x)
	n, _, exactN, _ := number(v[0])
	if !exactX || !exactN || n == 0 {
		return false, fmt.Errorf("%s by %s is not possible", typeName(x), typeName(v[0]))
	}
	return n == -1 || i%n == 0, nil
}
