package anthropic

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/oklog/ulid/v2"

	"moed/daemon"
	"moed/daemon/web"
)

// Options has no fields: there is nothing to choose.
type Options struct{}

type handler struct {
	models web.Models
}

// Handle registers the routes.
func Handle(mux *http.ServeMux, m web.Models, _ Options) {
	h := &handler{models: m}
	mux.HandleFunc("POST /v1/messages", h.messages)
	mux.HandleFunc("POST /v1/messages/count_tokens", h.count)
	mux.HandleFunc("POST /api/event_logging/batch", func(w http.ResponseWriter, _ *http.Request) {
		newExchange(w).fail(&statusError{http.StatusNotFound, "moed takes no events"})
	})
}

// exchange is one request and its answer, under one name.
type exchange struct {
	w  http.ResponseWriter
	id string
}

func newExchange(w http.ResponseWriter) *exchange {
	x := &exchange{w: w, id: "req_" + ulid.Make().String()}
	w.Header().Set("Request-Id", x.id)
	return x
}

// statusError is a problem with a status of its own.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

// problem is an error as Anthropic writes it.
type problem struct {
	Type  string `json:"type"` // error
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
	RequestID string `json:"request_id"`
}

// problem is err as clients see it, with its status and when to come again.
func (x *exchange) problem(err error) (p problem, code int, after time.Duration) {
	code, after = web.Status(err)
	text := err.Error()
	var own *statusError
	if errors.As(err, &own) {
		code = own.code
	}
	var long *daemon.ContextError
	if errors.As(err, &long) { // clients look for these words
		text = fmt.Sprintf("prompt is too long: %d tokens > %d maximum", long.Prompt, long.Context)
	}
	p = problem{Type: "error", RequestID: x.id}
	p.Error.Type, p.Error.Message = "api_error", text
	switch code {
	case http.StatusBadRequest:
		p.Error.Type = "invalid_request_error"
	case http.StatusForbidden:
		p.Error.Type = "permission_error"
	case http.StatusNotFound:
		p.Error.Type = "not_found_error"
	case http.StatusRequestEntityTooLarge:
		p.Error.Type = "request_too_large"
	case http.StatusTooManyRequests:
		p.Error.Type = "rate_limit_error"
	case http.StatusServiceUnavailable:
		p.Error.Type = "overloaded_error"
	}
	return p, code, after
}

// fail answers with what err says, where nothing has been written yet.
func (x *exchange) fail(err error) {
	p, code, after := x.problem(err)
	web.Fail(x.w, code, after, p)
}

func wrong(param, text string) error {
	return &daemon.RequestError{Param: param, Err: errors.New(text)}
}
