package jinja

import (
	"fmt"
	"strings"
)

// global gives a function that every template has, or nil.
func global(name string) *function {
	switch name {
	case "range":
		return &function{name, rangeOf}
	case "namespace":
		return &function{name, newNamespace}
	case "dict":
		return &function{name, dictOf}
	case "raise_exception":
		return &function{name, raise}
	case "strftime_now":
		return &function{name, strftimeNow}
	}
	return nil
}

func rangeOf(r *run, a args) (any, error) {
	if len(a.names) > 0 || len(a.pos) == 0 || len(a.pos) > 3 {
		return nil, fmt.Errorf("one to three integers are wanted")
	}
	v := [3]int64{0, 0, 1}
	for i := range a.pos {
		var err error
		if v[i], err = intArg(a.pos[i], 0); err != nil {
			return nil, err
		}
	}
	start, stop, step := v[0], v[1], v[2]
	if len(a.pos) == 1 {
		start, stop = 0, v[0]
	}
	if step == 0 {
		return nil, fmt.Errorf("the step is zero")
	}
	const far = 1 << 40 // keeps the arithmetic below from overflowing
	if max(start, -start, stop, -stop, step, -step) > far || min(start, stop, step) < -far {
		return nil, fmt.Errorf("a bound is too large")
	}
	n := (stop - start + step - int64(sign(step, 0))) / step
	if n > maxRange {
		return nil, fmt.Errorf("%d numbers asked for, at most %d are allowed", n, maxRange)
	}
	n = max(n, 0)
	if err := r.allocItems(2 * int(n)); err != nil {
		return nil, err
	}
	items := make([]any, n)
	for i := range items {
		items[i] = start + int64(i)*step
	}
	return newList(items), nil
}

func newNamespace(r *run, a args) (any, error) {
	d, err := dictOf(r, a)
	if err != nil {
		return nil, err
	}
	ns := &namespace{vars: map[string]any{}}
	for i, k := range d.(*dict).keys {
		name, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("%s cannot name an attribute", typeName(k))
		}
		ns.vars[name] = d.(*dict).vals[i]
	}
	return ns, nil
}

// dictOf is dict(mapping or pairs, name=value...).
func dictOf(r *run, a args) (any, error) {
	d := newDict(len(a.names))
	if len(a.pos) > 1 {
		return nil, fmt.Errorf("%d arguments given, at most 1 wanted", len(a.pos))
	}
	if len(a.pos) == 1 {
		pairs := a.pos[0]
		if _, ok := pairs.(*dict); ok {
			var err error
			if pairs, err = r.pairs(pairs); err != nil {
				return nil, err
			}
		}
		items, err := r.iterate(pairs)
		if err != nil {
			return nil, err
		}
		if err := r.allocItems(8 * len(items)); err != nil {
			return nil, err
		}
		for _, it := range items {
			p, err := r.unpack(it, 2)
			if err != nil {
				return nil, err
			}
			if err := d.put(p[0], p[1]); err != nil {
				return nil, err
			}
		}
	}
	if err := r.allocItems(8 * len(a.names)); err != nil {
		return nil, err
	}
	for i, n := range a.names {
		if err := d.put(n, a.named[i]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// maxMessage is the longest refusal that is passed on whole.
const maxMessage = 4096

func raise(r *run, a args) (any, error) {
	v, err := a.bind("message")
	if err != nil {
		return nil, err
	}
	s, err := r.str(v[0])
	if err != nil {
		return nil, err
	}
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "..."
	}
	return nil, &RefusedError{s}
}

func strftimeNow(r *run, a args) (any, error) {
	v, err := a.bind("format")
	if err != nil {
		return nil, err
	}
	format, err := wantString(v[0])
	if err != nil {
		return nil, err
	}
	if err := r.alloc(12 * len(format)); err != nil {
		return nil, err
	}
	return strftime(r.now(), format), nil
}
