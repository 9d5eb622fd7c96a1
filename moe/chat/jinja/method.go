package jinja

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// method gives x.name as a bound method, or nil. Those that would change x
// exist to be refused, as in Jinja's immutable sandbox.
func method(x any, name string) *function {
	var f filterFunc
	switch x.(type) {
	case string:
		f = stringMethod(name)
	case *dict:
		f = dictMethod(name)
	case *list:
		f = listMethod(name)
	}
	if f == nil {
		return nil
	}
	return &function{name, func(r *run, a args) (any, error) { return f(r, x, a) }}
}

func refuse(*run, any, args) (any, error) {
	return nil, fmt.Errorf("a template may not change its values")
}

func listMethod(name string) filterFunc {
	switch name {
	case "index":
		return plain(func(r *run, x any, v []any) (any, error) {
			for i, it := range x.(*list).items {
				if ok, err := r.equal(it, v[0]); ok || err != nil {
					return int64(i), err
				}
			}
			return nil, fmt.Errorf("the value is not in the list")
		}, "value")
	case "count":
		return plain(func(r *run, x any, v []any) (any, error) {
			n := int64(0)
			for _, it := range x.(*list).items {
				ok, err := r.equal(it, v[0])
				if err != nil {
					return nil, err
				}
				if ok {
					n++
				}
			}
			return n, nil
		}, "value")
	case "copy":
		return plain(func(_ *run, x any, _ []any) (any, error) { return x, nil })
	case "append", "extend", "insert", "pop", "remove", "clear", "reverse", "sort":
		return refuse
	}
	return nil
}

func dictMethod(name string) filterFunc {
	switch name {
	case "get":
		return plain(func(_ *run, x any, v []any) (any, error) {
			if y, ok := x.(*dict).get(v[0]); ok {
				return y, nil
			}
			if given(v[1]) {
				return v[1], nil
			}
			return nil, nil
		}, "key", "default")
	case "items":
		return plain(func(r *run, x any, _ []any) (any, error) { return r.pairs(x) })
	case "keys":
		return plain(func(r *run, x any, _ []any) (any, error) { return r.made(x.(*dict).keys, nil) })
	case "values":
		return plain(func(r *run, x any, _ []any) (any, error) { return r.made(x.(*dict).vals, nil) })
	case "copy":
		return plain(func(_ *run, x any, _ []any) (any, error) { return x, nil })
	case "update", "pop", "popitem", "setdefault", "clear":
		return refuse
	}
	return nil
}

// onString makes a method of strings.
func onString(f func(r *run, s string, v []any) (any, error), names ...string) filterFunc {
	return plain(func(r *run, x any, v []any) (any, error) { return f(r, x.(string), v) }, names...)
}

func stringMethod(name string) filterFunc {
	switch name {
	case "strip", "lstrip", "rstrip":
		return onString(func(r *run, s string, v []any) (any, error) {
			return r.strip(s, v[0], name != "rstrip", name != "lstrip")
		}, "chars")
	case "split", "rsplit":
		return onString(func(r *run, s string, v []any) (any, error) {
			return r.split(s, v[0], v[1], name == "rsplit")
		}, "sep", "maxsplit")
	case "splitlines":
		return onString(splitLines, "keepends")
	case "startswith", "endswith":
		return onString(func(r *run, s string, v []any) (any, error) {
			return r.affix(s, v[0], name == "startswith")
		}, "affix")
	case "removeprefix", "removesuffix":
		return onString(func(_ *run, s string, v []any) (any, error) {
			cut, err := wantString(v[0])
			if name == "removeprefix" {
				return strings.TrimPrefix(s, cut), err
			}
			return strings.TrimSuffix(s, cut), err
		}, "affix")
	case "replace":
		return onString(func(r *run, s string, v []any) (any, error) { return r.replace(s, v[0], v[1], v[2]) }, "old", "new", "count")
	case "upper", "lower", "capitalize", "title":
		return onString(func(r *run, s string, _ []any) (any, error) { return r.cased(name, s) })
	case "join":
		return onString(func(r *run, s string, v []any) (any, error) { return r.joined(v[0], s, nil) }, "iterable")
	case "find", "rfind", "index", "rindex":
		return onString(func(r *run, s string, v []any) (any, error) { return r.find(name, s, v[0]) }, "sub")
	case "count":
		return onString(func(r *run, s string, v []any) (any, error) {
			sub, err := wantString(v[0])
			if err != nil {
				return nil, err
			}
			return int64(strings.Count(s, sub)), r.scan(len(s))
		}, "sub")
	case "isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum", "isspace", "isupper", "islower":
		return onString(func(r *run, s string, _ []any) (any, error) { return r.kind(name, s) })
	}
	return nil
}

// wantString is an argument that must be given.
func wantString(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("found %s where a string was expected", typeName(v))
	}
	return s, nil
}

