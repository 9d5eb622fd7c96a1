package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// filterFunc is x|name(a).
type filterFunc func(r *run, x any, a args) (any, error)

// findFilter gives the filter of a name, or nil.
func findFilter(name string) filterFunc {
	switch name {
	case "tojson":
		return tojson
	case "from_json":
		return plain(fromJSON)
	case "string", "safe":
		return onText(func(r *run, s string, _ []any) (any, error) { return s, nil })
	case "upper", "lower", "capitalize":
		return onText(func(r *run, s string, _ []any) (any, error) { return r.cased(name, s) })
	case "title":
		return onText(titled)
	case "trim":
		return onText(func(r *run, s string, v []any) (any, error) { return r.strip(s, v[0], true, true) }, "chars")
	case "replace":
		return onText(func(r *run, s string, v []any) (any, error) { return r.replace(s, v[0], v[1], v[2]) }, "old", "new", "count")
	case "indent":
		return onText(indentText, "width", "first", "blank")
	case "escape", "e":
		return onText(escapeText)
	case "wordcount":
		return onText(wordCount)
	case "default", "d":
		return defaultTo
	case "length", "count":
		return plain(func(r *run, x any, _ []any) (any, error) { return r.length(x) })
	case "int":
		return plain(toInt, "default")
	case "float":
		return plain(toFloat, "default")
	case "abs":
		return plain(absolute)
	case "round":
		return plain(round, "precision", "method")
	case "attr":
		return plain(attr, "name")
	}
	return sequenceFilter(name)
}

// plain makes a filter of a function that takes its arguments in order.
func plain(f func(r *run, x any, v []any) (any, error), names ...string) filterFunc {
	return func(r *run, x any, a args) (any, error) {
		v, err := a.bind(names...)
		if err != nil {
			return nil, err
		}
		return f(r, x, v)
	}
}

// onText is plain for filters that work on the text of any value.
func onText(f func(r *run, s string, v []any) (any, error), names ...string) filterFunc {
	return plain(func(r *run, x any, v []any) (any, error) {
		s, err := r.str(x)
		if err != nil {
			return nil, err
		}
		return f(r, s, v)
	}, names...)
}

func (r *run) cased(how, s string) (string, error) {
	if err := r.alloc(3 * len(s)); err != nil {
		return "", err
	}
	switch how {
	case "upper":
		return strings.ToUpper(s), nil
	case "lower":
		return strings.ToLower(s), nil
	case "capitalize":
		_, n := utf8.DecodeRuneInString(s)
		return strings.ToUpper(s[:n]) + strings.ToLower(s[n:]), nil
	}
	inWord := false
	return strings.Map(func(c rune) rune {
		start := !inWord
		if inWord = unicode.IsLetter(c); !inWord {
			return c
		}
		if start {
			return unicode.ToTitle(c)
		}
		return unicode.ToLower(c)
	}, s), nil
}

// titled is the filter title: unlike the method it starts words at blanks,
// hyphens and opening brackets only.
func titled(r *run, s string, _ []any) (any, error) {
	if err := r.alloc(3 * len(s)); err != nil {
		return nil, err
	}
	start := true
	return strings.Map(func(c rune) rune {
		first := start
		if start = unicode.IsSpace(c) || strings.ContainsRune("-({[<", c); start {
			return c
		}
		if first {
			return unicode.ToUpper(c)
		}
		return unicode.ToLower(c)
	}, s), nil
}

