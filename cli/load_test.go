package cli_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"moed/daemon"
	"moed/daemon/api"
	"moed/daemon/server"
)

// house serves the models of dir, and the built-in one, to an administrator or
// to nobody in particular.
func house(t *testing.T, dir string, admin bool) (address string) {
	t.Helper()
	shelf, err := daemon.NewShelf(daemon.ShelfOptions{Dirs: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	uid := uint32(os.Getuid())
	if !admin {
		uid += 4711
	}
	s := server.New(shelf, server.Options{Version: "9.9", Peer: func(net.Conn) (uint32, uint32, int32, error) { return uid, 0, 7, nil }})
	at, err := os.MkdirTemp("", "moed") // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(at, "s"))
	if err != nil {
		t.Skip(err)
	}
	h := s.HTTP(server.Unix)
	go h.Serve(l) // until Shutdown
	t.Cleanup(func() {
		h.Shutdown(context.Background())
		shelf.Close()
		os.RemoveAll(at)
	})
	return "unix://" + l.Addr().String()
}

// finished runs the command, and returns all that it prints and its exit code.
func finished(t *testing.T, args ...string) (string, int) {
	t.Helper()
	c := exec.Command("moed", args...)
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// A model is loaded, seen, kept from being removed, and unloaded.
func TestLoadAndUnload(t *testing.T) {
	dir := t.TempDir()
	content, err := os.ReadFile("../testdata/golden/qwen3moe-Q4_K_M.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tiny.gguf"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	at := house(t, dir, true)
	steps := []struct {
		args string
		code int
		want string // part of what is printed
	}{
		{"ps", 0, "NAME"},
		{"load tiny --keep-alive 1h --wait", 0, "tiny is loaded, in "},
		{"ps", 0, "60 min"},
		{"ps", 0, "idle"},
		{"top --once", 0, "2 layers of 8 experts"},
		{"rm tiny -y --models-dir " + dir, 1, "hint: moed unload tiny first"},
		{"load tiny --keep-alive forever --json", 0, `"state": "ready"`},
		{"ps", 0, "never"},
		{"load nothing", 1, `"nothing" is not there`},
		{"load nothing --wait", 1, `"nothing" is not there`},
		{"stop tiny", 0, "tiny is unloaded as soon as nobody uses it"},
	}
	for _, step := range steps {
		out, code := finished(t, append(strings.Fields(step.args), "-H", at)...)
		if code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("moed %s: exit code %d, want %d with %q:\n%s", step.args, code, step.code, step.want, out)
		}
	}
	out, _ := finished(t, "ps", "--json", "-H", at)
	var list api.Models
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Models) > 0 && list.Models[0].State == daemon.StateReady {
		t.Errorf("%v: still there: %s", err, out)
	}
	if out, code := finished(t, "rm", "tiny", "-y", "--models-dir", dir, "-H", at); code != 0 {
		t.Errorf("rm: %d: %s", code, out)
	}
}

// Only administrators load and unload; others may look.
func TestLoadRefused(t *testing.T) {
	if os.Getuid() == 0 { // whose uid the server's owner has, and the stranger has not
		t.Log("as root")
	}
	at := house(t, t.TempDir(), false)
	for _, args := range []string{"load", "unload stories-moe-5m"} {
		if out, code := finished(t, append(strings.Fields(args), "-H", at)...); code != 1 || !strings.HasPrefix(out, "moed: ") {
			t.Errorf("%s: exit code %d: %s", args, code, out)
		}
	}
	if out, code := finished(t, "ps", "-H", at); code != 0 {
		t.Errorf("ps: %d: %s", code, out)
	}
}

// load --wait outlasts a daemon that is busy, and one that is not up yet.
func TestLoadWaits(t *testing.T) {
	dir, err := os.MkdirTemp("", "moed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	asked := 0
	path := filepath.Join(dir, "s")
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked < 2 {
			w.Header().Set("Retry-After", "1")
			http.Error(w, `{"error":{"message":"busy"}}`, http.StatusTooManyRequests)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.Write([]byte("event: progress\ndata: {\"done\":1,\"total\":2}\n\nevent: ready\ndata: {\"name\":\"m\",\"resident_bytes\":5}\n\n"))
	})}
	t.Cleanup(func() { server.Close() })
	c := exec.Command("moed", "load", "m", "--wait", "-H", "unix://"+path)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		c.Process.Kill()
		t.Skip(err)
	}
	go server.Serve(l) // until Close
	if err := c.Wait(); err != nil || asked != 2 || !strings.Contains(out.String(), "m is loaded") {
		t.Errorf("%v after %d requests: %s", err, asked, out.String())
	}
}