func (r *run) split(s string, by, most any, fromEnd bool) (any, error) {
	n, err := intArg(most, -1)
	if err != nil {
		return nil, err
	}
	var parts []string
	if by == nil || !given(by) {
		if err := r.alloc(8 * len(s)); err != nil {
			return nil, err
		}
		parts = words(s, n, fromEnd)
	} else {
		sep, err := wantString(by)
		if err != nil {
			return nil, err
		}
		if sep == "" {
			return nil, fmt.Errorf("the separator is empty")
		}
		if err := r.scan(len(s)); err != nil {
			return nil, err
		}
		count := int64(strings.Count(s, sep))
		if n < 0 || n > count {
			n = count
		}
		if err := r.allocItems(3 * int(n)); err != nil {
			return nil, err
		}
		parts = cut(s, sep, n, fromEnd)
	}
	return r.strings(parts)
}

func (r *run) strings(parts []string) (any, error) {
	if err := r.allocItems(2 * len(parts)); err != nil {
		return nil, err
	}
	items := make([]any, len(parts))
	for i, p := range parts {
		items[i] = p
	}
	return newList(items), nil
}

// cut splits at the first n separators, or at the last n.
func cut(s, sep string, n int64, fromEnd bool) []string {
	if !fromEnd {
		return strings.SplitN(s, sep, int(n)+1)
	}
	parts := make([]string, n+1)
	for i := n; i > 0; i-- {
		at := strings.LastIndex(s, sep)
		parts[i] = s[at+len(sep):]
		s = s[:at]
	}
	parts[0] = s
	return parts
}

// words splits at runs of white space, at most n times unless n is negative.
func words(s string, n int64, fromEnd bool) []string {
	all := strings.Fields(s)
	if n < 0 || int64(len(all)) <= n+1 {
		return all
	}
	if fromEnd {
		kept := all[int64(len(all))-n:]
		for i := len(kept) - 1; i >= 0; i-- {
			s = strings.TrimSuffix(strings.TrimRightFunc(s, unicode.IsSpace), kept[i])
		}
		return append([]string{strings.TrimRightFunc(s, unicode.IsSpace)}, kept...)
	}
	for _, w := range all[:n] {
		s = strings.TrimPrefix(strings.TrimLeftFunc(s, unicode.IsSpace), w)
	}
	return append(all[:n:n], strings.TrimLeftFunc(s, unicode.IsSpace))
}

func splitLines(r *run, s string, v []any) (any, error) {
	if err := r.allocItems(2 * (1 + strings.Count(s, "\n"))); err != nil {
		return nil, err
	}
	var parts []string
	for line := range strings.Lines(s) {
		if !truth(v[0]) {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		}
		parts = append(parts, line)
	}
	return r.strings(parts)
}

// affix tells whether s starts, or ends, with a string or one of a tuple.
func (r *run) affix(s string, with any, start bool) (bool, error) {
	options := []any{with}
	if l, ok := with.(*list); ok && l.tuple {
		options = l.items
	}
	for _, o := range options {
		t, err := wantString(o)
		if err != nil {
			return false, err
		}
		if err := r.scan(len(t)); err != nil {
			return false, err
		}
		if start && strings.HasPrefix(s, t) || !start && strings.HasSuffix(s, t) {
			return true, nil
		}
	}
	return false, nil
}

func (r *run) find(how, s string, v any) (any, error) {
	sub, err := wantString(v)
	if err != nil {
		return nil, err
	}
	if err := r.scan(len(s)); err != nil {
		return nil, err
	}
	i := strings.Index(s, sub)
	if strings.HasPrefix(how, "r") {
		i = strings.LastIndex(s, sub)
	}
	switch {
	case i >= 0:
		return int64(utf8.RuneCountInString(s[:i])), nil
	case strings.HasSuffix(how, "index"):
		return nil, fmt.Errorf("%s is not in the string", short(sub))
	}
	return int64(-1), nil
}

// kind answers isdigit and its relatives: all characters are of the kind, and
// there is one; for isupper and islower only letters with case are looked at.
func (r *run) kind(name, s string) (bool, error) {
	if err := r.scan(8 * len(s)); err != nil {
		return false, err
	}
	seen := false
	for _, c := range s {
		ok := false
		switch name {
		case "isdigit", "isdecimal":
			ok = unicode.IsDigit(c)
		case "isnumeric":
			ok = unicode.IsNumber(c)
		case "isalpha":
			ok = unicode.IsLetter(c)
		case "isalnum":
			ok = unicode.IsLetter(c) || unicode.IsNumber(c)
		case "isspace":
			ok = unicode.IsSpace(c)
		default:
			upper, lower := unicode.IsUpper(c), unicode.IsLower(c)
			if !upper && !lower {
				continue
			}
			ok = upper == (name == "isupper")
		}
		if !ok {
			return false, nil
		}
		seen = true
	}
	return seen, nil
}
