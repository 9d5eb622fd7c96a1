package cli_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moed/cli"
	"moed/daemon"
	"moed/daemon/server"
)

// serve runs a daemon at $XDG_RUNTIME_DIR/moed/moed.sock, with settings and
// history in a directory of the test's own.
func serve(t *testing.T, o daemon.ShelfOptions) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "moed") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("MOED_USER_PATH", t.TempDir())
	t.Setenv("MOED_HOST", "")
	socket = filepath.Join(dir, "moed", "moed.sock")
	if err := os.Mkdir(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	shelf, err := daemon.NewShelf(o)
	if err != nil {
		t.Fatal(err)
	}
	s := server.New(shelf, server.Options{Peer: func(net.Conn) (uid, gid uint32, pid int32, err error) { return uint32(os.Getuid()), 0, 1, nil }})
	h := s.HTTP(server.Unix)
	go h.Serve(listener) // ends with Close
	t.Cleanup(func() {
		h.Close()
		shelf.Close()
	})
	return socket
}

// moed runs a command line in this process.
func moed(t *testing.T, in string, args ...string) (out, said string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var o, e bytes.Buffer
	std := cli.Streams{Out: &o, Err: &e}
	if in != "" {
		std.In = strings.NewReader(in)
	}
	code = cli.Main(ctx, args, std)
	return o.String(), e.String(), code
}

// TestRemote: with a daemon and without one it is the same, and nothing is said
// about it.
func TestRemote(t *testing.T) {
	serve(t, daemon.ShelfOptions{})
	for name, args := range map[string][]string{
		"greedy":    {"Once upon a time", "-o", "temperature", "0", "--max-tokens", "20"},
		"by chance": {"Once upon a time", "--seed", "7", "--max-tokens", "30"},
		"options":   {"Once upon a time", "--seed", "7", "-o", "top_k", "3", "-o", "repeat_penalty", "1.3", "-o", "stop", "the", "--max-tokens", "40"},
		"by name":   {"-m", "stories-moe-5m", "Once upon a time", "--seed", "3", "--max-tokens", "5"},
		"raw":       {"--raw", "Once upon a time", "--seed", "3", "--max-tokens", "5"},
		"system":    {"upon a time", "-s", "Once", "--seed", "3", "--max-tokens", "5", "--no-stream"},
	} {
		here, _, code := moed(t, "", append(args, "--local")...)
		if code != 0 || here == "" {
			t.Fatalf("%s: here %q, exit code %d", name, here, code)
		}
		there, said, code := moed(t, "", args...)
		if there != here || said != "" || code != 0 {
			t.Errorf("%s: from the daemon %q, %q, exit code %d, want %q", name, there, said, code, here)
		}
	}
}

// TestRemoteWasAsked: the test above would pass if no daemon was asked.
func TestRemoteWasAsked(t *testing.T) {
	file, err := filepath.Abs("../testdata/golden/qwen3moe-Q4_K_M.gguf")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "of-the-daemon.gguf"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := serve(t, daemon.ShelfOptions{Dirs: []string{dir}})
	type record struct {
		Model        string `json:"model"`
		ID           string `json:"conversation_id"`
		InputTokens  int    `json:"input_tokens"`
		OutputTokens int    `json:"output_tokens"`
		Finish       string `json:"finish_reason"`
	}
	ask := func(args ...string) (r record) {
		t.Helper()
		out, said, code := moed(t, "", append(args, "--json", "--max-tokens", "4", "-o", "temperature", "0")...)
		if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
			t.Fatalf("%q: %q, %q, exit code %d", args, out, said, code)
		}
		return r
	}
	first := ask("hello")
	if first.Model != "of-the-daemon" || first.OutputTokens != 4 || first.Finish != "length" || first.InputTokens == 0 {
		t.Errorf("by default: %+v", first)
	}
	if r := ask("-c", "more"); r.Model != first.Model || r.ID != first.ID || r.InputTokens <= first.InputTokens {
		t.Errorf("going on: %+v after %+v", r, first)
	}
	if r := ask("-q", "daemon", "hello", "-H", "unix://"+socket); r.Model != "of-the-daemon" {
		t.Errorf("by query: %+v", r)
	}
	if r := ask("hello", "--ctx", "100"); r.Model != "stories-moe-5m" {
		t.Errorf("with a flag for a model here: %+v", r)
	}
	if r := ask("-m", file, "hello"); r.Model != "qwen3moe-Q4_K_M" {
		t.Errorf("a file that the daemon has under another name: %+v", r)
	}
	out, said, code := moed(t, "one\ntwo\n", "chat", "--max-tokens", "2")
	if code != 0 || said != "" || strings.Count(out, "\n") < 2 {
		t.Errorf("chat: %q, %q, exit code %d", out, said, code)
	}
	if out, said, code := moed(t, "", "models", "--nl"); code != 0 || !strings.Contains(out, `"model":"of-the-daemon"`) {
		t.Errorf("models: %q, %q, exit code %d", out, said, code)
	}
	if _, said, code := moed(t, "", "-m", "nope", "hello", "-H", socket); code != 1 || !strings.Contains(said, `model "nope" is not there; there are of-the-daemon`) {
		t.Errorf("a model that it has not: %q, exit code %d", said, code)
	}
	if out, said, code := moed(t, "", strings.Repeat("word ", 5000), "-H", socket); code != 1 || out != "" || !strings.Contains(said, "context") {
		t.Errorf("a prompt that is too long: %q, %q, exit code %d", out, said, code)
	}
}

