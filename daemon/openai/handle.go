package openai

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// Options has no fields: there is nothing to choose.
type Options struct{}

type handler struct{ models web.Models }

// Handle registers the routes.
func Handle(mux *http.ServeMux, m web.Models, _ Options) {
	h := &handler{models: m}
	mux.HandleFunc("GET /v1/models", h.list)
	mux.HandleFunc("GET /v1/models/{id}", h.show)
	mux.HandleFunc("POST /v1/chat/completions", h.chat)
	mux.HandleFunc("POST /v1/chat/completions/input_tokens", h.countChat)
	mux.HandleFunc("POST /v1/completions", h.complete)
	mux.HandleFunc("POST /v1/responses", h.respond)
	mux.HandleFunc("POST /v1/responses/input_tokens", h.countResponse)
	mux.HandleFunc("POST /v1/embeddings", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, &refusal{status: http.StatusNotImplemented, kind: "invalid_request_error", code: "not_supported",
			text: "moed runs models that make text; it has no embeddings"}, "input")
	})
}

// problem is an error as OpenAI writes it.
type problem struct {
	Error problemText `json:"error"`
}

type problemText struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`

	// Of a prompt that does not fit:
	Prompt  int `json:"n_prompt_tokens,omitempty"`
	Context int `json:"n_ctx,omitempty"`
}

// refusal is a problem with a status, type and code of its own.
type refusal struct {
	status            int
	kind, code, param string
	text              string
}

func (e *refusal) Error() string { return e.text }

// wrong is a request that names a field and what is wrong with it.
func wrong(param, format string, args ...any) error {
	return &daemon.RequestError{Param: param, Err: fmt.Errorf(format, args...)}
}

// problemOf is err as clients see it, with its status and when to come again.
// prompt is what the route calls its messages.
func problemOf(err error, prompt string) (p problem, status int, after time.Duration) {
	status, after = web.Status(err)
	p.Error.Message = err.Error()
	var own *refusal
	var request *daemon.RequestError
	var long *daemon.ContextError
	var none *daemon.NoModelError
	code, param := "", ""
	switch {
	case errors.As(err, &own):
		status, p.Error.Type, code, param = own.status, own.kind, own.code, own.param
	case errors.As(err, &long):
		p.Error.Type, code, param = "invalid_request_error", "context_length_exceeded", prompt
		p.Error.Prompt, p.Error.Context = long.Prompt, long.Context
	case errors.As(err, &none):
		p.Error.Type, code, param = "not_found_error", "model_not_found", "model"
	case errors.As(err, &request):
		p.Error.Type, param = "invalid_request_error", request.Param
	default:
		p.Error.Type, code = kindOf(status)
	}
	if param == "messages" {
		param = prompt
	}
	if param != "" {
		p.Error.Param = &param
	}
	if code != "" {
		p.Error.Code = &code
	}
	return p, status, after
}

func kindOf(status int) (kind, code string) {
	switch status {
	case http.StatusBadRequest:
		return "invalid_request_error", ""
	case http.StatusTooManyRequests:
		return "rate_limit_error", "busy"
	case http.StatusServiceUnavailable:
		return "unavailable_error", "draining"
	}
	return "server_error", ""
}

func fail(w http.ResponseWriter, err error, prompt string) {
	p, status, after := problemOf(err, prompt)
	web.Fail(w, status, after, p)
}
