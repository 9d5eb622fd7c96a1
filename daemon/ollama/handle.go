package ollama

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// DefaultVersion is the version of Ollama whose API this is. Clients compare it
// with the oldest that they work with.
const DefaultVersion = "0.17.4"

const defaultContext = 4096

// Options say how the models are shown. The zero value is right.
type Options struct {
	// Version is what /api/version says; "" is DefaultVersion.
	Version string
	// Context is how many tokens a request may have; 0 is the model's context, at
	// most 4096.
	Context int
}

type handler struct {
	models  web.Models
	options Options
	began   time.Time // stands for the age of what has none
}

// Handle registers the routes.
func Handle(mux *http.ServeMux, m web.Models, o Options) {
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	if o.Context == 0 {
		o.Context = defaultContext
	}
	h := &handler{models: m, options: o, began: time.Now()}
	mux.HandleFunc("GET /{$}", h.root)
	mux.HandleFunc("GET /api/version", h.version)
	mux.HandleFunc("GET /api/tags", h.tags)
	mux.HandleFunc("GET /api/ps", h.ps)
	mux.HandleFunc("POST /api/show", h.show)
	mux.HandleFunc("POST /api/chat", h.chat)
	mux.HandleFunc("POST /api/generate", h.generate)
	mux.HandleFunc("POST /api/pull", h.pull)
	for pattern, text := range refused() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			web.Answer(w, http.StatusNotImplemented, problem{text})
		})
	}
}

// refused are the routes that moed has only to say why not.
func refused() map[string]string {
	const (
		embed  = "moed makes no embeddings: its models generate text"
		keep   = "the daemon does not change models; put GGUF files into its models directory, or run: moed pull"
		remote = "moed has no account and no network"
	)
	return map[string]string{
		"POST /api/embed":          embed,
		"POST /api/embeddings":     embed,
		"POST /api/create":         keep,
		"POST /api/copy":           keep,
		"DELETE /api/delete":       keep,
		"GET /api/blobs/{digest}":  keep,
		"POST /api/blobs/{digest}": keep,
		"POST /api/push":           remote,
		"POST /api/me":             remote,
		"POST /api/signout":        remote,
	}
}

func (h *handler) root(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, "Ollama is running")
}

func (h *handler) version(w http.ResponseWriter, _ *http.Request) {
	web.Answer(w, http.StatusOK, struct {
		Version string `json:"version"`
	}{h.options.Version})
}

// pull has nothing to do for a model that is there, and refuses any other.
func (h *handler) pull(w http.ResponseWriter, r *http.Request) {
	var in struct {
		named
		Stream *bool `json:"stream"`
	}
	if err := web.Decode(r, &in); err != nil {
		fail(w, err)
		return
	}
	name, err := in.name()
	if err == nil {
		_, err = h.models.Find(name)
	}
	var none *daemon.NoModelError
	switch {
	case errors.As(err, &none):
		web.Answer(w, http.StatusNotImplemented, problem{fmt.Sprintf("the daemon has no network; run: moed pull %s", name)})
	case err != nil:
		fail(w, err)
	case in.Stream == nil || *in.Stream:
		_ = web.NewLines(w).Write(status{"success"}) // a client that has gone needs no answer
	default:
		web.Answer(w, http.StatusOK, status{"success"})
	}
}

// named is how a request names a model; Name is the older way.
type named struct {
	Model string `json:"model"`
	Name  string `json:"name"`
}

func (n *named) name() (string, error) {
	switch {
	case n.Model != "":
		return n.Model, nil
	case n.Name != "":
		return n.Name, nil
	}
	return "", &daemon.RequestError{Param: "model", Err: errors.New("is required")}
}

type problem struct {
	Error string `json:"error"`
}

type status struct {
	Status string `json:"status"`
}

// fail answers with what err says, where nothing has been written yet.
func fail(w http.ResponseWriter, err error) {
	code, after := web.Status(err)
	web.Fail(w, code, after, problem{sentence(err)})
}

// sentence is what is wrong. Some clients look for "not found".
func sentence(err error) string {
	var none *daemon.NoModelError
	if !errors.As(err, &none) {
		return err.Error()
	}
	text := fmt.Sprintf("model '%s' not found", none.Name)
	if len(none.Near) > 0 {
		text += "; there are " + strings.Join(none.Near, ", ")
	}
	return text
}
