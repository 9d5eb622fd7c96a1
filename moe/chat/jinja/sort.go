package jinja

import (
	"fmt"
	"slices"
)

// sortBy sorts xs by key, stably.
func (r *run) sortBy(xs []int, key func(int) any, descending bool) error {
	var failed error
	slices.SortStableFunc(xs, func(a, b int) int {
		if failed != nil {
			return 0
		}
		c, err := r.order(key(a), key(b))
		failed = err
		if descending {
			return -c
		}
		return c
	})
	return failed
}

// folded lowers strings for a comparison that ignores case.
func (r *run) folded(keys []any, exact any) ([]any, error) {
	if given(exact) && truth(exact) {
		return keys, nil
	}
	if err := r.allocItems(len(keys)); err != nil {
		return nil, err
	}
	out := slices.Clone(keys)
	for i, k := range out {
		if s, ok := k.(string); ok {
			var err error
			if out[i], err = r.cased("lower", s); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// ordered gives items in the order of their keys.
func (r *run) ordered(items, keys []any, exact, descending any) (any, error) {
	keys, err := r.folded(keys, exact)
	if err != nil {
		return nil, err
	}
	if err := r.allocItems(2 * len(items)); err != nil {
		return nil, err
	}
	at := make([]int, len(items))
	for i := range at {
		at[i] = i
	}
	if err := r.sortBy(at, func(i int) any { return keys[i] }, truth(descending)); err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	for i, j := range at {
		out[i] = items[j]
	}
	return newList(out), nil
}

func sorted(r *run, x any, v []any) (any, error) {
	items, err := r.iterate(x)
	if err != nil {
		return nil, err
	}
	keys, err := r.attributes(x, v[2])
	if err != nil {
		return nil, err
	}
	return r.ordered(items, keys, v[1], v[0])
}

func dictsort(r *run, x any, v []any) (any, error) {
	d, ok := x.(*dict)
	if !ok {
		return nil, fmt.Errorf("%s is not a mapping", typeName(x))
	}
	pairs, err := r.pairs(x)
	if err != nil {
		return nil, err
	}
	by, err := stringArg(v[1], "key")
	if err != nil {
		return nil, err
	}
	keys := d.keys
	if by == "value" {
		keys = d.vals
	}
	return r.ordered(pairs.(*list).items, keys, v[0], v[2])
}

func (r *run) extreme(x any, v []any, largest bool) (any, error) {
	all, err := sorted(r, x, []any{largest, v[0], v[1]})
	if err != nil {
		return nil, err
	}
	return r.end(all, false)
}
