package daemon

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"moed/moe"
)

// Why a request is refused. Callers branch on these.
var (
	// ErrDraining is returned for what comes after Drain or Close has begun.
	ErrDraining = errors.New("moed is shutting down and takes no more requests")
	// ErrCancelled ends a request that Cancel was called for.
	ErrCancelled = errors.New("the request was cancelled")
)

// ContextError is a prompt that does not fit. Nothing was truncated.
type ContextError struct {
	Prompt  int // tokens of the prompt
	Context int // tokens there are, for prompt and answer
}

func (e *ContextError) Error() string {
	return fmt.Sprintf("the prompt has %d tokens and leaves no room for an answer in a context of %d", e.Prompt, e.Context)
}

func (e *ContextError) Unwrap() error { return moe.ErrContextFull }

// NoModelError is a model that is not there.
type NoModelError struct {
	Name string
	Near []string // models there are, the likeliest first
}

func (e *NoModelError) Error() string {
	if len(e.Near) == 0 {
		return fmt.Sprintf("model %q is not there", e.Name)
	}
	return fmt.Sprintf("model %q is not there; there are %s", e.Name, strings.Join(e.Near, ", "))
}

// BusyError asks the caller to come again later.
type BusyError struct {
	Reason string
	After  time.Duration
}

func (e *BusyError) Error() string { return fmt.Sprintf("busy: %s", e.Reason) }

// RequestError is a request that cannot be served as it is. Param names the
// field at fault, or is empty.
type RequestError struct {
	Param string
	Err   error
}

func (e *RequestError) Error() string {
	if e.Param == "" {
		return e.Err.Error()
	}
	return e.Param + ": " + e.Err.Error()
}

func (e *RequestError) Unwrap() error { return e.Err }
