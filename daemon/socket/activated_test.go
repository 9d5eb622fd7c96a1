//go:build unix

package socket_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"moed/daemon/socket"
)

// TestMain lets the test run itself as a daemon that the service manager has
// passed listeners to, and as one that is killed.
func TestMain(m *testing.M) {
	if os.Getenv("MOED_TEST_ACTIVATED") != "" {
		// systemd knows the number of the process before it runs; a parent does not.
		os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		os.Exit(sayActivated())
	}
	if path := os.Getenv("MOED_TEST_LISTEN"); path != "" {
		os.Exit(listenUntilKilled(path))
	}
	os.Exit(m.Run())
}

func sayActivated() int {
	all, err := socket.Activated()
	if err != nil {
		println(err.Error())
		return 1
	}
	for _, name := range []string{socket.API, socket.Admin, socket.HTTP} {
		for _, l := range all[name] {
			os.Stdout.WriteString(name + " " + l.Addr().Network() + " " + l.Addr().String() + "\n")
			l.Close()
		}
	}
	if again, err := socket.Activated(); err != nil || len(again) != 0 {
		println("they came twice")
		return 1
	}
	return 0
}

func TestActivated(t *testing.T) {
	path := filepath.Join(home(t), "moed.sock")
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	child := exec.Command(os.Args[0])
	for _, l := range []interface{ File() (*os.File, error) }{unix, tcp} {
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		child.ExtraFiles = append(child.ExtraFiles, f)
	}
	child.Env = append(os.Environ(), "MOED_TEST_ACTIVATED=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=api:http")
	child.Stderr = os.Stderr
	out, err := child.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := "api unix " + path + "\nhttp tcp " + tcp.Addr().String() + "\n"; string(out) != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	if !answers(path) {
		t.Error("the service manager's socket was removed")
	}
}

func TestActivatedByNobody(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "2")
	all, err := socket.Activated()
	if err != nil || len(all) != 0 {
		t.Errorf("took what is another process's: %v, %v", all, err)
	}
}

func listenUntilKilled(path string) int {
	if _, err := socket.Listen(path, socket.Options{}); err != nil {
		println(err.Error())
		return 1
	}
	os.Stdout.WriteString("listening\n")
	select {}
}

// TestListenAfterRealKill: the kernel lets go of the lock of a killed daemon, and
// only of that.
func TestListenAfterRealKill(t *testing.T) {
	path := filepath.Join(home(t), "moed.sock")
	for range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "MOED_TEST_LISTEN="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 9)
		if _, err := out.Read(line); err != nil {
			t.Fatal(err)
		}
		_, err = socket.Listen(path, socket.Options{})
		if want := "process " + strconv.Itoa(child.Process.Pid); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("while it listens: %v, want %s in it", err, want)
		}
		child.Process.Kill()
		child.Wait()
	}
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("the socket of the killed daemon: %v", err)
	}
	mustListen(t, path, socket.Options{}).Close()
}
