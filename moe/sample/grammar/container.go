package grammar

import "strings"

const (
	objectStart place = iota // behind {
	objectNext               // behind a member
	objectComma
	objectKey   // a: range of properties that the key may be, b: bytes of it
	objectExtra // the same for a key that is none of them
	objectSlash // such a key, behind a backslash
	objectColon // b: property, -1 for another
	objectValue
)

// keys is a range of sorted properties, as a frame keeps it.
func keys(low, high int) int64         { return int64(low)<<32 | int64(high) }
func (f *frame) keys() (low, high int) { return int(f.a >> 32), int(f.a & 0xffffffff) }

func (m *machine) stepObject(f *frame, c byte) {
	n := f.node
	switch f.at {
	case objectStart, objectNext, objectComma:
		switch {
		case m.blank(f, c):
		case c == '}' && f.at != objectComma && n.complete(f.seen):
			m.pop(f)
		case c == ',' && f.at == objectNext && (n.extra != nil || n.unseen(f.seen, 0, len(n.properties))):
			m.emit(frame{up: f.up, node: n, at: objectComma, seen: f.seen, deep: f.deep})
		case c == '"' && f.at != objectNext:
			m.openKey(f)
		}
	case objectKey:
		m.stepKey(f, c)
	case objectExtra, objectSlash:
		m.stepExtra(f, c)
	case objectColon:
		if !m.blank(f, c) && c == ':' {
			m.emit(frame{up: f.up, node: n, at: objectValue, b: f.b, seen: f.seen, deep: f.deep})
		}
	case objectValue:
		if m.blank(f, c) {
			return
		}
		value, after := n.extra, frame{up: f.up, node: n, at: objectNext, seen: f.seen, deep: f.deep}
		if f.b >= 0 {
			value, after.seen = n.properties[f.b].value, f.seen.with(int(f.b))
		}
		m.open(value, m.one(after), f.deep, c)
	}
}

func (m *machine) openKey(f *frame) {
	n, g := f.node, frame{up: f.up, node: f.node, a: keys(0, len(f.node.properties)), seen: f.seen, deep: f.deep}
	if n.unseen(f.seen, 0, len(n.properties)) {
		g.at = objectKey
		m.emit(g)
	}
	if n.extra != nil {
		g.at = objectExtra
		m.emit(g)
	}
}

// complete reports whether all properties that must be there are.
func (n *node) complete(s seen) bool {
	for i, p := range n.properties {
		if p.required && !s.has(i) {
			return false
		}
	}
	return true
}

// unseen reports whether one of some properties may still come.
func (n *node) unseen(s seen, low, high int) bool {
	for i := low; i < high; i++ {
		if !s.has(i) {
			return true
		}
	}
	return false
}

func (n *node) narrow(low, high int, i int32, c byte) (int, int) {
	return narrow(n.properties, low, high, i, c, func(p property) string { return p.key })
}

func (m *machine) stepKey(f *frame, c byte) {
	low, high := f.keys()
	n := f.node
	// A quote within a key stands behind a backslash, which no key ends with alone.
	if c == '"' && low < high && len(n.properties[low].key) == int(f.b) {
		if !f.seen.has(low) {
			m.emit(frame{up: f.up, node: n, at: objectColon, b: int32(low), seen: f.seen, deep: f.deep})
		}
		return
	}
	low, high = n.narrow(low, high, f.b, c)
	if n.unseen(f.seen, low, high) {
		g := *f
		g.a, g.b = keys(low, high), f.b+1
		m.emit(g)
	}
}

// stepExtra reads a key that is none of the properties. It has the escapes that
// their keys have, so that none is written in two ways.
func (m *machine) stepExtra(f *frame, c byte) {
	low, high := f.keys()
	n, g := f.node, *f
	if f.at == objectExtra && c == '"' && f.gap == 0 {
		if low == high || len(n.properties[low].key) != int(f.b) {
			m.emit(frame{up: f.up, node: n, at: objectColon, b: -1, seen: f.seen, deep: f.deep})
		}
		return
	}
	switch {
	case f.at == objectSlash:
		if !strings.ContainsRune(`"\nrtbf`, rune(c)) {
			return
		}
		g.at = objectExtra
	case c == '\\' && f.gap == 0:
		g.at = objectSlash
	case c < 0x20:
		return
	default:
		next, ok := utf8Step(f.gap, c)
		if !ok {
			return
		}
		g.gap = next
	}
	if low < high {
		low, high = n.narrow(low, high, f.b, c)
		g.b++
	}
	if g.a = keys(low, high); low == high {
		g.a, g.b = 0, 0
	}
	if g.b < maxKey {
		m.emit(g)
	}
}

const maxKey = 1 << 16

const (
	arrayStart place = iota // behind [
	arrayNext               // behind an item; a: how many there are
	arrayComma
)

func (m *machine) stepArray(f *frame, c byte) {
	n, count := f.node, int32(f.a)
	if m.blank(f, c) {
		return
	}
	switch {
	case c == ']' && f.at != arrayComma:
		if count >= n.least {
			m.pop(f)
		}
	case f.at != arrayNext:
		item := n.item(count)
		if item == nil {
			return
		}
		after := frame{up: f.up, node: n, at: arrayNext, a: int64(n.counted(count + 1)), deep: f.deep}
		m.open(item, m.one(after), f.deep, c)
	case c == ',' && n.item(count) != nil:
		m.emit(frame{up: f.up, node: n, at: arrayComma, a: f.a, deep: f.deep})
	}
}

// counted is how far items have to be counted.
func (n *node) counted(count int32) int32 {
	return min(count, max(n.least, n.most, int32(len(n.fixed))))
}
