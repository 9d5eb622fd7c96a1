//go:build linux

package service

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inet counts the sockets of the daemon that a network could reach.
func (p *process) inet() int {
	p.t.Helper()
	own := map[string]bool{}
	dir := fmt.Sprintf("/proc/%d", p.cmd.Process.Pid)
	files, err := os.ReadDir(dir + "/fd")
	if err != nil {
		p.t.Skipf("its files cannot be read: %v", err)
	}
	for _, f := range files {
		to, _ := os.Readlink(filepath.Join(dir, "fd", f.Name())) // it may be closed by now
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	n := 0
	for _, kind := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "raw6"} {
		content, err := os.ReadFile(dir + "/net/" + kind)
		if err != nil {
			continue // a kernel without it
		}
		for line := range strings.Lines(string(content)) {
			if f := strings.Fields(line); len(f) > 9 && own[f[9]] {
				n++
			}
		}
	}
	return n
}

// TestNoNetwork: without being asked to, it opens nothing that a network could
// reach, idle or at work.
func TestNoNetwork(t *testing.T) {
	p := prepare(t, Config{})
	if os.Geteuid() == 0 {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET} // where there is not even loopback
	}
	p.start()
	r, stream := p.generate("Once upon a time", 50)
	defer r.Body.Close()
	if _, err := stream.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if n := p.inet(); n != 0 {
		t.Errorf("%d sockets of a network", n)
	}
	if _, err := io.ReadAll(stream); err != nil {
		t.Fatal(err)
	}
	if n := p.inet(); n != 0 {
		t.Errorf("%d sockets of a network", n)
	}
}

// TestTCP: what is asked for is opened, for those with tokens.
func TestTCP(t *testing.T) {
	token, secret, err := NewToken("laptop", false)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, Tokens{token}.Text(), 0o600); err != nil {
		t.Fatal(err)
	}
	p := prepare(t, Config{Listen: List{"tcp://127.0.0.1:0"}, TokensFile: file}).start()
	if n := p.inet(); n != 1 {
		t.Errorf("%d sockets of a network, want 1", n)
	}
	_, after, ok := strings.Cut(p.logged(), "tcp://")
	at, _, _ := strings.Cut(after, `"`)
	if !ok {
		t.Fatalf("the log does not say where: %s", p.logged())
	}
	status := func(bearer string) int {
		t.Helper()
		q, err := http.NewRequest("GET", "http://"+at+"/v1/models", nil)
		if err != nil {
			t.Fatal(err)
		}
		if bearer != "" {
			q.Header.Set("Authorization", "Bearer "+bearer)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	for bearer, want := range map[string]int{"": 401, "moed_wrong": 401, fmt.Sprintf("%x", token.Sum): 401, secret: 200} {
		if got := status(bearer); got != want {
			t.Errorf("with %q: %d, want %d", bearer, got, want)
		}
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil { // revoked
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.await("RELOADING=1")
	p.await("READY=1")
	if got := status(secret); got != 401 {
		t.Errorf("with a token that is revoked: %d, want 401", got)
	}
	http.DefaultClient.CloseIdleConnections()
	p.signal(syscall.SIGTERM)
	p.exit()
	if strings.Contains(p.logged(), secret) {
		t.Error("the token is in the log")
	}
}

// TestTCPWithoutTokens: nobody could call, so that is an error.
func TestTCPWithoutTokens(t *testing.T) {
	p := prepare(t, Config{Listen: List{"tcp://127.0.0.1:0"}})
	p.begin()
	if code := p.exit(); code != 1 || !strings.Contains(p.logged(), "moed token create") {
		t.Errorf("exit code %d: %s", code, p.logged())
	}
	if _, err := os.Lstat(p.path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// TestOtherUser: a user's socket is closed to all others, even where the directory
// above it is open to them.
func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	p := prepare(t, Config{}).start()
	for _, dir := range []string{p.dir, filepath.Dir(p.path)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan error)
	go func() { // on a thread of its own, which ends as the other user's
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, 12345, 12345, 12345); errno != 0 {
			got <- fmt.Errorf("become another group: %w", errno)
			return
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 12345, 12345, 12345); errno != 0 {
			got <- fmt.Errorf("become another user: %w", errno)
			return
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: p.path})
			unix.Close(fd)
		}
		got <- err
	}()
	if err := <-got; err != unix.EACCES {
		t.Errorf("another user connects: %v, want %v", err, unix.EACCES)
	}
}

// TestCanary asks for what must be nowhere but in the answer, in all the ways that
// may end in a log.
func TestCanary(t *testing.T) {
	const canary = "cAnArY7391"
	p := prepare(t, Config{LogLevel: "debug"})
	p.start()
	r, stream := p.generate("Once upon a time "+canary, 40)
	_, err := stream.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGUSR1)
	if _, err := io.ReadAll(stream); err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	for _, q := range []struct{ path, body string }{
		{"/api/generate", `{"prompt": "` + canary + `", `},
		{"/api/chat", `{"model": "` + canary + `", "messages": [{"role": "user", "content": "` + canary + `"}]}`},
		{"/v1/chat/completions", `{"messages": [{"role": "` + canary + `", "content": "` + canary + `"}]}`},
		{"/v1/completions", `{"prompt": "` + canary + `", "max_tokens": 4, "stop": "` + canary + `"}`},
		{"/v1/" + canary, canary},
		{"/api/generate?x=" + canary, strings.Repeat(canary, 100)},
	} {
		r, err := p.client.Post("http://moed"+q.path, "application/json", strings.NewReader(q.body))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	if _, metrics := p.get("/metrics"); strings.Contains(metrics, canary) {
		t.Error("it is in the metrics")
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(limits, []byte("Max core file size        0                    0")) {
		t.Errorf("core dumps are allowed:\n%s", limits)
	}
	p.signal(syscall.SIGQUIT) // the runtime writes where all goroutines are, and dies
	p.exit()
	if strings.Contains(p.logged(), canary) {
		t.Error("it is in the log")
	}
	err = filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(canary)) {
			t.Errorf("it is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPeerIsKnown: the kernel says who calls, and the log who did.
func TestPeerIsKnown(t *testing.T) {
	p := prepare(t, Config{}).start()
	p.get("/v1/models")
	p.signal(syscall.SIGTERM)
	p.exit()
	if want := fmt.Sprintf(`"uid":%d,"pid":%d`, os.Getuid(), os.Getpid()); !strings.Contains(p.logged(), want) {
		t.Errorf("no %s in the log", want)
	}
}
