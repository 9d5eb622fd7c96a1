package llamacpp

import (
	"errors"
	"net/http"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// Options say how the server is shown. The zero value is right.
type Options struct {
	// Build is what /props calls the program; "" is "moed".
	Build string
	// Slots is how many requests a model answers at once; 0 is 8.
	Slots int
	// Context is how many tokens a request may have; 0 is the model's context, at
	// most 4096.
	Context int
}

const (
	defaultSlots   = 8
	defaultContext = 4096
)

type handler struct {
	models  web.Models
	options Options
}

// Handle registers the routes.
func Handle(mux *http.ServeMux, m web.Models, o Options) {
	if o.Build == "" {
		o.Build = "moed"
	}
	if o.Slots == 0 {
		o.Slots = defaultSlots
	}
	if o.Context == 0 {
		o.Context = defaultContext
	}
	h := &handler{models: m, options: o}
	for pattern, handle := range map[string]http.HandlerFunc{
		"GET /health":          h.health,
		"GET /v1/health":       h.health,
		"GET /props":           h.props,
		"GET /slots":           h.slots,
		"POST /tokenize":       h.tokenize,
		"POST /detokenize":     h.detokenize,
		"POST /apply-template": h.applyTemplate,
		"POST /completion":     h.completion,
		"POST /completions":    h.completion,
		"POST /infill":         h.infill,
		"GET /models":          h.list,
		"POST /models/load":    h.load,
		"POST /models/unload":  h.unload,
	} {
		mux.HandleFunc(pattern, handle)
	}
	for pattern, text := range refused() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			web.Answer(w, http.StatusNotImplemented, problemOf(http.StatusNotImplemented, text))
		})
	}
}

// refused are the routes that moed has only to say why not.
func refused() map[string]string {
	const (
		embed = "moed makes no embeddings: its models generate text"
		lora  = "moed has no adapters"
	)
	return map[string]string{
		"POST /props":         "properties are set where the daemon is started",
		"POST /slots/{id}":    "moed keeps prompts by itself; there is nothing to save or restore",
		"POST /embedding":     embed,
		"POST /embeddings":    embed,
		"POST /rerank":        embed,
		"POST /reranking":     embed,
		"GET /lora-adapters":  lora,
		"POST /lora-adapters": lora,
	}
}

func (h *handler) health(w http.ResponseWriter, _ *http.Request) {
	web.Answer(w, http.StatusOK, map[string]string{"status": "ok"})
}

// problem is an error as llama-server writes it.
type problem struct {
	Error struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Type    string `json:"type"`
		// Of a prompt that does not fit.
		Prompt  int `json:"n_prompt_tokens,omitempty"`
		Context int `json:"n_ctx,omitempty"`
	} `json:"error"`
}

func problemOf(code int, text string) (p problem) {
	p.Error.Code, p.Error.Message, p.Error.Type = code, text, "server_error"
	switch code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		p.Error.Type = "invalid_request_error"
	case http.StatusForbidden:
		p.Error.Type = "permission_error"
	case http.StatusNotFound:
		p.Error.Type = "not_found_error"
	case http.StatusTooManyRequests:
		p.Error.Type = "rate_limit_error"
	case http.StatusNotImplemented:
		p.Error.Type = "not_supported_error"
	case http.StatusServiceUnavailable:
		p.Error.Type = "unavailable_error"
	}
	return p
}

// problemFor is err as clients see it, with its status and when to come again.
func problemFor(err error) (p problem, after time.Duration) {
	code, after := web.Status(err)
	p = problemOf(code, err.Error())
	var long *daemon.ContextError
	if errors.As(err, &long) {
		p.Error.Type, p.Error.Prompt, p.Error.Context = "exceed_context_size_error", long.Prompt, long.Context
	}
	return p, after
}

// fail answers with what err says, where nothing has been written yet.
func fail(w http.ResponseWriter, err error) {
	p, after := problemFor(err)
	web.Fail(w, p.Error.Code, after, p)
}

func wrong(param, text string) error {
	return &daemon.RequestError{Param: param, Err: errors.New(text)}
}

// borrow gets a model for the request, and answers it where that fails.
func (h *handler) borrow(w http.ResponseWriter, r *http.Request, model string) (*daemon.Loan, bool) {
	loan, err := h.models.Acquire(r.Context(), model, daemon.LoanOptions{})
	if err != nil {
		fail(w, err)
		return nil, false
	}
	return loan, true
}
