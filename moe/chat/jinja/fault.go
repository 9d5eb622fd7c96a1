package jinja

import (
	"errors"
	"fmt"
)

// RefusedError is the template's own refusal of the messages, by
// raise_exception: the request is at fault, not the program.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string { return "the chat template refuses: " + e.Message }

// located is an error with the line of the innermost tag it came from.
type located struct {
	line int
	err  error
}

func (e *located) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }
func (e *located) Unwrap() error { return e.err }

// jumped travels from a break or continue to its loop.
type jumped struct{ next bool }

func (jumped) Error() string { return "a jump outside of a loop" }

// at adds the line to an error that has none.
func at(line int, err error) error {
	switch err.(type) {
	case nil, *located, *RefusedError, jumped:
		return err
	}
	return &located{line, err}
}

// within says in which function or filter an error arose.
func within(name string, err error) error {
	var l *located
	if errors.As(err, &l) {
		return err
	}
	switch err.(type) {
	case *RefusedError, jumped:
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}
