package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"moed/daemon"
	"moed/daemon/api"
)

func TestGuards(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Origins = []string{"app://obsidian.md", "null"}
		o.Hosts = []string{"box.local:11435"}
	})
	const path = "/moed/v1/status"
	for _, c := range []struct {
		name    string
		kind    Kind
		method  string
		path    string
		headers []string
		status  int
		text    string // in the body
	}{
		{"socket", Unix, "GET", path, nil, 200, `"version":"1.2.3"`},
		{"socket, any host", Unix, "GET", path, []string{"Host: anything.example"}, 200, ""},
		{"socket, token not needed but sent", Unix, "GET", path, []string{bearer + "nonsense"}, 200, ""},
		{"socket, origin", Unix, "GET", path, []string{"Origin: http://localhost"}, 403, "origins = [\\\"http://localhost\\\"]"},
		{"socket, allowed origin", Unix, "GET", path, []string{"Origin: app://obsidian.md"}, 200, ""},
		{"socket, fetch of a page", Unix, "GET", path, []string{"Sec-Fetch-Site: same-origin"}, 403, ""},

		{"no token", TCP, "GET", path, nil, 401, "moed token create"},
		{"no token, chat", TCP, "POST", "/v1/chat/completions", nil, 401, `"type":"authentication_error"`},
		{"wrong token", TCP, "GET", path, []string{bearer + userToken + "x"}, 401, ""},
		{"empty token", TCP, "GET", path, []string{bearer}, 401, ""},
		{"basic", TCP, "GET", path, []string{"Authorization: Basic " + userToken}, 401, ""},
		{"token", TCP, "GET", path, []string{bearer + userToken}, 200, `"admin":false`},
		{"token as bearer", TCP, "GET", path, []string{"Authorization: bearer " + userToken}, 200, ""},
		{"token, Anthropic's way", TCP, "GET", path, []string{"X-Api-Key: " + adminToken}, 200, `"admin":true`},
		{"health is public", TCP, "GET", "/moed/v1/live", nil, 200, ""},
		{"only to read", TCP, "POST", "/moed/v1/live", nil, 401, ""},
		{"metrics are not", TCP, "GET", "/metrics", nil, 401, ""},

		{"rebinding", TCP, "GET", path, []string{"Host: evil.example", bearer + userToken}, 403, "host"},
		{"rebinding, port", TCP, "GET", path, []string{"Host: evil.example:11435", bearer + userToken}, 403, ""},
		{"rebinding, public path", TCP, "GET", "/moed/v1/live", []string{"Host: evil.example"}, 403, ""},
		{"rebinding, like localhost", TCP, "GET", path, []string{"Host: localhost.evil.example", bearer + userToken}, 403, ""},
		{"rebinding, same origin", TCP, "GET", path, []string{"Host: evil.example", "Origin: http://evil.example", bearer + userToken}, 403, ""},
		{"address", TCP, "GET", path, []string{"Host: 127.0.0.1:1", bearer + userToken}, 200, ""},
		{"address, IPv6", TCP, "GET", path, []string{"Host: [::1]:1", bearer + userToken}, 200, ""},
		{"host, case and dot", TCP, "GET", path, []string{"Host: LocalHost.:1", bearer + userToken}, 200, ""},
		{"configured host", TCP, "GET", path, []string{"Host: box.local", bearer + userToken}, 200, ""},
		{"any address", TCP, "GET", path, []string{"Host: 0.0.0.0:1", bearer + userToken}, 403, ""},

		{"cross origin", TCP, "POST", "/api/chat", []string{"Origin: https://evil.example", bearer + userToken}, 403, "origins = [\\\"https://evil.example\\\"]"},
		{"cross origin, simple form", TCP, "POST", "/v1/chat/completions", []string{"Origin: null", "Content-Type: text/plain", bearer + userToken}, 403, ""},
		{"cross origin, image", TCP, "GET", path, []string{"Sec-Fetch-Site: cross-site", bearer + userToken}, 403, ""},
		{"cross origin, sister", TCP, "GET", path, []string{"Sec-Fetch-Site: same-site", bearer + userToken}, 403, ""},
		{"other port", TCP, "GET", path, []string{"Host: localhost:1", "Origin: http://localhost:2", bearer + userToken}, 403, ""},
		{"its own page", TCP, "GET", path, []string{"Host: localhost:1", "Origin: http://localhost:1", "Sec-Fetch-Site: same-origin", bearer + userToken}, 200, ""},
		{"typed in", TCP, "GET", path, []string{"Sec-Fetch-Site: none", bearer + userToken}, 200, ""},
		{"allowed origin", TCP, "GET", path, []string{"Origin: app://obsidian.md", "Sec-Fetch-Site: cross-site", bearer + userToken}, 200, ""},
		{"allowed origin, no token", TCP, "GET", path, []string{"Origin: app://obsidian.md"}, 401, ""},
		{"origin with a quote", TCP, "GET", path, []string{"Origin: a'; rm -rf ~; '", bearer + userToken}, 403, "this origin is not allowed"},

		{"preflight", TCP, "OPTIONS", "/v1/chat/completions", []string{"Origin: app://obsidian.md", "Access-Control-Request-Method: POST"}, 204, ""},
		{"foreign preflight", TCP, "OPTIONS", "/v1/chat/completions", []string{"Origin: https://evil.example", "Access-Control-Request-Method: POST"}, 403, ""},

		{"nothing there", Unix, "GET", "/v1/nothing", nil, 404, `{"error":{"message":`},
		{"nothing there, Ollama", Unix, "GET", "/api/nothing", nil, 404, `{"error":"there is nothing at this path"}`},
		{"nothing there, Anthropic", Unix, "GET", "/v1/messages/batches", nil, 404, `{"type":"error","error":{"message":`},
		{"up", Unix, "GET", "/moed/v1/../../metrics", nil, 404, ""},
		{"up, escaped", Unix, "GET", "/moed/v1/%2e%2e/%2e%2e/metrics", nil, 404, ""},
		{"up in a name", Unix, "GET", "/v1/models/..%2f..%2fetc%2fpasswd", nil, 404, ""},
		{"double slash", Unix, "GET", "//moed//v1/status", nil, 200, ""},
		{"wrong method", Unix, "DELETE", path, nil, 405, `"code":"method_not_allowed"`},
		{"long address", Unix, "GET", path + "?q=" + strings.Repeat("a", maxURL), nil, 414, ""},
		{"long header", Unix, "GET", path, []string{"X-Long: " + strings.Repeat("a", 2*maxHeader)}, 431, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.ask(t, c.kind, c.method, c.path, "", c.headers...)
			if got.status != c.status || !strings.Contains(got.body, c.text) {
				t.Errorf("%d %s\nwant %d and %q", got.status, got.body, c.status, c.text)
			}
			if c.status == 431 {
				return // net/http's own
			}
			if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("X-Request-Id") == "" {
				t.Errorf("headers %v lack those for security", got.header)
			}
			allowed := got.header.Get("Access-Control-Allow-Origin")
			for _, h := range c.headers {
				origin, is := strings.CutPrefix(h, "Origin: ")
				if is && (got.status < 300 && allowed != origin || got.status == 403 && allowed != "") {
					t.Errorf("origin %s, answered with %q", origin, allowed)
				}
			}
			if allowed == "*" || got.header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("headers %v allow too much", got.header)
			}
		})
	}
}

