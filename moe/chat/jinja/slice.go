package jinja

import "fmt"

func (e slice) eval(r *run, s *scope) (any, error) {
	x, err := r.eval(e.x, s)
	if err != nil {
		return nil, err
	}
	var at [3]*int64
	for i, part := range []expr{e.start, e.stop, e.step} {
		if part == nil {
			continue
		}
		v, err := r.eval(part, s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		n, _, exact, ok := number(v)
		if !ok || !exact {
			return nil, fmt.Errorf("%s cannot be a bound of a slice", typeName(v))
		}
		at[i] = &n
	}
	switch c := x.(type) {
	case *list:
		items, err := sliceOf(r, c.items, at)
		if err != nil {
			return nil, err
		}
		l := newList(items)
		l.tuple = c.tuple
		return l, nil
	case string:
		runes, err := r.runes(c)
		if err != nil {
			return nil, err
		}
		runes, err = sliceOf(r, runes, at)
		return string(runes), err
	case undefined:
		return nil, fmt.Errorf("%s cannot be sliced", c)
	}
	return nil, fmt.Errorf("%s cannot be sliced", typeName(x))
}

// sliceOf is Python's xs[start:stop:step]. With step 1 the result shares xs,
// which nobody writes to; the charge is for finding its depth.
func sliceOf[T any](r *run, xs []T, at [3]*int64) ([]T, error) {
	n, step := int64(len(xs)), int64(1)
	if at[2] != nil {
		step = *at[2]
	}
	if step == 0 {
		return nil, fmt.Errorf("the step of a slice is zero")
	}
	first, last := int64(0), n // bounds that a start and a stop are held to
	start, stop := first, last
	if step < 0 {
		first, last = -1, n-1
		start, stop = last, first
	}
	for i, to := range []*int64{&start, &stop} {
		if at[i] == nil {
			continue
		}
		v := *at[i]
		if v < 0 {
			v += n
		}
		*to = min(max(v, first), last)
	}
	if step == 1 {
		stop = max(start, stop)
		return xs[start:stop:stop], r.scan(8 * int(stop-start))
	}
	if err := r.allocItems(len(xs)); err != nil {
		return nil, err
	}
	var out []T
	for i := start; step > 0 && i < stop || step < 0 && i > stop; {
		out = append(out, xs[i])
		if step > n || step < -n {
			break
		}
		i += step
	}
	return out, nil
}
