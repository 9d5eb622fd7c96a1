package llamacpp

import (
	"net/http"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

type model struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Owner  string `json:"owned_by"`
	Status status `json:"status"`
}

type status struct {
	Value string `json:"value"` // loaded, loading or unloaded
}

func (h *handler) list(w http.ResponseWriter, _ *http.Request) {
	states := map[string]string{}
	for _, r := range h.models.Running() {
		states[r.Name] = "loaded"
		if r.State == daemon.StateLoading {
			states[r.Name] = "loading"
		}
	}
	out := []model{}
	for _, m := range h.models.List() {
		value := states[m.Name]
		if value == "" {
			value = "unloaded"
		}
		out = append(out, model{ID: m.Name, Object: "model", Owner: "moed", Status: status{value}})
	}
	web.Answer(w, http.StatusOK, map[string]any{"object": "list", "data": out})
}

// load has a model loaded for as long as models stay.
func (h *handler) load(w http.ResponseWriter, r *http.Request) {
	if info, ok := h.command(w, r); ok {
		h.touch(w, r, info.Name, daemon.LoanOptions{})
	}
}

// unload has a model go as soon as nobody uses it.
func (h *handler) unload(w http.ResponseWriter, r *http.Request) {
	info, ok := h.command(w, r)
	if !ok {
		return
	}
	for _, m := range h.models.Running() {
		if m.Name == info.Name {
			h.touch(w, r, info.Name, daemon.LoanOptions{KeepAlive: new(time.Duration)})
			return
		}
	}
	fail(w, wrong("model", "is not loaded"))
}

// touch borrows a model and gives it back at once.
func (h *handler) touch(w http.ResponseWriter, r *http.Request, name string, o daemon.LoanOptions) {
	loan, err := h.models.Acquire(r.Context(), name, o)
	if err != nil {
		fail(w, err)
		return
	}
	loan.Release()
	web.Answer(w, http.StatusOK, map[string]bool{"success": true})
}

// command reads which model an admin means, and answers everybody else.
func (h *handler) command(w http.ResponseWriter, r *http.Request) (info daemon.ModelInfo, ok bool) {
	if !daemon.CallerOf(r.Context()).Admin {
		web.Answer(w, http.StatusForbidden, problemOf(http.StatusForbidden, "only an admin may load and unload models"))
		return info, false
	}
	var in struct {
		Model string `json:"model"`
	}
	err := web.Decode(r, &in)
	if err == nil && in.Model == "" {
		err = wrong("model", "is required")
	}
	if err == nil {
		info, err = h.models.Find(in.Model)
	}
	if err != nil {
		fail(w, err)
		return info, false
	}
	return info, true
}
