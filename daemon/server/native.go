package server

import (
	"errors"
	"net/http"
	"strings"

	"moed/daemon"
	"moed/daemon/api"
	"moed/daemon/web"
)

// native registers what is moed's own.
func (s *Server) native(mux *http.ServeMux) {
	mux.HandleFunc("GET /moed/v1/live", s.live)
	mux.HandleFunc("GET /moed/v1/ready", s.ready)
	mux.HandleFunc("GET /moed/v1/status", s.status)
	mux.HandleFunc("GET /moed/v1/models", s.models)
	mux.HandleFunc("GET /moed/v1/experts", s.experts)
	mux.HandleFunc("GET /moed/v1/events", s.events)
	mux.HandleFunc("GET /moed/v1/budget", s.budget)
	mux.HandleFunc("PUT /moed/v1/budget", admin(s.setBudget))
	mux.HandleFunc("POST /moed/v1/load", admin(s.load))
	mux.HandleFunc("POST /moed/v1/unload", admin(s.unload))
	mux.HandleFunc("POST /moed/v1/cancel", s.cancel)
	mux.Handle("GET /metrics", s.metrics)
}

// admin lets administrators through.
func admin(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !daemon.CallerOf(r.Context()).Admin {
			refuse(w, r, http.StatusForbidden, "permission_error", "",
				"this is for administrators: root, the user that moed runs as, and those in admin_uids of its configuration")
			return
		}
		next(w, r)
	}
}

// live is answered while the process is, ready while it takes requests.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]string{"status": "ok"})
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	select {
	case <-s.ending:
		fail(w, r, daemon.ErrDraining)
	default:
		reply(w, map[string]string{"status": "ok"})
	}
}

func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	reply(w, s.look(daemon.CallerOf(r.Context())))
}

func (s *Server) budget(w http.ResponseWriter, _ *http.Request) {
	total, used := s.shelf.Budget()
	reply(w, api.Budget{Total: total, Used: used})
}

func (s *Server) setBudget(w http.ResponseWriter, r *http.Request) {
	var q api.SetBudget
	if err := web.Decode(r, &q); err != nil {
		fail(w, r, err)
		return
	}
	if err := s.shelf.Resize(strings.TrimSpace(q.Memory)); err != nil {
		fail(w, r, &daemon.RequestError{Param: "memory", Err: err})
		return
	}
	s.budget(w, r)
}

func (s *Server) unload(w http.ResponseWriter, r *http.Request) {
	var q api.LoadRequest
	err := web.Decode(r, &q)
	if err == nil && q.Model == "" {
		err = &daemon.RequestError{Param: "model", Err: errors.New("say which")}
	}
	if err == nil {
		err = s.shelf.Unload(q.Model)
	}
	if err != nil {
		fail(w, r, err)
		return
	}
	reply(w, struct{}{})
}

// cancel ends a request of the caller's. One of somebody else looks like one that
// does not exist.
func (s *Server) cancel(w http.ResponseWriter, r *http.Request) {
	var q api.CancelRequest
	if err := web.Decode(r, &q); err != nil {
		fail(w, r, err)
		return
	}
	if q.ID == "" || !s.shelf.Cancel(q.ID, daemon.CallerOf(r.Context())) {
		refuse(w, r, http.StatusNotFound, "not_found_error", "request_not_found", "no such request is under way")
		return
	}
	reply(w, struct{}{})
}
