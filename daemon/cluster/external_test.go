package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// external is a NATS server of somebody else's, with users home and a that
// have no more rights than the package doc says.
func external(t *testing.T, port int, dir string) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true, JetStream: true, StoreDir: dir,
		Users: []*server.User{
			{Username: "home", Password: "h", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Allow: []string{"moed.>", "_INBOX.moed.c.>", "_INBOX.moed.m.>",
					"$KV.moed-members.>", "$KV.moed-plans.>", "$SRV.>", "$JS.API.>", "$JS.FC.>"}},
				Subscribe: &server.SubjectPermission{Allow: []string{"moed.>", "_INBOX.moed.c.>", "$SRV.>"}},
			}},
			{Username: "a", Password: "p", Permissions: memberRights("a")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		t.Fatal("the external server does not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

func address(s *server.Server, user string) string {
	return fmt.Sprintf("nats://%s@%s", user, s.Addr())
}

func TestExternal(t *testing.T) {
	dir := t.TempDir()
	s := external(t, server.RANDOM_PORT, dir)
	var said lockedBuffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	home := open(t, Options{Name: "home", Join: address(s, "home:h"), Lead: true, Log: log})
	if s := home.Status(); s.Role != "coordinator" || s.URL != home.URL() || strings.Contains(s.URL, ":h@") || s.URL == "" {
		t.Errorf("got %+v", s)
	}
	path := filepath.Join(t.TempDir(), "a.json")
	v := &Invitation{Version: 1, Name: "a", URLs: []string{"nats://" + s.Addr().String()}, User: "a", Password: "p"}
	if err := v.Write(path); err != nil {
		t.Fatal(err)
	}
	a := open(t, Options{Invitation: path, Log: log})
	serve(t, a, "m", echo)
	a.Announce(Member{Version: "1"})
	plans := watchPlan(t, a, "m")
	until(t, "a is there", func() bool { return names(home.Members()) == "a" })
	if got, err := home.Ask(background(t), "a", "m", []byte("x")); err != nil || string(got) != "home:x" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := home.Ask(background(t), "a", "m", make([]byte, home.MaxPayload()+1)); !errors.Is(err, ErrTooLarge) || home.MaxPayload() != 1<<20 {
		t.Errorf("beyond %d bytes: %v", home.MaxPayload(), err)
	}
	revision, err := home.PutPlan(background(t), "m", 0, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if got := <-plans; got != (planned{revision, "one"}) {
		t.Errorf("got %v", got)
	}

	restart(t, s, dir, home)
	until(t, "both are back", func() bool { return home.Status().Connected && a.Status().Connected })
	a.Announce(Member{Version: "2"})
	until(t, "a is heard", func() bool { list := home.Members(); return len(list) == 1 && list[0].Version == "2" })
	until(t, "a is asked", func() bool {
		got, err := home.Ask(background(t), "a", "m", nil)
		return err == nil && string(got) == "home:"
	})
	second, err := home.PutPlan(background(t), "m", revision, []byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	if got := <-plans; got != (planned{second, "two"}) {
		t.Errorf("got %v", got)
	}
	if text := said.String(); strings.Contains(strings.ToLower(text), "permission") {
		t.Errorf("lacked a right: %s", text)
	}
}

// restart has the external server start anew: it forgets what was in its memory.
func restart(t *testing.T, s *server.Server, dir string, home *Node) {
	t.Helper()
	at := s.Addr().(*net.TCPAddr)
	s.Shutdown()
	s.WaitForShutdown()
	until(t, "home is apart", func() bool { return !home.Status().Connected })
	if _, err := home.Ask(background(t), "a", "m", nil); !errors.Is(err, ErrApart) {
		t.Errorf("got %v", err)
	}
	external(t, at.Port, dir)
}

// lockedBuffer may be written by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestExternalRefuses covers wrong passwords, and servers that cannot do what a
// coordinator needs.
func TestExternalRefuses(t *testing.T) {
	s := external(t, server.RANDOM_PORT, t.TempDir())
	if _, err := Open(background(t), Options{Name: "home", Join: address(s, "home:x"), Lead: true}); !errors.Is(err, ErrRefused) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := Open(background(t), Options{Name: "a", Join: address(s, "a:x")}); !errors.Is(err, ErrRefused) {
		t.Errorf("wrong password: %v", err)
	}
	bare, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, Username: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	bare.Start()
	defer bare.Shutdown()
	if !bare.ReadyForConnections(patience) {
		t.Fatal("the bare server does not start")
	}
	if _, err := Open(background(t), Options{Name: "home", Join: address(bare, "u:p"), Lead: true}); err == nil {
		t.Error("led without JetStream")
	}
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	elsewhere := filepath.Join(dir, "elsewhere")
	if err := os.WriteFile(elsewhere, []byte(`{"moed_invitation":1,"name":"b","urls":["tls://h"],"user":"u","password":"p"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"nothing":              {Name: "a"},
		"both":                 {Name: "a", Listen: "127.0.0.1:0", Dir: dir, Join: "tls://h"},
		"no directory":         {Name: "a", Listen: "127.0.0.1:0"},
		"no name":              {Listen: "127.0.0.1:0", Dir: dir},
		"a subject's name":     {Name: "a.>", Listen: "127.0.0.1:0", Dir: dir},
		"no port":              {Name: "a", Listen: "127.0.0.1", Dir: dir},
		"a large port":         {Name: "a", Listen: "127.0.0.1:65536", Dir: dir},
		"short TTL":            {Name: "a", Listen: "127.0.0.1:0", Dir: dir, TTL: time.Millisecond},
		"another's invitation": {Name: "a", Invitation: elsewhere},
		"no invitation":        {Name: "a", Invitation: filepath.Join(dir, "none")},
		"no credentials":       {Name: "a", Join: "tls://192.0.2.1:4222"},
		"no TLS":               {Name: "a", Join: "nats://u:p@192.0.2.1:4222"},
		"one of two no TLS":    {Name: "a", Join: "tls://u:p@192.0.2.1,nats://u:p@192.0.2.1"},
		"another scheme":       {Name: "a", Join: "http://u:p@h"},
		"a path":               {Name: "a", Join: "tls://u:p@h/x"},
	} {
		if n, err := Open(background(t), o); err == nil {
			t.Errorf("%s: opened", name)
			n.Close()
		}
	}
}

// TestPortTaken has two coordinators want one port.
func TestPortTaken(t *testing.T) {
	home := coordinator(t)
	o := Options{Name: "home", Listen: home.broker.server.Addr().String(), Dir: t.TempDir()}
	if n, err := Open(background(t), o); err == nil {
		n.Close()
		t.Error("opened")
	}
}

// TestDirTaken has two coordinators want one directory, and the second get it when
// the first has left.
func TestDirTaken(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the lock keeps nobody away there")
	}
	o := Options{Name: "home", Listen: "127.0.0.1:0", Dir: t.TempDir()}
	first, err := Open(background(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Open(background(t), o); !errors.Is(err, ErrTaken) {
		if err == nil {
			n.Close()
		}
		t.Errorf("the second coordinator: %v", err)
	}
	first.Close()
	second, err := Open(background(t), o)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}
