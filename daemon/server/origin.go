package server

import (
	"fmt"
	"net/http"
	"strings"
)

// foreign reports whether a browser sent the request for a page that may not.
// Browsers say so by Origin, or where they leave that out by Sec-Fetch-Site.
func foreign(p *policy, kind Kind, r *http.Request) bool {
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		return len(origins) > 1 || !p.origin(kind, origins[0], r.Host)
	}
	site := r.Header.Get("Sec-Fetch-Site")
	if kind == TCP && (site == "same-origin" || site == "none") { // none: typed in by the user
		return false
	}
	return site != ""
}

func originText(r *http.Request) string {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return "a web page may not ask for this"
	}
	if len(origin) > 200 || strings.ContainsFunc(origin, func(c rune) bool { return c <= ' ' || c > '~' || c == '\'' || c == '"' || c == '\\' }) {
		return "this origin is not allowed"
	}
	return fmt.Sprintf("the origin %s is not allowed; to allow it, put origins = [%q] into the configuration of moed and reload it: systemctl reload moed, or kill -HUP", origin, origin)
}

// allowOrigin tells the browser that the page may read the answer.
func allowOrigin(w http.ResponseWriter, origin string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")
	h.Add("Vary", "Origin")
}

// preflight answers a browser that asks whether it may ask.
func preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT")
	if names := headerNames(r.Header.Get("Access-Control-Request-Headers")); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// headerNames keeps of a list what are names.
func headerNames(list string) string {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name != "" && !strings.ContainsFunc(name, func(c rune) bool {
			return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
		}) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