// strip cuts white space, or the characters given, off one end or both.
func (r *run) strip(s string, chars any, left, right bool) (any, error) {
	cut, before := unicode.IsSpace, len(s)
	if chars != nil && given(chars) {
		set, err := stringArg(chars, "")
		if err != nil {
			return nil, err
		}
		cut = func(c rune) bool { return strings.ContainsRune(set, c) }
		if len(set) > scanBytes {
			if cut, err = r.runeSet(set); err != nil {
				return nil, err
			}
		}
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s, r.scan(8 * (before - len(s)))
}

// runeSet keeps a long set of characters from being searched for each one.
func (r *run) runeSet(set string) (func(rune) bool, error) {
	if err := r.alloc(16 * len(set)); err != nil {
		return nil, err
	}
	in := make(map[rune]bool, len(set))
	for _, c := range set {
		in[c] = true
	}
	return func(c rune) bool { return in[c] }, nil
}

func (r *run) replace(s string, from, to, most any) (any, error) {
	if !given(from) || !given(to) {
		return nil, fmt.Errorf("what to replace and by what must be given")
	}
	old, err := stringArg(from, "")
	if err != nil {
		return nil, err
	}
	by, err := stringArg(to, "")
	if err != nil {
		return nil, err
	}
	n := int64(-1)
	if most != nil {
		if n, err = intArg(most, -1); err != nil {
			return nil, err
		}
	}
	if err := r.scan(len(s)); err != nil {
		return nil, err
	}
	found := strings.Count(s, old)
	if n >= 0 {
		found = min(found, int(min(n, int64(len(s)+1))))
	}
	if err := r.alloc(len(s) + found*len(by)); err != nil {
		return nil, err
	}
	return strings.Replace(s, old, by, found), nil
}

func indentText(r *run, s string, v []any) (any, error) {
	pad, ok := v[0].(string)
	if !ok {
		n, err := intArg(v[0], 4)
		if err != nil {
			return nil, err
		}
		if n > 1000 {
			return nil, fmt.Errorf("an indent of %d is too wide", n)
		}
		pad = strings.Repeat(" ", int(max(n, 0)))
	}
	if err := r.alloc(len(s) + (1+strings.Count(s, "\n"))*(len(pad)+16)); err != nil {
		return nil, err
	}
	var b strings.Builder
	for i, line := range strings.Split(s, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if (i > 0 || truth(v[1])) && (line != "" || truth(v[2])) {
			b.WriteString(pad)
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

func wordCount(r *run, s string, _ []any) (any, error) {
	if err := r.alloc(8 * len(s)); err != nil {
		return nil, err
	}
	return int64(len(strings.Fields(s))), nil
}

func escapeText(r *run, s string, _ []any) (any, error) {
	if err := r.alloc(5 * len(s)); err != nil {
		return nil, err
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(s), nil
}

func defaultTo(r *run, x any, a args) (any, error) {
	v, err := a.bind("default_value", "boolean")
	if err != nil {
		return nil, err
	}
	if !given(x) || truth(v[1]) && !truth(x) {
		if len(a.pos) == 0 && !given(v[0]) {
			return "", nil
		}
		return v[0], nil
	}
	return x, nil
}

func (r *run) length(x any) (int64, error) {
	switch c := x.(type) {
	case string:
		return int64(utf8.RuneCountInString(c)), r.scan(len(c))
	case *list:
		return int64(len(c.items)), nil
	case *dict:
		return int64(len(c.keys)), nil
	case undefined:
		return 0, nil
	}
	return 0, fmt.Errorf("%s has no length", typeName(x))
}

func toInt(_ *run, x any, v []any) (any, error) {
	missing := v[0]
	if !given(missing) {
		missing = int64(0)
	}
	if s, ok := x.(string); ok {
		s = strings.TrimSpace(s)
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i, nil
		}
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return missing, nil
		}
		x = f
	}
	i, f, exact, ok := number(x)
	switch {
	case !ok || !exact && !(math.Abs(f) < 1<<63):
		return missing, nil
	case exact:
		return i, nil
	}
	return int64(f), nil
}

func toFloat(_ *run, x any, v []any) (any, error) {
	if s, ok := x.(string); ok {
		if f, err := strconv.ParseFloat(strings.TrimSpace(s), 64); err == nil {
			return f, nil
		}
	} else if _, f, _, ok := number(x); ok {
		return f, nil
	}
	if !given(v[0]) {
		return 0.0, nil
	}
	return v[0], nil
}

func absolute(_ *run, x any, _ []any) (any, error) {
	i, f, exact, ok := number(x)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s is not a number", typeName(x))
	case exact && i < 0:
		return -i, nil
	case exact:
		return i, nil
	}
	return math.Abs(f), nil
}

// attr looks for an attribute only, never for a key.
func attr(r *run, x any, v []any) (any, error) {
	name, err := wantString(v[0])
	if err != nil {
		return nil, err
	}
	if _, ok := x.(*dict); !ok {
		return r.attribute(x, name)
	}
	if m := method(x, name); m != nil {
		return m, nil
	}
	return undefined{name}, nil
}

func round(_ *run, x any, v []any) (any, error) {
	i, f, exact, ok := number(x)
	if !ok {
		return nil, fmt.Errorf("%s is not a number", typeName(x))
	}
	digits, err := intArg(v[0], 0)
	if err != nil {
		return nil, err
	}
	how, err := stringArg(v[1], "common")
	if err != nil {
		return nil, err
	}
	if exact && how == "common" && digits >= 0 {
		return i, nil
	}
	scale := math.Pow(10, float64(digits))
	switch how {
	case "common":
		return math.RoundToEven(f*scale) / scale, nil
	case "floor":
		return math.Floor(f*scale) / scale, nil
	case "ceil":
		return math.Ceil(f*scale) / scale, nil
	}
	return nil, fmt.Errorf("unknown method %s", short(how))
}
