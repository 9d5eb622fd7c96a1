package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// str is Python's str(v), the text that {{ v }} writes.
func (r *run) str(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	var b strings.Builder
	err := r.repr(&b, v)
	return b.String(), err
}

// repr writes v as Python shows it inside a list. Strings on top are str's.
func (r *run) repr(b *strings.Builder, v any) error {
	if err := r.step(); err != nil {
		return err
	}
	if err := r.append(b, ""); err != nil { // what the last value wrote may be too long
		return err
	}
	if err := r.alloc(16); err != nil {
		return err
	}
	switch c := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		if c {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case int64:
		b.WriteString(strconv.FormatInt(c, 10))
	case bigint:
		b.WriteString(string(c))
		return r.alloc(len(c))
	case float64:
		b.WriteString(floatText(c))
	case string:
		if err := r.alloc(2 * len(c)); err != nil {
			return err
		}
		quote(b, c)
	case undefined:
	case *list:
		return r.reprList(b, c)
	case *dict:
		return r.reprDict(b, c)
	default:
		fmt.Fprintf(b, "<%s>", strings.TrimPrefix(typeName(v), "a "))
	}
	return nil
}

func (r *run) reprList(b *strings.Builder, l *list) error {
	open, end := "[", "]"
	if l.tuple {
		open, end = "(", ")"
		if len(l.items) == 1 {
			end = ",)"
		}
	}
	b.WriteString(open)
	for i, it := range l.items {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := r.repr(b, it); err != nil {
			return err
		}
	}
	b.WriteString(end)
	return nil
}

func (r *run) reprDict(b *strings.Builder, d *dict) error {
	b.WriteByte('{')
	for i, k := range d.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := r.repr(b, k); err != nil {
			return err
		}
		b.WriteString(": ")
		if err := r.repr(b, d.vals[i]); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

// quote writes a string as Python's repr does.
func quote(b *strings.Builder, s string) {
	q := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		q = '"'
	}
	b.WriteByte(q)
	for _, c := range s {
		switch {
		case c == rune(q) || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == utf8.RuneError || unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(b, `\x%02x`, c)
		case c < 0x10000:
			fmt.Fprintf(b, `\u%04x`, c)
		default:
			fmt.Fprintf(b, `\U%08x`, c)
		}
	}
	b.WriteByte(q)
}

// floatText is the shortest text that reads back as f, in Python's form: with
// an exponent below 1e-4 and from 1e16 on, and never without a point.
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if strings.IndexByte(s, '.') < 0 {
		s += ".0"
	}
	return s
}
