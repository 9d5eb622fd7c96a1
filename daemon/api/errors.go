package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is what a daemon refuses with. Its JSON is OpenAI's.
type Error struct {
	Status     int // of HTTP; 0 where the error came in the midst of an answer
	Type       string
	Code       string
	Param      string // the field at fault, or ""
	Message    string
	RetryAfter time.Duration // 0 where the daemon did not say
}

func (e *Error) Error() string { return e.Message }

// ErrorBody is how an Error travels.
type ErrorBody struct {
	Error ErrorFields `json:"error"`
}

// ErrorFields are the parts of an Error that are in its body.
type ErrorFields struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    any     `json:"code"` // a text, a number or null
}

// UnreachableError is that no daemon answers.
type UnreachableError struct {
	Tried []string // addresses, in order
	Errs  []error  // why each did not
}

func (e *UnreachableError) Error() string {
	var b strings.Builder
	b.WriteString("no moed daemon answers (tried ")
	for i, a := range e.Tried {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s: %s", a, plainly(e.Errs[i]))
	}
	b.WriteString("); " + e.fix())
	return b.String()
}

func (e *UnreachableError) Unwrap() []error { return e.Errs }

func read(status int, h http.Header, body []byte) *Error {
	e := &Error{Status: status, Message: strings.TrimSpace(string(body))}
	if seconds, err := strconv.Atoi(h.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	e.fill(body)
	if e.Message == "" || len(e.Message) > maxErrorText {
		e.Message = fmt.Sprintf("the daemon answered %d %s", status, http.StatusText(status))
	}
	return e
}

const maxErrorText = 4 << 10

// fill takes what it knows of body, and reports whether it is an error's.
func (e *Error) fill(body []byte) bool {
	var full ErrorBody
	var text struct{ Error string }
	switch {
	case json.Unmarshal(body, &full) == nil && full.Error.Message != "":
		e.Message, e.Type = full.Error.Message, full.Error.Type
		if full.Error.Param != nil {
			e.Param = *full.Error.Param
		}
		if full.Error.Code != nil {
			e.Code = fmt.Sprint(full.Error.Code)
		}
	case json.Unmarshal(body, &text) == nil && text.Error != "":
		e.Message = text.Error
	default:
		return false
	}
	return true
}

func errorOf(r *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	return read(r.StatusCode, r.Header, body)
}
