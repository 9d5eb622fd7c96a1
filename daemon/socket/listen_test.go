//go:build unix

package socket_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"moed/daemon/socket"
)

// home is a directory that a socket may be in, with a short path.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "moed")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func mustListen(t *testing.T, path string, o socket.Options) net.Listener {
	t.Helper()
	l, err := socket.Listen(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// answers reports whether somebody takes connections there.
func answers(path string) bool {
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
	}
	return err == nil
}

func TestListen(t *testing.T) {
	path := filepath.Join(home(t), "run", "moed.sock")
	l := mustListen(t, path, socket.Options{})
	if got := l.Addr().String(); got != path {
		t.Errorf("address %s, want %s", got, path)
	}
	for name, want := range map[string]fs.FileMode{path: fs.ModeSocket | 0o600, filepath.Dir(path): fs.ModeDir | 0o700} {
		info, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s: mode %v, want %v", name, info.Mode(), want)
		}
	}
	if !answers(path) {
		t.Error("nobody answers")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestListenForGroup(t *testing.T) {
	path := filepath.Join(home(t), "run", "moed.sock")
	gid := os.Getgid()
	l := mustListen(t, path, socket.Options{Mode: 0o660, Group: fmt.Sprint(gid)})
	defer l.Close()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o660 || int(info.Sys().(*syscall.Stat_t).Gid) != gid {
		t.Errorf("mode %v, group %d", info.Mode(), info.Sys().(*syscall.Stat_t).Gid)
	}
	if dir, err := os.Stat(filepath.Dir(path)); err != nil || dir.Mode().Perm() != 0o750 {
		t.Errorf("directory: mode %v, %v", dir.Mode(), err)
	}
	if _, err := socket.Listen(path+"2", socket.Options{Group: "no such group"}); err == nil {
		t.Error("a group that is not there was taken")
	}
}

func TestListenRefusesPaths(t *testing.T) {
	dir := home(t)
	everybody := filepath.Join(dir, "everybody")
	if err := os.Mkdir(everybody, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(everybody, 0o1777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, strings.Repeat("x", 108-len(dir)))
	for path, want := range map[string]string{
		"moed.sock":                             "absolute",
		dir + "/../moed.sock":                   "absolute",
		long:                                    "bytes",
		filepath.Join(everybody, "moed.sock"):   "anybody may write",
		file:                                    "something else of that name",
		filepath.Join(file, "moed.sock"):        "is no directory",
		filepath.Join(dir, "\x00", "moed.sock"): "invalid argument",
	} {
		l, err := socket.Listen(path, socket.Options{})
		if err == nil {
			l.Close()
			t.Errorf("%q was taken", path)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q in it", path, err, want)
		}
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "kept" {
		t.Errorf("the file that was in the way: %q, %v", content, err)
	}
}

func TestListenRefusesForeignDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := home(t)
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := socket.Listen(filepath.Join(dir, "moed.sock"), socket.Options{}); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
		t.Errorf("got %v", err)
	}
}

// TestListenLongest: the longest path that is taken works, so that no path is
// refused with the system's bare "invalid argument".
func TestListenLongest(t *testing.T) {
	dir := home(t)
	for n := 90; n < 120; n++ {
		path := filepath.Join(dir, strings.Repeat("x", n-len(dir)-1))
		l, err := socket.Listen(path, socket.Options{})
		if err != nil {
			if !strings.Contains(err.Error(), "bytes") {
				t.Errorf("%d bytes: %v", n, err)
			}
			continue
		}
		if n > 107 || !answers(path) {
			t.Errorf("%d bytes: was taken, and answers: %v", n, answers(path))
		}
		l.Close()
	}
}

func TestListenTwice(t *testing.T) {
	path := filepath.Join(home(t), "moed.sock")
	first := mustListen(t, path, socket.Options{})
	_, err := socket.Listen(path, socket.Options{})
	var used *socket.InUseError
	if !errors.As(err, &used) || used.PID != os.Getpid() {
		t.Fatalf("got %v, want who listens", err)
	}
	if !answers(path) {
		t.Error("the first does not answer any more")
	}
	first.Close()
	mustListen(t, path, socket.Options{}).Close()
}

// TestListenAtOnce: of many that begin at the same time one listens.
func TestListenAtOnce(t *testing.T) {
	path := filepath.Join(home(t), "run", "moed.sock")
	for range 20 {
		var each sync.WaitGroup
		listeners := make([]net.Listener, 8)
		errs := make([]error, len(listeners))
		for i := range listeners {
			each.Go(func() { listeners[i], errs[i] = socket.Listen(path, socket.Options{}) })
		}
		each.Wait()
		listening := 0
		for i, l := range listeners {
			var used *socket.InUseError
			switch {
			case l != nil:
				listening++
			case !errors.As(errs[i], &used):
				t.Errorf("got %v", errs[i])
			}
		}
		if listening != 1 {
			t.Fatalf("%d listen, want 1", listening)
		}
		if !answers(path) {
			t.Error("nobody answers")
		}
		for _, l := range listeners {
			if l != nil {
				l.Close()
			}
		}
	}
}

// TestListenForeign: a socket that answers behind no lock is another program's.
func TestListenForeign(t *testing.T) {
	path := filepath.Join(home(t), "moed.sock")
	foreign, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	var used *socket.InUseError
	if _, err := socket.Listen(path, socket.Options{}); !errors.As(err, &used) {
		t.Errorf("got %v", err)
	}
	if !answers(path) {
		t.Error("the other program's socket was taken away")
	}
}

// TestListenAfterKill: what a killed daemon leaves, a socket, a half-made one and
// the file of its lock, is in nobody's way, however often.
func TestListenAfterKill(t *testing.T) {
	path := filepath.Join(home(t), "moed.sock")
	for i := range 100 {
		for _, left := range []string{path, path + "~"} {
			if _, err := os.Lstat(left); err == nil {
				continue
			}
			dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: left, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			dead.SetUnlinkOnClose(false)
			dead.Close()
		}
		l, err := socket.Listen(path, socket.Options{})
		if err != nil {
			t.Fatalf("start %d: %v", i, err)
		}
		if !answers(path) {
			t.Fatalf("start %d: nobody answers", i)
		}
		if _, err := os.Lstat(path + "~"); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("start %d: the half-made socket is still there: %v", i, err)
		}
		l.Close()
	}
}

