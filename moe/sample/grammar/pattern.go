package grammar

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// pattern is a regular expression as a program for threads. A set of threads is
// the set of the instructions they wait at: those that take a rune, and those
// from which the text may end.
type pattern struct {
	prog  *syntax.Prog
	live  seen // instructions from which a match can be reached
	ends  seen // instructions at which the text may end
	first seen
}

// escapes are the characters that a string with a pattern escapes, each before
// the letter it has there.
const (
	escaped       = "\"\\\b\f\n\r\t"
	escapeLetters = `"\bfnrt`
)

// newPattern compiles an expression that, as in JSON Schema, may match anywhere.
func newPattern(source string) (*pattern, error) {
	if len(source) > 4096 {
		return nil, fmt.Errorf("the pattern has %d bytes, at most 4096 are supported", len(source))
	}
	// Alone first: a bracket too many must not close ours.
	_, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the pattern is not supported: %w", err)
	}
	re, err := syntax.Parse("(?s:.*)(?:"+source+")(?s:.*)", syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("the pattern is not supported: %w", err)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, fmt.Errorf("the pattern is not supported: %w", err)
	}
	p := &pattern{prog: prog}
	return p, p.prepare()
}

func (p *pattern) prepare() error {
	if len(p.prog.Inst) > maxProperties {
		return fmt.Errorf("the pattern needs %d instructions, at most %d are supported", len(p.prog.Inst), maxProperties)
	}
	for _, in := range p.prog.Inst {
		switch in.Op {
		case syntax.InstEmptyWidth:
			if e := syntax.EmptyOp(in.Arg); e != syntax.EmptyBeginText && e != syntax.EmptyEndText {
				return fmt.Errorf("the pattern looks at what surrounds a place, which is not supported but for ^ and $")
			}
		case syntax.InstRune, syntax.InstRune1:
			if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
				return fmt.Errorf("the pattern ignores case, which is not supported")
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for pc := range p.prog.Inst {
			if !p.live.has(pc) && p.reaches(pc) {
				p.live, changed = p.live.with(pc), true
			}
		}
	}
	p.first = p.follow(seen{}, seen{}, p.prog.Start, true)
	return nil
}

// reaches reports whether pc leads to a match by way of instructions known to be
// live, and notes where the text may end.
func (p *pattern) reaches(pc int) bool {
	in := &p.prog.Inst[pc]
	out, arg := p.live.has(int(in.Out)), false
	switch in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		arg = p.live.has(int(in.Arg))
	case syntax.InstMatch:
		p.ends = p.ends.with(pc)
		return true
	case syntax.InstFail:
		return false
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(in.Arg) == syntax.EmptyBeginText {
			return false // at the beginning it is not waited at
		}
		if p.emptyToMatch(in.Out, 0) {
			p.ends = p.ends.with(pc)
			return true
		}
		return false
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return out && (meets(in, 0x20, 0xd7ff) || meets(in, 0xe000, utf8.MaxRune) || p.meetsEscape(in))
	}
	return out || arg
}

// emptyToMatch reports whether the end of the text is a match at pc.
func (p *pattern) emptyToMatch(pc uint32, depth int) bool {
	if depth > 32 {
		return false
	}
	in := &p.prog.Inst[pc]
	switch in.Op {
	case syntax.InstMatch:
		return true
	case syntax.InstAlt, syntax.InstAltMatch:
		return p.emptyToMatch(in.Out, depth+1) || p.emptyToMatch(in.Arg, depth+1)
	case syntax.InstNop, syntax.InstCapture:
		return p.emptyToMatch(in.Out, depth+1)
	case syntax.InstEmptyWidth:
		return syntax.EmptyOp(in.Arg) == syntax.EmptyEndText && p.emptyToMatch(in.Out, depth+1)
	}
	return false
}

func (p *pattern) meetsEscape(in *syntax.Inst) bool {
	return strings.IndexFunc(escaped, func(r rune) bool { return meets(in, r, r) }) >= 0
}

// meets reports whether an instruction takes one of the runes from low to high.
func meets(in *syntax.Inst, low, high rune) bool {
	switch in.Op {
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return low != '\n' || high != '\n'
	case syntax.InstRune1:
		return in.Rune[0] >= low && in.Rune[0] <= high
	case syntax.InstRune:
		if len(in.Rune) == 1 {
			return in.Rune[0] >= low && in.Rune[0] <= high
		}
		for i := 0; i+1 < len(in.Rune); i += 2 {
			if in.Rune[i] <= high && in.Rune[i+1] >= low {
				return true
			}
		}
	}
	return false
}

