package grammar

import "sort"

// frame is a place in a value, and through up in those that hold it. Frames are
// never changed; equal ones of a machine are the same.
type frame struct {
	up   *frame // where to go on behind the value; nil behind the whole text
	node *node  // nil where the text is complete
	at   place
	gap  uint8 // white space since the last token
	a    int64 // by kind: see the steps
	b    int32
	seen seen  // properties of an object, instructions of a pattern
	deep int16 // objects and arrays of any kind around it
}

// seen is a set of properties by index.
type seen [maxProperties / 64]uint64

const maxProperties = 256

func (s seen) has(i int) bool  { return s[i/64]>>(i%64)&1 == 1 }
func (s seen) with(i int) seen { s[i/64] |= 1 << (i % 64); return s }

// place is where in a value of its kind a frame is.
type place uint8

// machine steps frames. Its answers are appended to out.
type machine struct {
	frames map[frame]*frame
	ids    map[*frame]uint32
	out    []*frame
	opened map[*node]bool // unions, by the open that is under way
	work   int            // grows with what has been computed
}

func (m *machine) reset() {
	m.frames, m.ids, m.opened = map[frame]*frame{}, map[*frame]uint32{}, map[*node]bool{}
}

// one is the frame equal to f, with all of its stack.
func (m *machine) one(f frame) *frame {
	if p := m.frames[f]; p != nil {
		return p
	}
	p := new(frame)
	*p = f
	m.frames[f], m.ids[p] = p, uint32(len(m.ids))
	return p
}

func (m *machine) emit(f frame) { m.keep(m.one(f)) }

// keep adds a reading. Each of them alone leads to a whole value, so that the last
// of very many can be done without.
func (m *machine) keep(f *frame) {
	m.work += 1 + len(m.out)/16
	if len(m.out) == maxReadings {
		return
	}
	for _, o := range m.out {
		if o == f {
			return
		}
	}
	m.out = append(m.out, f)
}

const maxReadings = 512

// pop goes on behind a value.
func (m *machine) pop(f *frame) {
	if f.up != nil {
		m.keep(f.up)
		return
	}
	m.emit(frame{})
}

// open begins a value of n with byte c; up is where it goes on then.
func (m *machine) open(n *node, up *frame, deep int16, c byte) {
	clear(m.opened)
	m.openOne(n, up, deep, c)
}

// openOne opens n; unions may lead to one of them by many ways, and in circles.
func (m *machine) openOne(n *node, up *frame, deep int16, c byte) {
	m.work++
	switch n.kind {
	case kindUnion:
		if m.opened[n] {
			return
		}
		m.opened[n] = true
		for _, a := range n.alternatives {
			m.openOne(a, up, deep, c)
		}
	case kindLiteral:
		m.stepLiteral(&frame{up: up, node: n, a: keys(0, len(n.literals))}, c)
	case kindString:
		if c == '"' {
			f := frame{up: up, node: n, at: inString}
			if n.pattern != nil {
				f.seen = n.pattern.first
			}
			m.emit(f)
		}
	case kindNumber:
		m.step(&frame{up: up, node: n, at: numberStart}, c)
	case kindObject, kindArray:
		if n.nest {
			if deep++; deep > maxNest {
				return
			}
		}
		switch {
		case c == '{' && n.kind == kindObject:
			m.emit(frame{up: up, node: n, at: objectStart, deep: deep})
		case c == '[' && n.kind == kindArray:
			m.emit(frame{up: up, node: n, at: arrayStart, deep: deep})
		}
	}
}

const maxNest = 24

// step moves f on by byte c.
func (m *machine) step(f *frame, c byte) {
	if m.work++; f.node == nil {
		return
	}
	switch f.node.kind {
	case kindLiteral:
		m.stepLiteral(f, c)
	case kindString:
		m.stepString(f, c)
	case kindNumber:
		m.stepNumber(f, c)
	case kindObject:
		m.stepObject(f, c)
	case kindArray:
		m.stepArray(f, c)
	}
}

// stepLiteral narrows the literals that f may be: a is their range, b the bytes so
// far.
func (m *machine) stepLiteral(f *frame, c byte) {
	low, high := f.keys()
	low, high = narrow(f.node.literals, low, high, f.b, c, func(s string) string { return s })
	if low < high && len(f.node.literals[low]) == int(f.b)+1 {
		m.pop(f)
		low++
	}
	if low < high {
		g := *f
		g.a, g.b = keys(low, high), f.b+1
		m.emit(g)
	}
}

// narrow keeps those of the sorted items from low to high whose texts have byte c
// at i; up to there they are the same.
func narrow[T any](items []T, low, high int, i int32, c byte, text func(T) string) (int, int) {
	part := items[low:high]
	from := sort.Search(len(part), func(j int) bool { s := text(part[j]); return len(s) > int(i) && s[i] >= c })
	to := from + sort.Search(len(part)-from, func(j int) bool { return text(part[from+j])[i] > c })
	return low + from, low + to
}

// blank takes white space between tokens, within its limit.
func (m *machine) blank(f *frame, c byte) bool {
	switch c {
	case ' ', '\t', '\n':
	default:
		return false
	}
	if f.gap < maxGap && (c != '\n' || f.gap == 0) {
		g := *f
		g.gap++
		m.emit(g)
	}
	return true
}

const maxGap = 20

// ended reports whether the text may end at f.
func (m *machine) ended(f *frame) bool {
	return f.node == nil || f.up == nil && f.node.kind == kindNumber && f.numberWhole()
}
