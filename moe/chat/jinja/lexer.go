package jinja

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokText
	tokOpen  // {{ or {%
	tokClose // }} or %}
	tokName
	tokString
	tokInt
	tokFloat
	tokOp
)

type token struct {
	kind tokenKind
	text string // for tokString the text meant, without quotes and escapes
	line int
}

func (t token) String() string {
	if t.kind == tokEOF {
		return "the end of the template"
	}
	return short(t.text)
}

// lexer cuts a template into tokens, with trim_blocks and lstrip_blocks on and
// the final newline dropped: the way chat templates are written for.
type lexer struct {
	src  string
	pos  int
	line int
	open []byte // closing brackets awaited inside the current tag
	out  []token
}

func lex(src string) ([]token, error) {
	src = strings.ReplaceAll(src, "\r\n", "\n")
	src = strings.ReplaceAll(src, "\r", "\n")
	src = strings.TrimSuffix(src, "\n")
	l := &lexer{src: src, line: 1}
	for l.pos < len(l.src) {
		if err := l.text(); err != nil {
			return nil, err
		}
	}
	l.emit(tokEOF, "")
	return l.out, nil
}

func (l *lexer) emit(kind tokenKind, text string) {
	l.out = append(l.out, token{kind, text, l.line})
}

// advance moves past n bytes and counts their lines.
func (l *lexer) advance(n int) {
	l.line += strings.Count(l.src[l.pos:l.pos+n], "\n")
	l.pos += n
}

func (l *lexer) errorf(format string, a ...any) error {
	return fmt.Errorf("line %d: %s", l.line, fmt.Sprintf(format, a...))
}

// text consumes text up to the next tag, and that tag.
func (l *lexer) text() error {
	rest := l.src[l.pos:]
	at := 0
	for {
		i := strings.IndexByte(rest[at:], '{')
		if i < 0 || at+i+1 >= len(rest) {
			l.data(rest)
			l.advance(len(rest))
			return nil
		}
		at += i
		if c := rest[at+1]; c == '{' || c == '%' || c == '#' {
			break
		}
		at++
	}
	kind := rest[at+1]
	data, skip := rest[:at], 2
	if at+2 < len(rest) && rest[at+2] == '-' {
		data, skip = strings.TrimRightFunc(data, unicode.IsSpace), 3
	} else if at+2 < len(rest) && rest[at+2] == '+' && kind != '{' {
		skip = 3
	} else if kind != '{' {
		data = l.lstrip(data)
	}
	l.data(data)
	l.advance(at + skip)
	switch kind {
	case '#':
		return l.comment()
	case '%':
		if ok, err := l.raw(); ok || err != nil {
			return err
		}
	}
	return l.tag(kind)
}

// lstrip drops the blanks between the start of a line and a tag.
func (l *lexer) lstrip(data string) string {
	start := strings.LastIndexByte(data, '\n') + 1
	lineStart := start > 0 || l.pos == 0 || l.src[l.pos-1] == '\n'
	if lineStart && strings.TrimSpace(data[start:]) == "" {
		return data[:start]
	}
	return data
}

func (l *lexer) data(s string) {
	if s != "" {
		l.emit(tokText, s)
	}
}

// after consumes what follows a tag's closing marker: with a minus all white
// space, otherwise (trim) one newline.
func (l *lexer) after(sign byte, trim bool) {
	rest := l.src[l.pos:]
	switch {
	case sign == '-':
		l.advance(len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace)))
	case sign != '+' && trim && strings.HasPrefix(rest, "\n"):
		l.advance(1)
	}
}

func (l *lexer) comment() error {
	i := strings.Index(l.src[l.pos:], "#}")
	if i < 0 {
		return l.errorf("a comment is not closed")
	}
	var sign byte
	if i > 0 {
		sign = l.src[l.pos+i-1]
	}
	l.advance(i + 2)
	l.after(sign, true)
	return nil
}

