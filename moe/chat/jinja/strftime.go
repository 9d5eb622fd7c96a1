package jinja

import (
	"fmt"
	"strings"
	"time"
)

// strftime formats as C's function of that name does in the C locale; a
// directive it does not know stays as written.
func strftime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		bare := format[i] == '-' && i+1 < len(format) // %-d: no leading zero
		if bare {
			i++
		}
		s, ok := directive(t, format[i])
		if !ok {
			b.WriteByte('%')
			if bare {
				b.WriteByte('-')
			}
			b.WriteByte(format[i])
			continue
		}
		if bare {
			if s = strings.TrimLeft(s, "0"); s == "" {
				s = "0"
			}
		}
		b.WriteString(s)
	}
	return b.String()
}

// directive gives the text of one conversion.
func directive(t time.Time, c byte) (string, bool) {
	if l := layout(c); l != "" {
		return t.Format(l), true
	}
	switch c {
	case '%':
		return "%", true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000), true
	case 'Z', 'z':
		return "", true // Python's now() knows no zone
	case 'u':
		return fmt.Sprint((int(t.Weekday())+6)%7 + 1), true
	case 'w':
		return fmt.Sprint(int(t.Weekday())), true
	}
	return "", false
}

// layout gives the conversions that package time has too.
func layout(c byte) string {
	switch c {
	case 'Y':
		return "2006"
	case 'y':
		return "06"
	case 'm':
		return "01"
	case 'B':
		return "January"
	case 'b', 'h':
		return "Jan"
	case 'd':
		return "02"
	case 'e':
		return "_2"
	case 'j':
		return "002"
	case 'A':
		return "Monday"
	case 'a':
		return "Mon"
	case 'H':
		return "15"
	case 'I':
		return "03"
	case 'M':
		return "04"
	case 'S':
		return "05"
	case 'p':
		return "PM"
	case 'F':
		return "2006-01-02"
	case 'T', 'X':
		return "15:04:05"
	case 'R':
		return "15:04"
	case 'D', 'x':
		return "01/02/06"
	case 'c':
		return "Mon Jan _2 15:04:05 2006"
	}
	return ""
}
