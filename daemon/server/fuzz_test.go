package server

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"moed/daemon"
)

// FuzzStranger: whatever comes over TCP without a token is refused, but for what
// is public, and breaks nothing.
func FuzzStranger(f *testing.F) {
	shelf, err := daemon.NewShelf(daemon.ShelfOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { shelf.Close() })
	h := New(shelf, Options{Tokens: []Token{{Name: "a", Sum: sum("secret")}}, Origins: []string{"app://a"}}).Handler(TCP)
	f.Add("GET /moed/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n")
	f.Add("GET /health HTTP/1.1\r\nHost: 127.0.0.1:1\r\nOrigin: app://a\r\n\r\n")
	f.Add("OPTIONS /api/chat HTTP/1.1\r\nHost: [::1]:1\r\nOrigin: app://a\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: a,b c\r\n\r\n")
	f.Add("POST //moed/v1/../v1/load HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}")
	f.Add("GET /ui/%2e%2e/metrics HTTP/1.1\r\nHost: localhost.\r\nSec-Fetch-Site: none\r\n\r\n")
	f.Add("GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: secre\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch path := r.URL.Path; {
		case w.Code >= 400 && w.Code < 500:
		case w.Code == http.StatusNoContent && r.Method == http.MethodOptions:
		case w.Code < 300 && (path == "/health" || path == "/v1/health" || path == "/moed/v1/live" || path == "/moed/v1/ready"):
		default:
			t.Errorf("%q is answered with %d %s", text, w.Code, w.Body)
		}
		if bytes.Contains(w.Body.Bytes(), []byte("panic")) || w.Header().Get("X-Request-Id") == "" {
			t.Errorf("%q: %v %s", text, w.Header(), w.Body)
		}
	})
}