// follow adds the live instructions that pc leads to without a rune. begin says
// that the text begins here.
func (p *pattern) follow(s, visited seen, pc int, begin bool) seen {
	stack := []int{pc}
	for len(stack) > 0 {
		pc, stack = stack[len(stack)-1], stack[:len(stack)-1]
		if visited.has(pc) {
			continue
		}
		visited = visited.with(pc)
		switch in := &p.prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, int(in.Out), int(in.Arg))
		case syntax.InstNop, syntax.InstCapture:
			stack = append(stack, int(in.Out))
		case syntax.InstEmptyWidth:
			if begin && syntax.EmptyOp(in.Arg) == syntax.EmptyBeginText {
				stack = append(stack, int(in.Out))
			} else if p.live.has(pc) {
				s = s.with(pc)
			}
		default:
			if p.live.has(pc) {
				s = s.with(pc)
			}
		}
	}
	return s
}

// accepts reports whether a thread of s takes one of the runes from low to high.
func (p *pattern) accepts(s seen, low, high rune) bool {
	for pc := range p.prog.Inst {
		if s.has(pc) && meets(&p.prog.Inst[pc], low, high) {
			return true
		}
	}
	return false
}

func (p *pattern) step(s seen, r rune) (next seen) {
	for pc := range p.prog.Inst {
		if in := &p.prog.Inst[pc]; s.has(pc) && meets(in, r, r) {
			next = p.follow(next, seen{}, int(in.Out), false)
		}
	}
	return next
}

func (p *pattern) matches(s seen) bool {
	for i := range s {
		if s[i]&p.ends[i] != 0 {
			return true
		}
	}
	return false
}

// stepPattern reads a string with a pattern: gap is the state of a UTF-8
// sequence, a what of its rune is known. It has the short escapes only.
func (m *machine) stepPattern(f *frame, c byte) {
	p, g := f.node.pattern, *f
	m.work += len(p.prog.Inst) / 16
	switch {
	case f.at == inSequence:
		next, ok := utf8Step(f.gap, c)
		if !ok {
			return
		}
		g.gap, g.a = next, f.a<<6|int64(c&0x3f)
		m.sequence(f, g, 0, utf8.MaxRune)
	case f.at == inEscape:
		if i := strings.IndexByte(escapeLetters, c); i >= 0 {
			m.rune(f, rune(escaped[i]))
		}
	case c == '"':
		if p.matches(f.seen) {
			m.pop(f)
		}
	case c == '\\':
		if strings.IndexFunc(escaped, func(r rune) bool { return p.accepts(f.seen, r, r) }) >= 0 {
			g.at = inEscape
			m.emit(g)
		}
	case c < 0x20:
	case c < utf8.RuneSelf:
		m.rune(f, rune(c))
	default:
		next, ok := utf8Step(0, c)
		if !ok {
			return
		}
		low, high := rune(0), rune(utf8.MaxRune)
		switch c { // not every sequence that begins so is one
		case 0xe0:
			low = 0x800
		case 0xed:
			high = 0xd7ff
		case 0xf0:
			low = 0x10000
		}
		g.at, g.gap, g.a = inSequence, next, int64(c)&(0x3f>>sequenceLeft(next))
		m.sequence(f, g, low, high)
	}
}

// sequence goes on to g, within a UTF-8 sequence, if some rune of it is accepted.
func (m *machine) sequence(f *frame, g frame, low, high rune) {
	left := 6 * sequenceLeft(g.gap)
	low, high = max(low, rune(g.a<<left)), min(high, rune((g.a+1)<<left-1))
	switch {
	case !f.node.pattern.accepts(f.seen, low, high):
	case left == 0:
		m.rune(f, rune(g.a))
	default:
		m.emit(g)
	}
}

// sequenceLeft is how many bytes of a UTF-8 sequence are to come.
func sequenceLeft(s uint8) int { return [...]int{0, 1, 2, 3, 2, 2, 3, 3}[s] }

func (m *machine) rune(f *frame, r rune) {
	if next := f.node.pattern.step(f.seen, r); next != (seen{}) {
		m.emit(frame{up: f.up, node: f.node, at: inString, seen: next})
	}
}
