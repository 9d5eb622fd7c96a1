package server

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"moed/daemon"
)

// Limits on one request.
const (
	maxBody       = 32 << 20
	maxHeader     = 32 << 10
	maxURL        = 8 << 10
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
)

// guard lets through what may be asked, by whom it may.
func (s *Server) guard(kind Kind, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := s.policy.Load()
		switch {
		case len(r.RequestURI) > maxURL:
			refuse(w, r, http.StatusRequestURITooLong, "invalid_request_error", "", "the address of the request is too long")
			return
		case r.ContentLength > maxBody:
			w.Header().Set("Connection", "close") // what is not read would be taken for the next request
			refuse(w, r, http.StatusRequestEntityTooLarge, "invalid_request_error", "", fmt.Sprintf("the body of the request has %d bytes; %d are the most", r.ContentLength, maxBody))
			return
		case kind == TCP && !p.host(r.Host):
			refuse(w, r, http.StatusForbidden, "permission_error", "host_not_allowed",
				"this host name is not served; to allow it, add it to hosts in the configuration of moed and reload it: systemctl reload moed, or kill -HUP")
			return
		case foreign(p, kind, r):
			refuse(w, r, http.StatusForbidden, "permission_error", "origin_not_allowed", originText(r))
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" {
			allowOrigin(w, origin)
			if preflight(w, r) {
				return
			}
		}
		c, ok := s.caller(p, kind, r)
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, r, http.StatusUnauthorized, "authentication_error", "invalid_api_key",
				"a token is wanted: make one with moed token create NAME, and send it as Authorization: Bearer TOKEN")
			return
		}
		if c.refused {
			refuse(w, r, http.StatusForbidden, "permission_error", "", "the system does not say who calls, so the call is refused")
			return
		}
		leave, busy := s.underway.enter(c.Key(), p.limits, isNative(r))
		if busy != "" {
			w.Header().Set("Retry-After", "1")
			refuse(w, r, http.StatusTooManyRequests, "rate_limit_error", "", busy)
			return
		}
		defer leave()
		recordOf(r).caller = c.Caller
		next.ServeHTTP(w, r.WithContext(daemon.WithCaller(r.Context(), c.Caller)))
	})
}

// caller is who calls; false is that a token is wanted.
func (s *Server) caller(p *policy, kind Kind, r *http.Request) (c caller, ok bool) {
	if kind == Unix {
		at, known := r.Context().Value(peerKey{}).(peer)
		return caller{Caller: daemon.Caller{UID: at.uid, PID: at.pid, Admin: p.admins[at.uid]}, refused: !known}, true
	}
	if c.Caller, ok = p.bearer(token(r)); ok {
		return c, true
	}
	c.UID = nobody
	return c, public(r)
}

type caller struct {
	daemon.Caller
	refused bool
}

// token is what the request brings: OpenAI's way, or Anthropic's.
func token(r *http.Request) string {
	if scheme, t, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(t)
	}
	return r.Header.Get("X-Api-Key")
}

// public reports whether nobody need say who they are: for whether the daemon
// lives, and for the built-in page, which is the same for all and asks for a
// token itself.
func public(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch r.URL.Path {
	case "/health", "/v1/health", "/moed/v1/live", "/moed/v1/ready", "/ui":
		return true
	}
	return strings.HasPrefix(r.URL.Path, "/ui/")
}

func isNative(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/moed/v1/") || r.URL.Path == "/metrics" || public(r)
}
