package jinja

import (
	"fmt"
	"slices"
)

// parser turns tokens into statements. Its grammar is that of Jinja 3.1 less
// everything that reads other templates.
type parser struct {
	toks    []token
	pos     int
	depth   int
	loops   int  // loops around the current statement, within the macro
	varargs bool // the macro being parsed speaks of varargs
	kwargs  bool
}

const (
	// maxSource is the longest template; real ones stay below 40 kB.
	maxSource = 256 << 10
	// maxParse is how deep blocks and brackets may nest in the source.
	maxParse = 100
)

func parse(src string) ([]stmt, error) {
	if len(src) > maxSource {
		return nil, fmt.Errorf("the template has %d bytes, at most %d are allowed", len(src), maxSource)
	}
	toks, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{toks: toks}
	body, _, err := p.body()
	return body, err
}

func (p *parser) peek() token { return p.toks[p.pos] }

// peekAt looks further ahead; past the end it sees the end.
func (p *parser) peekAt(n int) token { return p.toks[min(p.pos+n, len(p.toks)-1)] }

func (p *parser) take() token {
	t := p.toks[p.pos]
	if t.kind != tokEOF {
		p.pos++
	}
	return t
}

func (p *parser) is(kind tokenKind, text string) bool {
	t := p.peek()
	return t.kind == kind && t.text == text
}

func (p *parser) skip(kind tokenKind, text string) bool {
	if p.is(kind, text) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(kind tokenKind, text string) error {
	if !p.skip(kind, text) {
		return p.errorf("found %v where %q was expected", p.peek(), text)
	}
	return nil
}

func (p *parser) name() (string, error) {
	t := p.peek()
	if t.kind != tokName || slices.Contains(reserved, t.text) {
		return "", p.errorf("found %v where a name was expected", t)
	}
	p.pos++
	return t.text, nil
}

var reserved = []string{"and", "or", "not", "in", "is", "if", "else", "elif",
	"true", "false", "none", "True", "False", "None"}

func (p *parser) errorf(format string, a ...any) error {
	return fmt.Errorf("line %d: %s", p.peek().line, fmt.Sprintf(format, a...))
}

// nest guards a recursive rule; the caller runs the returned function at its end.
func (p *parser) nest() (func(), error) {
	if p.depth >= maxParse {
		return nil, p.errorf("nested deeper than %d", maxParse)
	}
	p.depth++
	return func() { p.depth-- }, nil
}

// body parses statements up to a tag named in ends, whose name is consumed and
// returned; without ends, up to the end of the template.
func (p *parser) body(ends ...string) ([]stmt, string, error) {
	leave, err := p.nest()
	if err != nil {
		return nil, "", err
	}
	defer leave()
	var out []stmt
	for {
		t := p.peek()
		switch {
		case t.kind == tokEOF:
			if len(ends) > 0 {
				return nil, "", p.errorf("the template ends where %q was expected", ends[len(ends)-1])
			}
			return out, "", nil
		case t.kind == tokText:
			p.pos++
			out = append(out, text{t.text})
			continue
		case t.text == "{{":
			p.pos++
			x, err := p.tuple(true)
			if err != nil {
				return nil, "", err
			}
			if err := p.expect(tokClose, "}}"); err != nil {
				return nil, "", err
			}
			out = append(out, output{x, t.line})
			continue
		}
		p.pos++
		tag := p.peek()
		if tag.kind != tokName {
			return nil, "", p.errorf("found %v where the name of a tag was expected", tag)
		}
		p.pos++
		if slices.Contains(ends, tag.text) {
			return out, tag.text, nil
		}
		st, err := p.statement(tag)
		if err != nil {
			return nil, "", err
		}
		if st != nil {
			out = append(out, st...)
		}
	}
}

// block parses the close of the current tag, a body and, when one end is
// possible, the close of the end tag.
func (p *parser) block(ends ...string) ([]stmt, string, error) {
	if err := p.expect(tokClose, "%}"); err != nil {
		return nil, "", err
	}
	b, end, err := p.body(ends...)
	if err == nil && len(ends) == 1 {
		err = p.expect(tokClose, "%}")
	}
	return b, end, err
}

func (p *parser) statement(tag token) ([]stmt, error) {
	one := func(s stmt, err error) ([]stmt, error) { return []stmt{s}, err }
	switch tag.text {
	case "if":
		return one(p.ifTag(tag.line))
	case "for":
		return one(p.forTag(tag.line))
	case "set":
		return one(p.setTag(tag.line))
	case "macro":
		return one(p.macroTag(tag.line))
	case "call":
		return one(p.callTag(tag.line))
	case "filter":
		return one(p.filterTag(tag.line))
	case "with":
		return one(p.withTag(tag.line))
	case "break", "continue":
		if p.loops == 0 {
			return nil, p.errorf("%s outside of a loop", tag.text)
		}
		return one(jump{tag.text == "continue"}, p.expect(tokClose, "%}"))
	case "generation":
		// Marks the assistant's words for training; the text is as if it were not there.
		b, _, err := p.block("endgeneration")
		return b, err
	case "include", "import", "from", "extends", "block":
		return nil, p.errorf("%s is not supported: a chat template stands alone", tag.text)
	}
	return nil, p.errorf("unknown tag %s", short(tag.text))
}
