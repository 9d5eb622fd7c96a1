package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"moed/daemon/api"
)

// picture is a daemon that always does the same, so that pictures of it can be
// compared. It listens on the socket whose address is returned; cancelled is the
// last request that was to be cancelled.
func picture(t *testing.T) (address string, cancelled *atomic.Pointer[string]) {
	t.Helper()
	dir, err := os.MkdirTemp("", "moed") // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	heat := &api.Experts{Model: "m\x1b[31m", Layers: 4, Experts: 8, Heat: make([]byte, 32), Resident: make([]byte, 32)}
	for i := range heat.Heat {
		heat.Heat[i], heat.Resident[i] = byte(8*i), byte(i/4%2)
	}
	status := &api.Status{
		Version: "9.9", Began: time.Now(), Budget: api.Budget{Total: 2e9, Used: 1e9}, Memory: api.Memory{Dense: 5e8, Experts: 5e8},
		Models:   []api.Model{{Name: heat.Model, State: "ready", Experts: 8, Layers: 4, LayerHits: []float64{1, 0.5, 0.25, 0}}},
		Requests: []api.Request{{ID: "REQ1", Model: heat.Model, UID: 1000, Phase: "decode", Generated: 7}},
		Totals:   api.Totals{Rate: 12.5, HitRatio: 0.75},
	}
	cancelled = &atomic.Pointer[string]{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /moed/v1/status", func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(status) })
	mux.HandleFunc("GET /moed/v1/experts", func(w http.ResponseWriter, r *http.Request) { json.NewEncoder(w).Encode(heat) })
	mux.HandleFunc("POST /moed/v1/cancel", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text := string(body)
		cancelled.Store(&text)
		w.Write([]byte("{}"))
	})
	mux.HandleFunc("GET /moed/v1/events", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			for name, v := range map[string]any{"experts": heat, "status": status} {
				text, _ := json.Marshal(v)
				fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, text)
			}
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	})
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	server := &http.Server{Handler: mux}
	go server.Serve(l) // until Close
	t.Cleanup(func() { server.Close() })
	return "unix://" + path, cancelled
}

func TestTopOnce(t *testing.T) {
	address, _ := picture(t)
	out, err := exec.Command("moed", "top", "--once", "-H", address).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"moed 9.9  m?[31m  ready", "tok/s     12.5", "of 2.00 GB", "4 layers of 8 experts, 50% in memory", "1 requests by age", "REQ1"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if bytes.ContainsRune(out, '\x1b') {
		t.Errorf("it steers the terminal: %q", out)
	}
	out, err = exec.Command("moed", "top", "--once", "--json", "-H", address).Output()
	var shot struct {
		Status  api.Status
		Experts []api.Experts
	}
	if err != nil || json.Unmarshal(out, &shot) != nil || shot.Status.Version != "9.9" || len(shot.Experts) != 1 || len(shot.Experts[0].Heat) != 32 {
		t.Errorf("%v: %s", err, out)
	}
}

// Without a terminal there is a line each second, until interrupted.
func TestTopLines(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupts between processes")
	}
	address, _ := picture(t)
	for _, flag := range []string{"--json", "--host=" + address} { // the second is no news: plain text
		c := exec.Command("moed", "top", "-H", address, flag)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1<<16)
		n, _ := out.Read(buf)
		want := "12.5 tok/s, hit 75.0 %, flash 0 B/s, memory 1.00 GB of 2.00 GB, m?[31m ready, 1 requests\n"
		if flag == "--json" {
			want = `{"status":{"version":"9.9"`
		}
		if !strings.HasPrefix(string(buf[:n]), want) {
			t.Errorf("%s: got %q", flag, buf[:n])
		}
		c.Process.Signal(os.Interrupt)
		if c.Wait(); c.ProcessState.ExitCode() != 130 {
			t.Errorf("%s: interrupted, it ends with %v", flag, c.ProcessState)
		}
	}
}

// The picture on a terminal, and its keys.
func TestTopScreen(t *testing.T) {
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip(err)
	}
	address, cancelled := picture(t)
	name := fmt.Sprintf("moed-test-%d", os.Getpid())
	tmux := func(args ...string) string {
		c := exec.Command("tmux", append([]string{"-L", name, "-f", "/dev/null"}, args...)...)
		c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "NO_COLOR=")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	tmux("new-session", "-d", "-x", "100", "-y", "30", "moed top -H "+address+"; echo ended with $?; sleep 60")
	t.Cleanup(func() { exec.Command("tmux", "-L", name, "kill-server").Run() })
	shows := func(texts ...string) {
		t.Helper()
		shown := ""
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			shown = tmux("capture-pane", "-p")
			missing := false
			for _, text := range texts {
				missing = missing || !strings.Contains(shown, text)
			}
			if !missing {
				return
			}
		}
		t.Fatalf("no %q in\n%s", texts, shown)
	}
	shows("moed 9.9", "tok/s     12.5", "4 layers of 8 experts", "▀▀▀▀", "REQ1", "q quit")
	tmux("send-keys", "h")
	shows("hits by layer", "   1  50.0% █")
	tmux("send-keys", "?")
	shows("The map has a row for each layer")
	tmux("send-keys", "?")
	tmux("send-keys", "x")
	shows("cancel request REQ1? (y/n)")
	tmux("send-keys", "y")
	for end := time.Now().Add(20 * time.Second); cancelled.Load() == nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if got := cancelled.Load(); got == nil || *got != `{"id":"REQ1"}` {
		t.Errorf("cancelled %v", got)
	}
	tmux("resize-window", "-x", "60", "-y", "12")
	shows("moed 9.9", "requests by age")
	tmux("send-keys", "q")
	shows("ended with 0")
}
