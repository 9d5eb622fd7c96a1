package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// Options of Listen. The zero value is a socket for this user alone.
type Options struct {
	// Mode is that of the socket; 0 is 0600. Connecting wants to write to it.
	Mode fs.FileMode
	// Group is the name or number of the group that the socket belongs to, and
	// its directory where that is made; "" is this process's.
	Group string
}

// System is where the daemon of a whole machine listens.
const System = "/run/moed/moed.sock"

// InUseError says that another daemon listens there.
type InUseError struct {
	Path string
	PID  int // 0 where it is not known
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another program listens on %s", e.Path)
	}
	return fmt.Sprintf("process %d listens on %s already", e.PID, e.Path)
}

// DefaultPath is where a daemon listens that nobody has told otherwise: in the
// directory that the service manager has made for it, for root where the
// machine's daemon listens, for others in their $XDG_RUNTIME_DIR.
func DefaultPath() (string, error) {
	if dir := os.Getenv("RUNTIME_DIRECTORY"); filepath.IsAbs(dir) {
		return filepath.Join(filepath.SplitList(dir)[0], "moed.sock"), nil
	}
	if os.Geteuid() == 0 {
		return System, nil
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "moed", "moed.sock"), nil
	}
	return "", errors.New("$XDG_RUNTIME_DIR is not set, so there is no place for the socket: say where with --listen unix:///path")
}

// aside is the name under which the socket for path is made. Only the holder of
// the lock of path uses it.
func aside(path string) string { return path + "~" }

// longest is the most bytes that the system takes for the path of a socket.
func longest() int {
	if runtime.GOOS == "linux" {
		return 107
	}
	return 103
}

// check reports what is wrong with path itself.
func check(path string) error {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		return fmt.Errorf("socket %q: want an absolute path", path)
	}
	if n, most := len(path), longest()-len(aside("")); n > most {
		return fmt.Errorf("socket %s: its path has %d bytes, and the system takes %d at most: choose a shorter one", path, n, most)
	}
	return nil
}

// Listen makes a socket at path, which must be absolute, in a directory that is
// this user's and not everybody's; one that is missing is made. Its listener
// removes it when closed, unless it is no longer the same. The error is an
// *InUseError where another daemon listens there.
func Listen(path string, o Options) (net.Listener, error) {
	if err := check(path); err != nil {
		return nil, err
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	l, err := listen(path, o)
	if err != nil {
		return nil, err // says which socket
	}
	return l, nil
}

// listener is a socket with its lock.
type listener struct {
	*net.UnixListener
	path string
	made os.FileInfo // of the socket, by which it is told from another one there
	lock *os.File
	end  sync.Once
	err  error
}

// Addr is where the socket is now, not where it was made.
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close removes the socket if it is still this one, and then lets go of the lock.
func (l *listener) Close() error {
	l.end.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.made) {
			l.err = os.Remove(l.path)
		}
		l.err = errors.Join(l.err, l.UnixListener.Close(), l.lock.Close())
	})
	return l.err
}