// raw consumes {% raw %}...{% endraw %}; ok is false at any other tag.
func (l *lexer) raw() (ok bool, err error) {
	rest := l.src[l.pos:]
	head := strings.TrimLeftFunc(rest, unicode.IsSpace)
	name, found := strings.CutPrefix(head, "raw")
	if !found {
		return false, nil
	}
	tail := strings.TrimLeftFunc(name, unicode.IsSpace)
	var sign byte
	if strings.HasPrefix(tail, "-") {
		sign, tail = '-', tail[1:]
	}
	tail, found = strings.CutPrefix(tail, "%}")
	if !found {
		return false, nil
	}
	l.advance(len(rest) - len(tail))
	l.after(sign, false)
	body := l.src[l.pos:]
	for at := 0; ; at += 2 {
		i := strings.Index(body[at:], "{%")
		if i < 0 {
			return true, l.errorf("raw is not closed by endraw")
		}
		at += i
		end, closed := endRaw(body[at+2:])
		if !closed {
			continue
		}
		data := body[:at]
		if strings.HasPrefix(body[at+2:], "-") {
			data = strings.TrimRightFunc(data, unicode.IsSpace)
		} else if !strings.HasPrefix(body[at+2:], "+") {
			data = l.lstrip(data)
		}
		l.data(data)
		sign = body[at+2+end-3]
		l.advance(at + 2 + end)
		l.after(sign, true)
		return true, nil
	}
}

// endRaw gives the length of an endraw tag whose opening marker was cut off.
func endRaw(s string) (n int, ok bool) {
	t := s
	if t != "" && (t[0] == '-' || t[0] == '+') {
		t = t[1:]
	}
	t, ok = strings.CutPrefix(strings.TrimLeftFunc(t, unicode.IsSpace), "endraw")
	if !ok {
		return 0, false
	}
	t = strings.TrimLeftFunc(t, unicode.IsSpace)
	if t != "" && (t[0] == '-' || t[0] == '+') {
		t = t[1:]
	}
	t, ok = strings.CutPrefix(t, "%}")
	return len(s) - len(t), ok
}

// tag cuts the inside of {{ }} or {% %} into tokens.
func (l *lexer) tag(kind byte) error {
	opened, closing := "{{", "}}"
	if kind == '%' {
		opened, closing = "{%", "%}"
	}
	l.emit(tokOpen, opened)
	l.open = l.open[:0]
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		if len(l.open) == 0 {
			var sign byte
			mark := rest
			if rest[0] == '-' || rest[0] == '+' && kind == '%' {
				sign, mark = rest[0], rest[1:]
			}
			if strings.HasPrefix(mark, closing) {
				l.emit(tokClose, closing)
				l.advance(len(rest) - len(mark) + 2)
				l.after(sign, kind == '%')
				return nil
			}
		}
		if err := l.next(rest); err != nil {
			return err
		}
	}
	return l.errorf("%s is not closed", opened)
}

// next consumes one token or one run of white space inside a tag.
func (l *lexer) next(rest string) error {
	c, size := utf8.DecodeRuneInString(rest)
	switch {
	case unicode.IsSpace(c):
		l.advance(size)
		return nil
	case c == '"' || c == '\'':
		return l.str(rest)
	case '0' <= c && c <= '9':
		return l.number(rest)
	case c == '_' || unicode.IsLetter(c):
		n := strings.IndexFunc(rest, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })
		if n < 0 {
			n = len(rest)
		}
		l.emit(tokName, rest[:n])
		l.advance(n)
		return nil
	}
	return l.operator(rest)
}

func (l *lexer) operator(rest string) error {
	for _, op := range [...]string{"**", "//", "==", "!=", "<=", ">="} {
		if strings.HasPrefix(rest, op) {
			l.emit(tokOp, op)
			l.advance(2)
			return nil
		}
	}
	c := rest[0]
	if strings.IndexByte("+-*/%~<>=()[]{}.,:|", c) < 0 {
		c, _ := utf8.DecodeRuneInString(rest)
		return l.errorf("unexpected %q", c)
	}
	switch c {
	case '(':
		l.open = append(l.open, ')')
	case '[':
		l.open = append(l.open, ']')
	case '{':
		l.open = append(l.open, '}')
	case ')', ']', '}':
		if len(l.open) == 0 || l.open[len(l.open)-1] != c {
			return l.errorf("unexpected %q", c)
		}
		l.open = l.open[:len(l.open)-1]
	}
	l.emit(tokOp, rest[:1])
	l.advance(1)
	return nil
}
