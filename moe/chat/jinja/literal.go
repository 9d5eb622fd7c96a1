package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// number consumes an integer or a float literal.
func (l *lexer) number(rest string) error {
	digits := func(s string) int {
		n := 0
		for n < len(s) && ('0' <= s[n] && s[n] <= '9' || s[n] == '_') {
			n++
		}
		return n
	}
	n, kind := digits(rest), tokInt
	if t := rest[n:]; len(t) > 1 && t[0] == '.' && digits(t[1:]) > 0 {
		n += 1 + digits(t[1:])
		kind = tokFloat
	}
	if t := rest[n:]; t != "" && (t[0] == 'e' || t[0] == 'E') {
		sign := 1
		if len(t) > 1 && (t[1] == '-' || t[1] == '+') {
			sign = 2
		}
		if d := digits(t[sign:]); d > 0 {
			n += sign + d
			kind = tokFloat
		}
	}
	l.emit(kind, strings.ReplaceAll(rest[:n], "_", ""))
	l.advance(n)
	return nil
}

// str consumes a string literal. Escapes are Python's; an unknown one stays as
// it is written.
func (l *lexer) str(rest string) error {
	quote := rest[0]
	end := 1
	for end < len(rest) && rest[end] != quote {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(rest) {
		return l.errorf("a string is not closed")
	}
	body := rest[1:end]
	if strings.IndexByte(body, '\\') >= 0 {
		body = unescape(body)
	}
	l.emit(tokString, body)
	l.advance(end + 1)
	return nil
}

func unescape(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		n := 2
		switch c := s[i+1]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'v':
			b.WriteByte('\v')
		case 'a':
			b.WriteByte('\a')
		case '\\', '\'', '"':
			b.WriteByte(c)
		case '\n':
		case 'x', 'u', 'U':
			width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			r, ok := hexRune(s[i+2:], width)
			if !ok {
				b.WriteString(s[i : i+2])
				break
			}
			b.WriteRune(r)
			n += width
		default:
			b.WriteString(s[i : i+2])
		}
		s = s[i+n:]
	}
}

func hexRune(s string, width int) (rune, bool) {
	if len(s) < width {
		return 0, false
	}
	v, err := strconv.ParseUint(s[:width], 16, 32)
	if err != nil || !utf8.ValidRune(rune(v)) {
		return 0, false
	}
	return rune(v), true
}
