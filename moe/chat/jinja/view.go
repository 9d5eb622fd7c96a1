package jinja

// Lookup gives the value of a key of a decoded object, and whether it is there.
func Lookup(object any, key string) (any, bool) {
	d, ok := object.(*dict)
	if !ok {
		return nil, false
	}
	return d.get(key)
}

// Items gives the items of a decoded array. The caller must not change them.
func Items(array any) ([]any, bool) {
	l, ok := array.(*list)
	if !ok {
		return nil, false
	}
	return l.items, true
}

// Pairs gives the keys and values of a decoded object in order. The caller must
// not change them.
func Pairs(object any) (keys, vals []any, ok bool) {
	d, ok := object.(*dict)
	if !ok {
		return nil, nil, false
	}
	return d.keys, d.vals, true
}

// List makes an array of decoded values, which it keeps.
func List(items []any) any { return newList(items) }

// TypeName says in a few words what kind of value v is, for error texts.
func TypeName(v any) string { return typeName(v) }

// Truth tells whether Python takes a value for true.
func Truth(v any) bool { return truth(v) }

// Str is Python's str(v).
func Str(v any) (string, error) { return aside().str(v) }

// JSON is what the filter tojson makes of v.
func JSON(v any) (string, error) {
	s, err := tojson(aside(), v, args{})
	if err != nil {
		return "", err
	}
	return s.(string), nil
}
