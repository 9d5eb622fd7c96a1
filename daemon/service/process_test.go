//go:build linux

package service

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// child is what the test binary runs as where this variable has a Config, as
// JSON. A file that is named in it too is read again at SIGHUP.
const (
	childConfig = "MOED_TEST_CONFIG"
	childFile   = "MOED_TEST_FILE"
)

func TestMain(m *testing.M) {
	text := os.Getenv(childConfig)
	if text == "" {
		os.Exit(m.Run())
	}
	if os.Getenv("LISTEN_FDS") != "" {
		os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid())) // systemd knows it before
	}
	var c Config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	o := Options{Version: "test"}
	if path := os.Getenv(childFile); path != "" {
		o.Reread = func() (Config, error) { return ReadConfig(path) }
	}
	if err := Run(context.Background(), c, o); err != nil {
		os.Stderr.WriteString("run: " + err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// patience is far more than anything here takes.
const patience = 30 * time.Second

// process is a daemon that runs.
type process struct {
	t      testing.TB
	dir    string
	path   string // of its socket
	cmd    *exec.Cmd
	notes  chan string // what it tells the service manager, line by line
	ended  chan struct{}
	state  *os.ProcessState // once it has ended
	client *http.Client

	mu  sync.Mutex
	log bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// prepare is a daemon that start begins.
func prepare(t testing.TB, c Config) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "moed")
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, dir: dir, path: filepath.Join(dir, "run", "moed.sock"), notes: make(chan string, 1000), ended: make(chan struct{})}
	c.Listen = append(List{"unix://" + p.path}, c.Listen...)
	p.cmd = p.command(c)
	p.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", p.path)
	}}}
	t.Cleanup(func() {
		if p.cmd.Process != nil {
			p.cmd.Process.Kill()
			<-p.ended
		}
		p.client.CloseIdleConnections()
		os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("its log:\n%s", p.logged())
		}
	})
	return p
}

func (p *process) command(c Config) *exec.Cmd {
	text, err := json.Marshal(c)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childConfig+"="+string(text), "NOTIFY_SOCKET="+filepath.Join(p.dir, "notify"), "XDG_STATE_HOME="+p.dir)
	cmd.Stderr, cmd.Dir = p, p.dir
	return cmd
}

// start begins it and waits until it is ready.
func (p *process) start() *process {
	p.t.Helper()
	p.listen()
	p.begin()
	p.await("READY=1")
	return p
}

// begin starts it without waiting.
func (p *process) begin() {
	p.t.Helper()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() { // ends with the process
		p.cmd.Wait()
		p.state = p.cmd.ProcessState
		close(p.ended)
	}()
}

// listen takes what the daemon tells the service manager.
func (p *process) listen() {
	p.t.Helper()
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(p.dir, "notify"), Net: "unixgram"})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { l.Close() })
	go func() { // ends when l is closed
		buf := make([]byte, 4096)
		for {
			n, err := l.Read(buf)
			if err != nil {
				return
			}
			for line := range strings.Lines(string(buf[:n])) {
				p.notes <- strings.TrimSpace(line)
			}
		}
	}()
}

// await returns the next line that begins so, and drops those before it.
func (p *process) await(prefix string) string {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line := <-p.notes:
			if strings.HasPrefix(line, prefix) {
				return line
			}
		case <-timeout:
			p.t.Fatalf("no %s; its log:\n%s", prefix, p.logged())
		}
	}
}

func (p *process) signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code, -1 for a signal.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.state.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("it does not end; its log:\n%s", p.logged())
		return 0
	}
}

// kill ends it as the kernel does where memory is out.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// get asks for path, and returns status and body.
func (p *process) get(path string) (int, string) {
	p.t.Helper()
	r, err := p.client.Get("http://moed" + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

// generate asks for n tokens and returns the stream of lines.
func (p *process) generate(prompt string, n int) (*http.Response, *bufio.Reader) {
	p.t.Helper()
	body, err := json.Marshal(map[string]any{"prompt": prompt, "options": map[string]any{"num_predict": n, "seed": 1}})
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := p.client.Post("http://moed/api/generate", "application/json", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	return r, bufio.NewReader(r.Body)
}

// stuck is a request whose body never ends, so that it stays under way.
func (p *process) stuck() net.Conn {
	p.t.Helper()
	c, err := net.Dial("unix", p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, "POST /api/generate HTTP/1.1\r\nHost: moed\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"); err != nil {
		p.t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n') // it has begun to read the body
	if err != nil || !strings.Contains(line, "100") {
		p.t.Fatalf("got %q, %v", line, err)
	}
	return c
}