// TestCloseLeavesOthers: a socket that somebody has put in the place of ours stays.
func TestCloseLeavesOthers(t *testing.T) {
	path := filepath.Join(home(t), "moed.sock")
	l := mustListen(t, path, socket.Options{})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	l.Close()
	if !answers(path) {
		t.Error("the other socket is gone")
	}
}

// TestListenIsNeverWider watches the directory while sockets come and go: none is
// ever seen with more permissions than it was to have, under any name.
func TestListenIsNeverWider(t *testing.T) {
	dir := home(t)
	path := filepath.Join(dir, "moed.sock")
	before := syscall.Umask(0) // the least help
	defer syscall.Umask(before)
	quit, watched := make(chan struct{}), make(chan int)
	go func() { // ends with quit
		seen := 0
		for {
			for _, name := range []string{path, path + "~"} {
				if info, err := os.Lstat(name); err == nil {
					seen++
					if info.Mode().Perm()&^0o600 != 0 {
						t.Errorf("%s was seen with mode %v", name, info.Mode())
					}
				}
			}
			select {
			case <-quit:
				watched <- seen
				return
			default:
			}
		}
	}()
	for range 200 {
		mustListen(t, path, socket.Options{}).Close()
	}
	last := mustListen(t, path, socket.Options{})
	close(quit)
	seen := <-watched
	last.Close()
	t.Logf("looked at a socket %d times", seen)
}
