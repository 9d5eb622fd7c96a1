package jinja

import "fmt"

// args are the arguments of one call.
type args struct {
	pos   []any
	names []string
	named []any
}

func (r *run) args(a callArgs, s *scope) (args, error) {
	pos, err := r.evalAll(a.pos, s)
	if err != nil {
		return args{}, err
	}
	named, err := r.evalAll(a.named, s)
	return args{pos, a.names, named}, err
}

// bind puts the arguments in the order of names; one that was not given is
// left out of the result as undefined. It refuses what it has no place for.
func (a args) bind(names ...string) ([]any, error) {
	if len(a.pos) > len(names) {
		return nil, fmt.Errorf("%d arguments given, at most %d wanted", len(a.pos), len(names))
	}
	out := make([]any, len(names))
	for i := range out {
		out[i] = undefined{names[i]}
	}
	copy(out, a.pos)
next:
	for i, n := range a.names {
		for j, want := range names {
			if n != want {
				continue
			}
			if j < len(a.pos) {
				return nil, fmt.Errorf("argument %s given twice", short(n))
			}
			out[j] = a.named[i]
			continue next
		}
		return nil, fmt.Errorf("unknown argument %s", short(n))
	}
	return out, nil
}

func given(v any) bool {
	_, missing := v.(undefined)
	return !missing
}

// stringArg is v, or the default when it was not given.
func stringArg(v any, missing string) (string, error) {
	switch s := v.(type) {
	case undefined:
		return missing, nil
	case string:
		return s, nil
	}
	return "", fmt.Errorf("found %s where a string was expected", typeName(v))
}

func intArg(v any, missing int64) (int64, error) {
	if !given(v) {
		return missing, nil
	}
	i, _, exact, ok := number(v)
	if !ok || !exact {
		return 0, fmt.Errorf("found %s where an integer was expected", typeName(v))
	}
	return i, nil
}
