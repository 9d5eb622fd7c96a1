package ui

import (
	"context"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

// get asks for a path as if the request had come in at that address.
func get(at net.Addr, path string, headers ...string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	Handle(mux)
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if at != nil {
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, at))
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func loopback() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func TestHandle(t *testing.T) {
	for file, kind := range map[string]string{"": "text/html", "main.js": "text/javascript", "style.css": "text/css", "icon.svg": "image/svg+xml"} {
		w := get(loopback(), "/ui/"+file)
		h := w.Header()
		if w.Code != 200 || !strings.HasPrefix(h.Get("Content-Type"), kind) {
			t.Errorf("%q: %d, %s, want %s", file, w.Code, h.Get("Content-Type"), kind)
		}
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), want) {
				t.Errorf("%q: policy %q lacks %s", file, h.Get("Content-Security-Policy"), want)
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%q: headers %v", file, h)
		}
		if again := get(loopback(), "/ui/"+file, "If-None-Match", h.Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%q: %d for what the browser has", file, again.Code)
		}
	}
	if w := get(loopback(), "/ui"); w.Code != http.StatusFound || w.Header().Get("Location") != "/ui/" {
		t.Errorf("/ui: %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := get(&net.TCPAddr{IP: net.IPv6loopback}, "/ui/"); w.Code != 200 {
		t.Errorf("at [::1]: %d", w.Code)
	}
}

// TestLoopbackAlone: who comes in by another way finds nothing.
func TestLoopbackAlone(t *testing.T) {
	for _, at := range []net.Addr{nil, &net.UnixAddr{Name: "/run/moed/moed.sock", Net: "unix"}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7)}, &net.TCPAddr{}} {
		for _, path := range []string{"/ui", "/ui/", "/ui/main.js"} {
			if w := get(at, path); w.Code != http.StatusNotFound {
				t.Errorf("%s at %v: %d", path, at, w.Code)
			}
		}
	}
	for _, path := range []string{"/ui/none.js", "/ui/page/main.js", "/ui/%2e%2e/doc.go", "/ui/..%2fdoc.go"} {
		if w := get(loopback(), path); w.Code == http.StatusOK {
			t.Errorf("%s: found", path)
		}
	}
}

// TestSelfContained: the policy would keep a browser from running what is inline
// or elsewhere, and the page from working.
func TestSelfContained(t *testing.T) {
	outside := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+\.[a-z]|url\(`)
	inline := regexp.MustCompile(`(?i)<script[^>]*>\s*[^\s<]|<style|\sstyle\s*=|\son[a-z]+\s*=\s*"|innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`)
	imports := regexp.MustCompile(`(?:from|src=|href=)\s*"([^"#]+)"`)
	err := fs.WalkDir(files, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(body), `xmlns="http://www.w3.org/2000/svg"`, "")
		if found := outside.FindString(text); found != "" {
			t.Errorf("%s refers to %q", name, found)
		}
		if found := inline.FindString(text); found != "" {
			t.Errorf("%s has %q", name, found)
		}
		for _, m := range imports.FindAllStringSubmatch(text, -1) {
			if _, err := fs.Stat(files, path.Join("page", m[1])); err != nil {
				t.Errorf("%s wants %s, which is not there", name, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