// TestPreflight: what a browser is told that may ask.
func TestPreflight(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Origins = []string{"app://obsidian.md"} })
	got := r.ask(t, TCP, "OPTIONS", "/api/chat", "", "Origin: app://obsidian.md", "Access-Control-Request-Method: POST",
		"Access-Control-Request-Headers: authorization, x-stainless-os,bad header", "Access-Control-Request-Private-Network: true")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":          "app://obsidian.md",
		"Access-Control-Allow-Headers":         "authorization, x-stainless-os",
		"Access-Control-Allow-Private-Network": "true",
		"Access-Control-Max-Age":               "600",
		"Vary":                                 "Origin",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
}

// TestNoPeer: a caller whom the kernel does not name is refused.
func TestNoPeer(t *testing.T) {
	for name, peer := range map[string]func(net.Conn) (uint32, uint32, int32, error){
		"none":  nil,
		"fails": func(net.Conn) (uint32, uint32, int32, error) { return 0, 0, 0, errors.New("no") },
	} {
		r := newRig(t, func(o *Options) { o.Peer = peer })
		if got := r.ask(t, Unix, "GET", "/moed/v1/status", ""); got.status != 403 {
			t.Errorf("%s: %d %s, want 403", name, got.status, got.body)
		}
	}
}

// TestAdministrators: others may look and cancel what is theirs.
func TestAdministrators(t *testing.T) {
	r := newRig(t, func(o *Options) { o.AdminUIDs = []uint32{99} })
	verbs := []struct{ method, path, body string }{
		{"POST", "/moed/v1/load", `{"model":""}`},
		{"POST", "/moed/v1/unload", `{"model":"stories-moe-5m"}`},
		{"PUT", "/moed/v1/budget", `{"memory":"1G"}`},
	}
	for _, uid := range []uint32{stranger, 0, 99, uint32(os.Getuid())} {
		r.uid.Store(uid)
		for _, v := range verbs {
			got := r.ask(t, Unix, v.method, v.path, v.body)
			refused := got.status == 403 && strings.Contains(got.body, `"type":"permission_error"`)
			if refused != (uid == stranger) {
				t.Errorf("uid %d: %s %s: %d %s", uid, v.method, v.path, got.status, got.body)
			}
		}
	}
	for token, want := range map[string]bool{userToken: true, adminToken: false} {
		if got := r.ask(t, TCP, "POST", "/moed/v1/load", `{}`, bearer+token); (got.status == 403) != want {
			t.Errorf("%s: %d %s", token, got.status, got.body)
		}
	}
	r.uid.Store(stranger)
	for _, path := range []string{"/moed/v1/status", "/moed/v1/models", "/moed/v1/budget", "/metrics"} {
		if got := r.ask(t, Unix, "GET", path, ""); got.status != 200 {
			t.Errorf("%s: %d %s, want that anybody may look", path, got.status, got.body)
		}
	}
}

