package server

import (
	"net/http"
	"strings"
)

// route hands a request to its handler, and answers where there is none in the
// dialect of its path.
func route(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !straighten(r) {
			refuse(w, r, http.StatusNotFound, "not_found_error", "", "there is nothing at this path")
			return
		}
		h, pattern := mux.Handler(r)
		if pattern == "" {
			missing(w, r, h)
			return
		}
		recordOf(r).route = pattern
		mux.ServeHTTP(w, r)
	})
}

// straighten takes doubled slashes out, which clients make that join a base and
// a path, and refuses paths that go up.
func straighten(r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/") {
		return false
	}
	for part := range strings.SplitSeq(r.URL.Path, "/") {
		if part == "." || part == ".." {
			return false
		}
	}
	for strings.Contains(r.URL.Path, "//") {
		r.URL.Path = strings.ReplaceAll(r.URL.Path, "//", "/")
	}
	for strings.Contains(r.URL.RawPath, "//") {
		r.URL.RawPath = strings.ReplaceAll(r.URL.RawPath, "//", "/")
	}
	return true
}

// missing answers what the router has no handler for. Its own answer, in h, has
// the methods that there are.
func missing(w http.ResponseWriter, r *http.Request, h http.Handler) {
	answer := &unsent{header: http.Header{}}
	h.ServeHTTP(answer, r)
	if answer.status == http.StatusMethodNotAllowed {
		allow := answer.header.Get("Allow")
		w.Header().Set("Allow", allow)
		refuse(w, r, answer.status, "invalid_request_error", "method_not_allowed", "this path takes "+allow)
		return
	}
	refuse(w, r, http.StatusNotFound, "not_found_error", "", "there is nothing at this path")
}

// unsent is an answer that is only looked at.
type unsent struct {
	header http.Header
	status int
}

func (u *unsent) Header() http.Header         { return u.header }
func (u *unsent) WriteHeader(status int)      { u.status = status }
func (u *unsent) Write(p []byte) (int, error) { return len(p), nil }
