package cli_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// slowly serves content in small pieces, with ranges.
func slowly(t *testing.T, content []byte, pause time.Duration, sent *atomic.Int64) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		http.ServeContent(&slowWriter{w, pause, sent}, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(server.Close)
	return server
}

type slowWriter struct {
	http.ResponseWriter
	pause time.Duration
	sent  *atomic.Int64
}

func (w *slowWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n, err := w.ResponseWriter.Write(p[done:min(len(p), done+64<<10)])
		done += n
		w.sent.Add(int64(n))
		if err != nil {
			return done, err
		}
		w.ResponseWriter.(http.Flusher).Flush()
		time.Sleep(w.pause)
	}
	return done, nil
}

// Whenever moed pull is killed, nothing has the model's name that is not the
// model, and the next one goes on.
func TestPullKilled(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files of a killed process stay open for a while")
	}
	content, err := os.ReadFile("../testdata/golden/qwen3moe-Q4_K_M.gguf")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	var sent atomic.Int64
	server := slowly(t, content, 2*time.Millisecond, &sent)
	kills := 0
	for ; ; kills++ {
		if kills > 200 {
			t.Fatal("it does not come to an end")
		}
		before := sent.Load()
		c := exec.Command("moed", "pull", "--insecure", server.URL+"/m.gguf", "--models-dir", dir)
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }() // ends with the process
		err, over := error(nil), false
		for limit := before + int64(kills+1)*200_000; !over && sent.Load() < limit; {
			select {
			case err = <-ended:
				over = true
			case <-time.After(time.Millisecond):
			}
		}
		if over {
			if err != nil {
				t.Fatalf("after %d kills: %v: %s", kills, err, out.String())
			}
			break
		}
		c.Process.Kill()
		<-ended
		if got, err := os.ReadFile(path); err == nil && !bytes.Equal(got, content) {
			t.Fatalf("after %d kills there is a part of the file under its name", kills+1)
		}
	}
	if kills == 0 {
		t.Fatal("never killed")
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if out, err := exec.Command("moed", "verify", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

// What is on the disk when moed pull is killed is not fetched again.
func TestPullResumes(t *testing.T) {
	content, err := os.ReadFile("../testdata/golden/qwen3moe-Q4_K_M.gguf")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var sent atomic.Int64
	slow, fast := slowly(t, content, 300*time.Millisecond, &sent), slowly(t, content, 0, &sent)
	var server atomic.Pointer[httptest.Server]
	server.Store(slow)
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.Load().Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(door.Close)
	c := exec.Command("moed", "pull", "--insecure", door.URL+"/m.gguf", "--models-dir", dir)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for { // until something is surely on the disk
		if _, err := os.Stat(filepath.Join(dir, "m.gguf.part.json")); err == nil {
			break
		}
		if sent.Load() == int64(len(content)) {
			t.Fatal("all is there before any of it is on the disk")
		}
		time.Sleep(time.Millisecond)
	}
	c.Process.Kill()
	c.Wait()
	server.Store(fast)
	out, code := finished(t, "pull", "--insecure", door.URL+"/m.gguf", "--models-dir", dir, "--json")
	if code != 0 || strings.Contains(out, `"resumed": 0,`) || !strings.Contains(out, `"resumed": `) {
		t.Errorf("exit code %d: %s", code, out)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "m.gguf")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// An interrupt keeps what is there and says how to go on; credentials and
// queries are never shown.
func TestPullInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no interrupts between processes")
	}
	content, err := os.ReadFile("../testdata/golden/qwen3moe-Q4_K_M.gguf")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var sent atomic.Int64
	server := slowly(t, content, 50*time.Millisecond, &sent)
	from := strings.Replace(server.URL, "://", "://user:secret@", 1) + "/m.gguf?token=secret"
	c := exec.Command("moed", "pull", "--insecure", from, "--models-dir", dir)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for sent.Load() < 500_000 {
		time.Sleep(time.Millisecond)
	}
	c.Process.Signal(os.Interrupt)
	c.Wait()
	if code := c.ProcessState.ExitCode(); code != 130 || !strings.Contains(out.String(), "the same command goes on where it was") {
		t.Errorf("exit code %d: %s", code, out.String())
	}
	part, err := os.ReadFile(filepath.Join(dir, "m.gguf.part"))
	if err != nil || len(part) < 200_000 {
		t.Fatalf("a part of %d bytes, %v", len(part), err)
	}
	journal, err := os.ReadFile(filepath.Join(dir, "m.gguf.part.json"))
	if err != nil || bytes.Contains(journal, []byte("secret")) {
		t.Errorf("%v: %s", err, journal)
	}
	again, err := exec.Command("moed", "pull", "--insecure", from, "--models-dir", dir, "--json").CombinedOutput()
	if err != nil || strings.Contains(string(again)+out.String(), "secret") || !strings.Contains(string(again), fmt.Sprintf(`"bytes": %d`, len(content))) || strings.Contains(string(again), `"resumed": 0,`) {
		t.Errorf("%v: %s%s", err, out.String(), again)
	}
}

// A repair fetches no more than the chunks that differ.
func TestVerifyRepairs(t *testing.T) {
	content, err := os.ReadFile("../testdata/golden/qwen3moe-Q4_K_M.gguf")
	if err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int64
	server := slowly(t, content, 0, &sent)
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("moed", "verify", "--write", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("moed", "verify", path, "--repair", server.URL+"/m.gguf", "--insecure").CombinedOutput()
	if err != nil || sent.Load() != int64(len(content)) {
		t.Errorf("%v, %d bytes sent: %s", err, sent.Load(), out)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, content) {
		t.Error("the repaired file is another one")
	}
}
