package server

import (
	"context"
	"net/http"
	"strings"
	"time"

	"moed/daemon"
	"moed/daemon/api"
	"moed/daemon/web"
)

// load loads a model and answers when it is there, or with what went wrong; as
// a stream it tells of the progress before.
func (s *Server) load(w http.ResponseWriter, r *http.Request) {
	var q api.LoadRequest
	if err := web.Decode(r, &q); err != nil {
		fail(w, r, err)
		return
	}
	info, err := s.shelf.Find(q.Model)
	if err != nil {
		fail(w, r, err)
		return
	}
	o := daemon.LoanOptions{KeepAlive: (*time.Duration)(q.KeepAlive)}
	if !q.Stream && !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		m, err := s.fetch(r.Context(), info.Name, o)
		if err != nil {
			fail(w, r, err)
			return
		}
		reply(w, m)
		return
	}
	out := web.NewSSE(w)
	o.Progress = func(p daemon.LoadProgress) {
		// A client that is gone ends the request's context.
		_ = out.Event("progress", api.LoadProgress{Model: p.Model, Waiting: p.Waiting, Done: p.Done, Total: p.Total})
	}
	m, err := s.fetch(r.Context(), info.Name, o)
	if err != nil {
		status, _ := web.Status(err)
		_ = out.Event("error", api.ErrorBody{Error: api.ErrorFields{Message: err.Error(), Type: errorType(status)}})
		return
	}
	_ = out.Event("ready", m)
}

// fetch has a model loaded and gives it back, so that it stays as long as its
// keep-alive says.
func (s *Server) fetch(ctx context.Context, name string, o daemon.LoanOptions) (*api.Model, error) {
	loan, err := models{s.shelf}.Acquire(ctx, name, o)
	if err != nil {
		return nil, err
	}
	defer loan.Release()
	for _, m := range s.running(daemon.CallerOf(ctx)) {
		if m.Name == loan.Info.Name {
			return &m, nil
		}
	}
	m := model(loan.Info, true)
	return &m, nil
}
