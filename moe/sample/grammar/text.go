package grammar

import "strings"

// Places in a string. gap is the state of a UTF-8 sequence (see utf8Step), a the
// code points so far in its upper half and in its lower what an escape or a
// sequence has of its own. See pattern.go for strings with a pattern.
const (
	inString place = iota
	inEscape
	inHex      // low half of a: digits so far above their value
	inLow      // behind a high surrogate: \ must follow
	inLowU     // then u
	inLowHex   // then a low surrogate
	inSequence // within a UTF-8 sequence of a string with a pattern
)

// utf8Step takes byte c in state s of a UTF-8 sequence: 0 outside of one, 1 to 3
// bytes to come, above that the cases whose second byte is limited.
func utf8Step(s uint8, c byte) (uint8, bool) {
	const (
		afterE0 = 4 + iota
		afterED
		afterF0
		afterF4
	)
	low, high, next := byte(0x80), byte(0xbf), uint8(0)
	switch s {
	case 0:
		switch {
		case c < 0x80:
			return 0, true
		case c >= 0xc2 && c <= 0xdf:
			return 1, true
		case c == 0xe0:
			return afterE0, true
		case c == 0xed:
			return afterED, true
		case c >= 0xe1 && c <= 0xef:
			return 2, true
		case c == 0xf0:
			return afterF0, true
		case c >= 0xf1 && c <= 0xf3:
			return 3, true
		case c == 0xf4:
			return afterF4, true
		}
		return 0, false
	case afterE0:
		low, next = 0xa0, 1
	case afterED:
		high, next = 0x9f, 1
	case afterF0:
		low, next = 0x90, 2
	case afterF4:
		high, next = 0x8f, 2
	default:
		next = s - 1
	}
	return next, c >= low && c <= high
}

func (m *machine) stepString(f *frame, c byte) {
	if f.node.pattern != nil {
		m.stepPattern(f, c)
		return
	}
	g := *f
	switch f.at {
	case inString:
		switch {
		case f.gap != 0:
			next, ok := utf8Step(f.gap, c)
			if g.gap = next; ok {
				m.emit(g)
			}
		case c == '"':
			if f.points() >= f.node.shortest {
				m.pop(f)
			}
		case c < 0x20 || f.points() == f.node.longest:
		case c == '\\':
			g.at = inEscape
			m.emit(g)
		default:
			next, ok := utf8Step(0, c)
			if ok {
				g.gap = next
				m.emit(f.counting(g))
			}
		}
	case inEscape:
		switch {
		case c == 'u':
			g.at = inHex
			m.emit(g)
		case strings.IndexByte(`"\/bfnrt`, c) >= 0:
			g.at = inString
			m.emit(f.counting(g))
		}
	default:
		m.stepHex(f, c)
	}
}

// points is how many code points the string has, as far as that matters.
func (f *frame) points() int32 { return int32(f.a >> 32) }

// counting is g with one code point more.
func (f *frame) counting(g frame) frame {
	most := max(f.node.shortest, f.node.longest)
	g.a = int64(min(f.points()+1, most)) << 32
	return g
}

// stepHex reads what follows \u. A high surrogate needs a low one behind it, and a
// low one may not stand alone.
func (m *machine) stepHex(f *frame, c byte) {
	g := *f
	switch f.at {
	case inLow, inLowU:
		if want := `\u`[f.at-inLow]; c == want {
			g.at++
			m.emit(g)
		}
		return
	}
	digit := hexDigit(c)
	if digit < 0 {
		return
	}
	low := int32(f.a)
	n, value := low>>16+1, (low&0xffff)<<4|digit
	if f.at == inLowHex && (n == 1 && digit != 0xd || n == 2 && digit < 0xc) {
		return
	}
	if f.at == inHex && n == 2 && value >= 0xdc && value <= 0xdf {
		return
	}
	switch {
	case n < 4:
		g.a = f.a>>32<<32 | int64(n<<16|value)
		m.emit(g)
	case f.at == inHex && value >= 0xd800 && value < 0xdc00:
		g.at, g.a = inLow, f.a>>32<<32
		m.emit(g)
	default:
		g.at = inString
		m.emit(f.counting(g))
	}
}

func hexDigit(c byte) int32 {
	switch {
	case c >= '0' && c <= '9':
		return int32(c - '0')
	case c >= 'a' && c <= 'f':
		return int32(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int32(c-'A') + 10
	}
	return -1
}
