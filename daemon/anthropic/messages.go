package anthropic

import (
	"net/http"
	"slices"

	"moed/daemon"
	"moed/daemon/web"
)

// question reads a request and finds its model.
func (h *handler) question(r *http.Request, counting bool) (*body, *daemon.Request, daemon.ModelInfo, error) {
	var b body
	if err := web.Decode(r, &b); err != nil {
		return nil, nil, daemon.ModelInfo{}, err
	}
	q, err := b.request(counting)
	if err != nil {
		return nil, nil, daemon.ModelInfo{}, err
	}
	info, err := h.models.Find(b.Model)
	if err == nil && q.Tools != nil && !slices.Contains(info.Capabilities, "tools") {
		err = wrong("tools", "model "+info.Name+" does not call tools")
	}
	q.Caller = daemon.CallerOf(r.Context())
	return &b, q, info, err
}

func (h *handler) messages(w http.ResponseWriter, r *http.Request) {
	x := newExchange(w)
	b, q, info, err := h.question(r, false)
	if err != nil {
		x.fail(err)
		return
	}
	s := x.newStream(r.Context(), b.Stream, b.Model)
	defer s.quiet()
	loan, err := h.models.Acquire(r.Context(), info.Name, daemon.LoanOptions{Progress: s.loading})
	if err != nil {
		s.fail(err)
		return
	}
	defer loan.Release()
	q.Progress = s.reading
	res, err := loan.Engine.Generate(r.Context(), q, s.piece)
	if err != nil {
		s.fail(err)
		return
	}
	_ = s.finish(&res) // a client that has gone needs no end
}

func (h *handler) count(w http.ResponseWriter, r *http.Request) {
	x := newExchange(w)
	_, q, info, err := h.question(r, true)
	if err != nil {
		x.fail(err)
		return
	}
	loan, err := h.models.Acquire(r.Context(), info.Name, daemon.LoanOptions{})
	if err != nil {
		x.fail(err)
		return
	}
	defer loan.Release()
	n, err := loan.Engine.CountPrompt(r.Context(), q)
	if err != nil {
		x.fail(err)
		return
	}
	web.Answer(w, http.StatusOK, map[string]int{"input_tokens": n})
}
