package server

import (
	"net/http"
	"time"

	"moed/daemon"
	"moed/daemon/api"
	"moed/daemon/web"
)

// eventPace is how often a stream of events tells.
const eventPace = 500 * time.Millisecond

func (s *Server) experts(w http.ResponseWriter, r *http.Request) {
	info, err := s.shelf.Find(r.URL.Query().Get("model"))
	if err != nil {
		fail(w, r, err)
		return
	}
	for _, m := range s.shelf.Running() {
		if m.Name == info.Name && m.Engine != nil {
			reply(w, heat(m))
			return
		}
	}
	refuse(w, r, http.StatusNotFound, "not_found_error", "model_not_loaded", "the model is not loaded; moed load does that")
}

func heat(m daemon.Running) *api.Experts {
	h := m.Engine.Heat()
	return &api.Experts{Model: m.Name, Layers: h.Layers, Experts: h.Experts, Heat: h.Heat, Resident: h.Resident}
}

// events tells what is going on until the client leaves or the server ends.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	out := web.NewSSE(w)
	by := daemon.CallerOf(r.Context())
	told := map[string]*api.Experts{}
	tick := time.NewTicker(eventPace)
	defer tick.Stop()
	for {
		if s.tell(out, by, told) != nil {
			return // the client is gone
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		case <-s.ending:
			return
		}
	}
}

// tell sends the status, and of the experts what has changed since told.
func (s *Server) tell(out *web.SSE, by daemon.Caller, told map[string]*api.Experts) error {
	if err := out.Event("status", s.look(by)); err != nil {
		return err
	}
	there := map[string]bool{}
	for _, m := range s.shelf.Running() {
		if m.Engine == nil {
			continue
		}
		there[m.Name] = true
		now := heat(m)
		change := now.Change(told[m.Name])
		told[m.Name] = now
		if change == nil {
			continue
		}
		if err := out.Event("experts", change); err != nil {
			return err
		}
	}
	for name := range told {
		if !there[name] {
			delete(told, name)
		}
	}
	return nil
}