// TestReload: other tokens count from the next request on.
func TestReload(t *testing.T) {
	r := newRig(t, nil)
	r.Reload(Options{Tokens: []Token{{Name: "new", Sum: sum("new")}, {Name: "void"}}})
	for token, want := range map[string]int{userToken: 401, "new": 200, "": 401} {
		if got := r.ask(t, TCP, "GET", "/moed/v1/status", "", bearer+token); got.status != want {
			t.Errorf("token %q: %d, want %d", token, got.status, want)
		}
	}
}

// TestUnderway: too many requests are asked to come again, and who has too many
// can still look.
func TestUnderway(t *testing.T) {
	var u underway
	l := Limits{Requests: 5, PerCaller: 3}
	a, b := daemon.CallerKey{UID: 1}, daemon.CallerKey{UID: 1, Token: "b"}
	var leave []func()
	enter := func(of daemon.CallerKey, native, want bool) {
		t.Helper()
		done, busy := u.enter(of, l, native)
		if (busy == "") != want {
			t.Fatalf("%q with %d under way, want %v", busy, u.count(), want)
		}
		if want {
			leave = append(leave, done)
		}
	}
	enter(a, false, true)
	enter(a, false, true)
	enter(a, false, true)
	enter(a, false, false)
	enter(a, true, true)
	enter(b, false, true)
	enter(b, false, false) // five in all
	leave[0]()
	enter(a, false, false) // three are a's still
	enter(b, false, true)
	for _, done := range leave[1:] {
		done()
	}
	if u.count() != 0 || len(u.of) != 0 {
		t.Errorf("%d under way of %v when all have left", u.count(), u.of)
	}
}

func TestTooMany(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits.PerCaller = 1 })
	at, err := net.Dial("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	// Its body does not come, so it stays under way.
	fmt.Fprintf(at, "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if line, err := bufio.NewReader(at).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v; want to be asked for the body", line, err)
	}
	got := r.ask(t, Unix, "POST", "/v1/chat/completions", `{}`)
	if got.status != 429 || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "rate_limit_error") {
		t.Errorf("%d %v %s, want 429 and when to come again", got.status, got.header, got.body)
	}
	if got := r.ask(t, Unix, "GET", "/moed/v1/status", ""); got.status != 200 {
		t.Errorf("status: %d %s", got.status, got.body)
	}
}

// TestConnections: those beyond the limit are closed at once.
func TestConnections(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits.Connections = 2 })
	for range 2 {
		at, err := net.Dial("unix", r.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer at.Close()
		fmt.Fprintf(at, "GET /moed/v1/live HTTP/1.1\r\nHost: a\r\n\r\n")
		if _, err := bufio.NewReader(at).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	at, err := net.Dial("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	fmt.Fprintf(at, "GET /moed/v1/live HTTP/1.1\r\nHost: a\r\n\r\n") // fails, or is not read
	if text, _ := io.ReadAll(at); len(text) > 0 {
		t.Errorf("answered with %q", text)
	}
}

// TestPanic: a handler that panics is answered for, and its log line quotes
// nothing.
func TestPanic(t *testing.T) {
	r := newRig(t, nil)
	for name, c := range map[string]struct {
		do   func(w http.ResponseWriter)
		want int
	}{
		"text":    {func(http.ResponseWriter) { panic("secret words") }, 500},
		"error":   {func(http.ResponseWriter) { panic(errors.New("secret words")) }, 500},
		"runtime": {func(http.ResponseWriter) { map[string]map[string]int{}["a"]["secret words"] = 1 }, 500},
	} {
		w := httptest.NewRecorder()
		r.record(Unix, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { c.do(w) })).ServeHTTP(w, httptest.NewRequest("GET", "/v1/x", nil))
		var body api.ErrorBody
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != c.want || body.Error.Type != "server_error" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	text := r.log.String()
	if strings.Contains(text, "secret") || !strings.Contains(text, "assignment to entry in nil map") || !strings.Contains(text, "TestPanic") {
		t.Errorf("log:\n%s", text)
	}

	// In the midst of an answer the client must not take it for a whole one.
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the connection is not broken off")
			}
		}()
		r.record(Unix, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic(1) })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/x", nil))
	}()
}
