package reply

import (
	"bytes"
	"encoding/json"
	"strings"
)

// verdict is what can be said of the beginning of something.
type verdict uint8

const (
	more   verdict = iota // it may become what it should
	done                  // it is
	broken                // it cannot become it
)

// value finds the end of a JSON object or array that grows. It looks at every
// byte once.
type value struct {
	pos     int // bytes that have been looked at
	open    []byte
	text    bool // within a string
	escaped bool
}

const deepest = 128

// end looks at what is new in b, which begins with the value.
func (v *value) end(b []byte) (int, verdict) {
	for v.pos < len(b) {
		c := b[v.pos]
		v.pos++
		switch {
		case v.escaped:
			v.escaped = false
		case v.text:
			v.escaped = c == '\\'
			v.text = c != '"'
		case c == '"':
			v.text = true
		case c == '{', c == '[':
			if len(v.open) == deepest {
				return 0, broken
			}
			v.open = append(v.open, c+2) // its closing twin
		case c == '}', c == ']':
			if v.open[len(v.open)-1] != c {
				return 0, broken
			}
			v.open = v.open[:len(v.open)-1]
			if len(v.open) == 0 {
				return v.pos, done
			}
		case !strings.ContainsRune(" \t\r\n:,+-.", rune(c)) && !isWord(c):
			return 0, broken
		}
	}
	return 0, more
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// mend escapes the line ends and tabs that models leave bare within strings.
func mend(b []byte) []byte {
	var out []byte
	text, escaped := false, false
	for _, c := range b {
		switch {
		case escaped:
			escaped = false
		case text:
			escaped = c == '\\'
			text = c != '"'
			if i := strings.IndexByte("\n\r\t", c); i >= 0 {
				out = append(out, '\\', "nrt"[i])
				continue
			}
		case c == '"':
			text = true
		}
		out = append(out, c)
	}
	return out
}

// object is b as a compact JSON object. Where b is a string that holds one, it is
// that; where it is nothing or null, it is empty.
func object(b []byte) (string, bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || string(b) == "null" {
		return "{}", true
	}
	var inner string
	if b[0] == '"' {
		if json.Unmarshal(b, &inner) != nil {
			return "", false
		}
		b = bytes.TrimSpace([]byte(inner))
	}
	if len(b) == 0 || b[0] != '{' {
		return "", false
	}
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		out.Reset()
		if json.Compact(&out, mend(b)) != nil {
			return "", false
		}
	}
	return out.String(), true
}