// TestRemoteBusy: a daemon that takes no more is worth another try, and one that
// is not there has a code of its own.
func TestRemoteBusy(t *testing.T) {
	t.Setenv("MOED_USER_PATH", t.TempDir())
	busy := http.NewServeMux()
	busy.HandleFunc("GET /moed/v1/models", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"models":[]}`)) })
	busy.HandleFunc("POST /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusTooManyRequests)
		w.Write([]byte(`{"error":{"message":"too many requests","type":"rate_limit_error","param":null,"code":null}}`))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: busy}
	go h.Serve(listener) // ends with Close
	address := "tcp://" + listener.Addr().String()
	if out, said, code := moed(t, "", "hello", "-H", address); code != 75 || out != "" || said != "moed: too many requests\n" {
		t.Errorf("busy: %q, %q, exit code %d", out, said, code)
	}
	h.Close()
	t.Setenv("MOED_HOST", address)
	for _, args := range [][]string{{"hello"}, {"models"}, {"-q", "x", "hello"}, {"chat"}} {
		if out, said, code := moed(t, "hello\n", args...); code != 69 || out != "" || !strings.Contains(said, "no moed daemon answers") {
			t.Errorf("%q: %q, %q, exit code %d", args, out, said, code)
		}
	}
}

// TestRemoteToken: a daemon that wants a token is shown the one of MOED_TOKEN,
// and who has none is told where to put it.
func TestRemoteToken(t *testing.T) {
	t.Setenv("MOED_USER_PATH", t.TempDir())
	const token = "moed_right"
	shelf, err := daemon.NewShelf(daemon.ShelfOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer shelf.Close()
	s := server.New(shelf, server.Options{Tokens: []server.Token{{Name: "test", Sum: sha256.Sum256([]byte(token))}}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := s.HTTP(server.TCP)
	go h.Serve(listener) // ends with Close
	defer h.Close()
	t.Setenv("MOED_HOST", "tcp://"+listener.Addr().String())
	for _, args := range [][]string{{"hello"}, {"ps"}, {"models"}, {"load"}} {
		for _, wrong := range []string{"", "moed_wrong"} {
			t.Setenv("MOED_TOKEN", wrong)
			out, said, code := moed(t, "", args...)
			if code != 1 || out != "" || !strings.HasPrefix(said, "moed: the daemon wants a token\n") || !strings.Contains(said, "MOED_TOKEN") {
				t.Errorf("%q with token %q: %q, %q, exit code %d", args, wrong, out, said, code)
			}
		}
	}
	t.Setenv("MOED_TOKEN", token)
	if out, said, code := moed(t, "", "Once upon a time", "--max-tokens", "2"); code != 0 || out == "" || said != "" {
		t.Errorf("with the token: %q, %q, exit code %d", out, said, code)
	}
	if _, said, code := moed(t, "", "load"); code != 1 || !strings.Contains(said, "administrators") {
		t.Errorf("load with a token that only asks: %q, exit code %d", said, code)
	}
}
