package api

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, network, dial, base string }{
		{"unix:///run/a.sock", "unix", "/run/a.sock", "http://moed"},
		{"/run/a b.sock", "unix", "/run/a b.sock", "http://moed"},
		{"tcp://127.0.0.1:11435", "tcp", "127.0.0.1:11435", "http://127.0.0.1:11435"},
		{"tcp://[::1]:80/", "tcp", "[::1]:80", "http://[::1]:80"},
		{"http://localhost", "tcp", "localhost:80", "http://localhost:80"},
		{"https://box", "tcp", "box:443", "https://box:443"},
		{"https://box:8443", "tcp", "box:8443", "https://box:8443"},
	} {
		a, err := parse(c.text)
		if err != nil || a.network != c.network || a.dial != c.dial || a.base != c.base {
			t.Errorf("%s: %+v, %v", c.text, a, err)
		}
	}
	for _, text := range []string{"", "moed.sock", "unix://", "unix://run/a.sock", "tcp://", "tcp://localhost", "tcp://h:1/path",
		"tcp://user@h:1", "ftp://h:1", "http://h:1?x=y", "://", "tcp://h:port"} {
		if a, err := parse(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, a)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Setenv("MOED_HOST", "")
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	check := func(c *Client, want ...string) {
		t.Helper()
		got, err := c.Resolve()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	check(&Client{}, "/run/user/7/moed/moed.sock", SystemSocket)
	check(&Client{Address: "tcp://h:1"}, "tcp://h:1")
	t.Setenv("XDG_RUNTIME_DIR", "not/absolute")
	check(&Client{}, SystemSocket)
	t.Setenv("MOED_HOST", "unix:///tmp/x.sock")
	check(&Client{}, "unix:///tmp/x.sock")
	check(&Client{Address: "/tmp/y.sock"}, "/tmp/y.sock")
	t.Setenv("MOED_HOST", "nonsense")
	if _, err := (&Client{}).Resolve(); err == nil || !strings.Contains(err.Error(), "$MOED_HOST") {
		t.Errorf("error %v does not name $MOED_HOST", err)
	}
}

func TestUnreachable(t *testing.T) {
	dir, err := os.MkdirTemp("", "moed") // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("MOED_HOST", "")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	ctx := context.Background()
	c := &Client{}
	if c.Running(ctx) {
		t.Skip("the daemon of this machine runs")
	}
	_, err = c.Status(ctx)
	var un *UnreachableError
	if !errors.As(err, &un) || len(un.Tried) != 2 {
		t.Fatalf("%T %v, want an UnreachableError with two paths", err, err)
	}
	for _, part := range []string{dir + "/moed/moed.sock: not there", SystemSocket, "moed serve", "systemctl --user start moed"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %q", err, part)
		}
	}

	// A socket that nobody listens on, as a daemon that was killed leaves it.
	path := filepath.Join(dir, "moed", "moed.sock")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if !(&Client{}).Running(ctx) {
		t.Error("a socket that is listened on does not count as running")
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if (&Client{}).Running(ctx) {
		t.Error("a socket that nobody listens on counts as running")
	}
	if _, err = (&Client{}).Status(ctx); err == nil || !strings.Contains(err.Error(), "nobody listens") {
		t.Errorf("%v, want that nobody listens", err)
	}
}
