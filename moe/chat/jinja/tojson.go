package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// jsonWriter writes as Python's json.dumps(v, ensure_ascii=False) does: keys
// in the order of the value, nothing escaped but what JSON demands.
type jsonWriter struct {
	r          *run
	b          strings.Builder
	item, pair string // separators
	indent     string // "" keeps all on one line
	lines      bool
	ascii      bool
	sorted     bool
}

// tojson is the filter of that name, with json.dumps' arguments.
func tojson(r *run, x any, a args) (any, error) {
	v, err := a.bind("ensure_ascii", "indent", "separators", "sort_keys")
	if err != nil {
		return nil, err
	}
	if len(a.pos) > 0 && !isBool(a.pos[0]) { // Jinja's own filter has indent first
		v[0], v[1] = undefined{}, a.pos[0]
	}
	w := &jsonWriter{r: r, item: ", ", pair: ": ", ascii: truth(v[0]), sorted: truth(v[3])}
	switch in := v[1].(type) {
	case nil, undefined:
	case string:
		w.lines, w.indent = true, in
	default:
		n, err := intArg(in, 0)
		if err != nil {
			return nil, err
		}
		if n > 64 {
			return nil, fmt.Errorf("an indent of %d is too wide", n)
		}
		w.lines, w.indent = true, strings.Repeat(" ", int(max(n, 0)))
	}
	if w.lines {
		w.item = ","
	}
	if err := w.separators(v[2]); err != nil {
		return nil, err
	}
	if err := w.value(x, 0); err != nil {
		return nil, err
	}
	return w.b.String(), nil
}

func isBool(v any) bool {
	_, ok := v.(bool)
	return ok
}

func (w *jsonWriter) separators(v any) error {
	if v == nil || !given(v) {
		return nil
	}
	l, ok := v.(*list)
	if !ok || len(l.items) != 2 {
		return fmt.Errorf("separators must be a pair of strings")
	}
	var okItem, okPair bool
	w.item, okItem = l.items[0].(string)
	w.pair, okPair = l.items[1].(string)
	if !okItem || !okPair {
		return fmt.Errorf("separators must be a pair of strings")
	}
	return nil
}

func (w *jsonWriter) write(s string) error { return w.r.append(&w.b, s) }

func (w *jsonWriter) value(v any, depth int) error {
	if err := w.r.step(); err != nil {
		return err
	}
	switch c := v.(type) {
	case nil:
		return w.write("null")
	case bool:
		return w.write(strconv.FormatBool(c))
	case int64:
		return w.write(strconv.FormatInt(c, 10))
	case bigint:
		return w.write(string(c))
	case float64:
		return w.write(jsonFloat(c))
	case string:
		return w.string(c)
	case *list:
		return w.list(c, depth)
	case *dict:
		return w.dict(c, depth)
	}
	return fmt.Errorf("%s has no JSON form", typeName(v))
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return floatText(f)
}

// newline starts a line at depth when the writer indents.
func (w *jsonWriter) newline(depth int) error {
	if !w.lines {
		return nil
	}
	if err := w.write("\n"); err != nil {
		return err
	}
	for range depth {
		if err := w.write(w.indent); err != nil {
			return err
		}
	}
	return nil
}

func (w *jsonWriter) list(l *list, depth int) error {
	if len(l.items) == 0 {
		return w.write("[]")
	}
	next := "["
	for _, it := range l.items {
		if err := w.write(next); err != nil {
			return err
		}
		if err := w.newline(depth + 1); err != nil {
			return err
		}
		if err := w.value(it, depth+1); err != nil {
			return err
		}
		next = w.item
	}
	if err := w.newline(depth); err != nil {
		return err
	}
	return w.write("]")
}

func (w *jsonWriter) dict(d *dict, depth int) error {
	if len(d.keys) == 0 {
		return w.write("{}")
	}
	order, err := w.order(d)
	if err != nil {
		return err
	}
	next := "{"
	for _, i := range order {
		if err := w.write(next); err != nil {
			return err
		}
		if err := w.newline(depth + 1); err != nil {
			return err
		}
		if err := w.key(d.keys[i]); err != nil {
			return err
		}
		if err := w.write(w.pair); err != nil {
			return err
		}
		if err := w.value(d.vals[i], depth+1); err != nil {
			return err
		}
		next = w.item
	}
	if err := w.newline(depth); err != nil {
		return err
	}
	return w.write("}")
}

// order gives the places of the keys in the order they are written.
func (w *jsonWriter) order(d *dict) ([]int, error) {
	if err := w.r.allocItems(len(d.keys)); err != nil {
		return nil, err
	}
	order := make([]int, len(d.keys))
	for i := range order {
		order[i] = i
	}
	if !w.sorted {
		return order, nil
	}
	return order, w.r.sortBy(order, func(i int) any { return d.keys[i] }, false)
}

// key writes a key, which JSON wants as a string.
func (w *jsonWriter) key(k any) error {
	switch c := k.(type) {
	case string:
		return w.string(c)
	case nil:
		return w.write(`"null"`)
	case bool:
		return w.write(strconv.Quote(strconv.FormatBool(c)))
	case float64:
		return w.write(`"` + jsonFloat(c) + `"`)
	}
	return w.write(fmt.Sprintf(`"%v"`, k))
}

func (w *jsonWriter) string(s string) error {
	if err := w.write(`"`); err != nil {
		return err
	}
	from := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' && (c < 0x7f || !w.ascii) {
			continue
		}
		if err := w.write(s[from:i]); err != nil {
			return err
		}
		from = i + len(string(c))
		if err := w.escape(c); err != nil {
			return err
		}
	}
	if err := w.write(s[from:]); err != nil {
		return err
	}
	return w.write(`"`)
}

func (w *jsonWriter) escape(c rune) error {
	switch c {
	case '"', '\\':
		return w.write(`\` + string(c))
	case '\n':
		return w.write(`\n`)
	case '\r':
		return w.write(`\r`)
	case '\t':
		return w.write(`\t`)
	case '\b':
		return w.write(`\b`)
	case '\f':
		return w.write(`\f`)
	}
	if c < 0x10000 {
		return w.write(fmt.Sprintf(`\u%04x`, c))
	}
	c -= 0x10000
	return w.write(fmt.Sprintf(`\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff))
}
