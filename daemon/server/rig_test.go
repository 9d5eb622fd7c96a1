package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"moed/daemon"
	"moed/daemon/api"
)

// rig is a server of the built-in model, on a Unix socket and on TCP.
type rig struct {
	*Server
	shelf  *daemon.Shelf
	socket string
	tcp    string        // host:port
	uid    atomic.Uint32 // of who calls through the socket
	log    *lines
}

const (
	userToken  = "a token of a user"
	adminToken = "a token of an administrator"
	stranger   = 4711 // a uid that is no administrator
)

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	return newRigOf(t, daemon.ShelfOptions{}, change)
}

// newRigOf serves other models.
func newRigOf(t *testing.T, models daemon.ShelfOptions, change func(*Options)) *rig {
	t.Helper()
	shelf, err := daemon.NewShelf(models)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{shelf: shelf, log: &lines{}}
	r.uid.Store(uint32(os.Getuid()))
	o := Options{
		Version: "1.2.3",
		Peer:    func(net.Conn) (uint32, uint32, int32, error) { return r.uid.Load(), 0, 7, nil },
		Tokens:  []Token{{Name: "user", Sum: sum(userToken)}, {Name: "boss", Sum: sum(adminToken), Admin: true}},
		Log:     slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	r.Server = New(shelf, o)
	dir, err := os.MkdirTemp("", "moed") // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	r.socket = filepath.Join(dir, "s")
	unix := r.serve(t, Unix, "unix", r.socket)
	tcp := r.serve(t, TCP, "tcp", "127.0.0.1:0")
	r.tcp = tcp.addr
	t.Cleanup(func() {
		for _, h := range []*http.Server{unix.http, tcp.http} {
			if err := h.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if err := shelf.Close(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	return r
}

type listening struct {
	http *http.Server
	addr string
}

func (r *rig) serve(t *testing.T, kind Kind, network, at string) listening {
	t.Helper()
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	h := r.HTTP(kind)
	go func() { // until Shutdown
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	return listening{h, l.Addr().String()}
}

// client is one through the socket. Each has its own connections, so that its
// caller is who it is now.
func (r *rig) client(t *testing.T) *api.Client {
	c := &api.Client{Address: r.socket}
	t.Cleanup(c.Close)
	return c
}

// answer is what came of one request.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask makes one request on a connection of its own. headers are "Name: value";
// Host is one of them.
func (r *rig) ask(t *testing.T, kind Kind, method, path, body string, headers ...string) answer {
	t.Helper()
	network, at := "unix", r.socket
	if kind == TCP {
		network, at = "tcp", r.tcp
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at)
	}}
	q, err := http.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			q.Host = value
		}
		q.Header.Set(name, value)
	}
	got, err := transport.RoundTrip(q)
	if err != nil {
		t.Fatalf("%s %.100s: %v", method, path, err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatalf("%s %.100s: %v", method, path, err)
	}
	return answer{got.StatusCode, got.Header, string(text)}
}

func sum(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

const bearer = "Authorization: Bearer "
