//go:build linux

package service

import (
	"bufio"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadyBeforeModels: connections are taken before anything is loaded, and the
// service manager is told how things stand.
func TestReadyBeforeModels(t *testing.T) {
	p := prepare(t, Config{Memory: "1G"}).start()
	if line := p.await("STATUS="); !strings.HasPrefix(line, "STATUS=no model loaded, 0.0/0.9 GiB") {
		t.Errorf("got %q", line)
	}
	if status, body := p.get("/health"); status != http.StatusOK {
		t.Errorf("health: %d %s", status, body)
	}
	r, stream := p.generate("Once upon a time", 20)
	defer r.Body.Close()
	if _, err := io.ReadAll(stream); err != nil {
		t.Fatal(err)
	}
	if line := p.await("STATUS=stories"); !strings.Contains(line, "ready") {
		t.Errorf("got %q", line)
	}
	p.signal(syscall.SIGTERM)
	p.await("STOPPING=1")
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(p.path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// TestDrainFinishes: an answer that is under way when the signal comes is all
// there, and who comes later finds nobody.
func TestDrainFinishes(t *testing.T) {
	p := prepare(t, Config{}).start()
	r, stream := p.generate("Once upon a time", 400)
	defer r.Body.Close()
	if _, err := stream.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	p.await("STOPPING=1")
	rest, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(rest)), "\n")
	var last struct {
		Done   bool   `json:"done"`
		Reason string `json:"done_reason"`
		Count  int    `json:"eval_count"`
		Error  string `json:"error"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if !last.Done || last.Error != "" || last.Reason == "length" && last.Count != 400 {
		t.Errorf("the answer ends so: %+v", last)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestDrainDeadline: the service manager is asked for time as long as something
// is under way, and the deadline ends that.
func TestDrainDeadline(t *testing.T) {
	p := prepare(t, Config{DrainTimeout: "1500ms"}).start()
	c := p.stuck()
	began := time.Now()
	p.signal(syscall.SIGTERM)
	p.await("STOPPING=1")
	p.await("EXTEND_TIMEOUT_USEC=") // at the beginning
	p.await("EXTEND_TIMEOUT_USEC=") // and again
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took < 1500*time.Millisecond {
		t.Errorf("it ended after %v, before the deadline", took)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
	if !strings.Contains(p.logged(), "cut short") {
		t.Error("the log does not say so")
	}
}

// TestCutShort: answers that the deadline cuts end in good order: whole lines, the
// last of which says how it ended.
func TestCutShort(t *testing.T) {
	p := prepare(t, Config{DrainTimeout: "0s"}).start()
	var streams []*bufio.Reader
	for range 8 {
		r, stream := p.generate("Once upon a time", 400)
		defer r.Body.Close()
		if _, err := stream.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		streams = append(streams, stream)
	}
	p.signal(syscall.SIGTERM)
	for i, stream := range streams {
		rest, err := io.ReadAll(stream)
		if err != nil {
			t.Errorf("answer %d: %v", i, err)
		}
		lines := strings.Split(strings.TrimSuffix(string(rest), "\n"), "\n")
		var last struct {
			Done  bool   `json:"done"`
			Error string `json:"error"`
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || !last.Done && last.Error == "" {
			t.Errorf("answer %d ends with %q, %v", i, lines[len(lines)-1], err)
		}
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSecondSignal: another signal ends what the first one lets go on.
func TestSecondSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			p := prepare(t, Config{DrainTimeout: "10m"}).start()
			p.stuck()
			p.signal(sig)
			p.await("STOPPING=1")
			p.signal(sig)
			if code := p.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if _, err := os.Lstat(p.path); !os.IsNotExist(err) {
				t.Errorf("the socket is still there: %v", err)
			}
		})
	}
}

// TestReload: the configuration is read again, and one that is wrong changes
// nothing.
func TestReload(t *testing.T) {
	p := prepare(t, Config{})
	file := filepath.Join(p.dir, "moed.toml")
	p.cmd.Env = append(p.cmd.Env, childFile+"="+file)
	p.start()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.signal(syscall.SIGHUP)
		p.await("RELOADING=1")
		if line := p.await("MONOTONIC_USEC="); line == "MONOTONIC_USEC=" || line == "MONOTONIC_USEC=0" {
			t.Errorf("got %q", line)
		}
		p.await("READY=1")
	}
	budget := func() float64 {
		t.Helper()
		_, body := p.get("/moed/v1/status")
		var v struct{ Budget struct{ Total float64 } }
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		return v.Budget.Total
	}
	listen := "listen = \"unix://" + p.path + "\"\n"
	write(listen + "memory = \"700M\"\n")
	if got := budget(); got != 700e6 {
		t.Errorf("budget %.0f, want 700000000", got)
	}
	write(listen + "memry = \"1G\"\n")
	if got := budget(); got != 700e6 {
		t.Errorf("after a wrong file: budget %.0f, want 700000000", got)
	}
	if !strings.Contains(p.logged(), "unknown key memry") {
		t.Error("the log does not say what is wrong")
	}
	write(listen + "memory = \"800M\"\nlog_level = \"debug\"\n")
	if got := budget(); got != 800e6 {
		t.Errorf("budget %.0f, want 800000000", got)
	}
}

func TestState(t *testing.T) {
	p := prepare(t, Config{}).start()
	r, stream := p.generate("Once upon a time", 400)
	defer r.Body.Close()
	if _, err := stream.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGUSR1)
	if _, err := io.ReadAll(stream); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	p.exit()
	if !strings.Contains(p.logged(), `"msg":"state of a model","model":"stories`) {
		t.Error("the log has no state")
	}
}

// TestActivated: what the service manager listens on is served and left there,
// and nothing else is opened.
func TestActivated(t *testing.T) {
	p := prepare(t, Config{})
	if err := os.Mkdir(filepath.Dir(p.path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: p.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	env := p.cmd.Env
	p.cmd = p.command(Config{})
	p.cmd.Env = append(env[:len(env):len(env)], childConfig+"={}", "LISTEN_FDS=1", "LISTEN_FDNAMES=api")
	p.cmd.ExtraFiles = []*os.File{f}
	p.start()
	if status, body := p.get("/health"); status != http.StatusOK {
		t.Errorf("health: %d %s", status, body)
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if info, err := os.Lstat(p.path); err != nil || info.Mode().Type() != fs.ModeSocket {
		t.Errorf("the service manager's socket: %v", err)
	}
}

// TestWatchdog: there are signs of life while nothing is to be done, and while it
// is.
func TestWatchdog(t *testing.T) {
	p := prepare(t, Config{})
	p.cmd.Env = append(p.cmd.Env, "WATCHDOG_USEC=400000")
	p.start()
	p.await("WATCHDOG=1")
	p.await("WATCHDOG=1")
	r, stream := p.generate("Once upon a time", 400)
	defer r.Body.Close()
	if _, err := io.ReadAll(stream); err != nil {
		t.Fatal(err)
	}
	p.await("WATCHDOG=1")
}

// TestSecondDaemon: the second one on a socket says who has it, and leaves it.
func TestSecondDaemon(t *testing.T) {
	first := prepare(t, Config{}).start()
	second := prepare(t, Config{})
	second.cmd = second.command(Config{Listen: List{"unix://" + first.path}})
	second.begin()
	if code := second.exit(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if want := "listens on " + first.path + " already"; !strings.Contains(second.logged(), want) {
		t.Errorf("got %q, want %q in it", second.logged(), want)
	}
	if status, _ := first.get("/health"); status != http.StatusOK {
		t.Errorf("the first one's health: %d", status)
	}
}

// TestRestarts: one that is killed is in nobody's way, a hundred times.
func TestRestarts(t *testing.T) {
	n := 100
	if testing.Short() {
		n = 10
	}
	p := prepare(t, Config{})
	p.listen()
	for i := range n {
		p.begin()
		p.await("READY=1")
		if status, _ := p.get("/health"); status != http.StatusOK {
			t.Fatalf("start %d: %d", i, status)
		}
		p.client.CloseIdleConnections()
		p.kill()
		again := *p.cmd
		p.cmd = p.command(Config{Listen: List{"unix://" + p.path}})
		p.cmd.Env, p.ended = again.Env, make(chan struct{})
	}
	p.begin()
	p.await("READY=1")
}
