package jinja

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// run is one rendering: what it may still spend, and where its text goes.
// Everything a template does is charged here before it happens, so that a
// hostile one ends in an error while the process is still well.
type run struct {
	ctx    context.Context
	steps  int // evaluations left
	bytes  int // bytes that may still be made
	depth  int // nested evaluations, which are Go stack frames
	output int // longest text allowed
	out    *strings.Builder
	now    func() time.Time
}

const (
	// maxDepth bounds the Go stack: an evaluation takes well under a kilobyte.
	maxDepth = 2000
	// maxNesting bounds values inside values, hence recursion over them.
	maxNesting = 100
	// maxRange is the longest range a template may ask for.
	maxRange = 100_000
	// scanBytes is how much text may be read for the price of one step.
	scanBytes = 64
)

// step charges one evaluation.
func (r *run) step() error {
	r.steps--
	if r.steps < 0 {
		return fmt.Errorf("the template takes too many steps")
	}
	if r.steps&1023 == 0 {
		return r.ctx.Err()
	}
	return nil
}

// scan charges reading n bytes or items.
func (r *run) scan(n int) error {
	before := r.steps
	r.steps -= n / scanBytes
	if r.steps < 0 {
		return fmt.Errorf("the template takes too many steps")
	}
	if before>>10 != r.steps>>10 {
		return r.ctx.Err()
	}
	return nil
}

// alloc charges making n bytes.
func (r *run) alloc(n int) error {
	if n > r.bytes {
		r.bytes = 0
		return fmt.Errorf("the template uses too much memory")
	}
	r.bytes -= n
	return r.scan(n)
}

// allocTimes charges n times size bytes, whose product may not fit an int.
func (r *run) allocTimes(size int, n int64) error {
	if n > int64(r.bytes/size) {
		return r.alloc(r.bytes + 1)
	}
	return r.alloc(size * int(n))
}

// allocItems charges making a list or mapping of n items.
func (r *run) allocItems(n int) error { return r.alloc(64 + 16*n) }

// write appends to the text being made, which is the output or a capture.
func (r *run) write(s string) error { return r.append(r.out, s) }

// append charges and adds s to a text. The growing of b may copy what it
// holds, so that no text may become longer than the output.
func (r *run) append(b *strings.Builder, s string) error {
	if b.Len()+len(s) > r.output {
		return fmt.Errorf("the template makes more than %d bytes of text", r.output)
	}
	if err := r.alloc(len(s)); err != nil {
		return err
	}
	b.WriteString(s)
	return nil
}

// capture runs body with its text going to a string.
func (r *run) capture(body func() error) (string, error) {
	outer := r.out
	r.out = &strings.Builder{}
	err := body()
	s := r.out.String()
	r.out = outer
	return s, err
}

// eval evaluates e, charging a step and watching the depth.
func (r *run) eval(e expr, s *scope) (any, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	v, err := e.eval(r, s)
	r.depth--
	if err == nil && depthOf(v) > maxNesting {
		return nil, fmt.Errorf("values are nested deeper than %d", maxNesting)
	}
	return v, err
}

func (r *run) enter() error {
	if r.depth >= maxDepth {
		return fmt.Errorf("the template nests deeper than %d evaluations", maxDepth)
	}
	if err := r.step(); err != nil {
		return err
	}
	r.depth++
	return nil
}

// exec runs statements in order.
func (r *run) exec(body []stmt, s *scope) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer func() { r.depth-- }()
	for _, st := range body {
		if err := r.step(); err != nil {
			return err
		}
		if err := st.exec(r, s); err != nil {
			return err
		}
	}
	return nil
}

// scope holds the variables of the template, of a macro call or of one turn
// of a loop.
type scope struct {
	vars   map[string]any
	parent *scope
}

func (s *scope) child() *scope { return &scope{parent: s} }

func (s *scope) set(name string, v any) {
	if s.vars == nil {
		s.vars = make(map[string]any, 4)
	}
	s.vars[name] = v
}

func (s *scope) get(name string) (any, bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v, true
		}
	}
	return nil, false
}
