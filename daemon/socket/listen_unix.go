//go:build unix

package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func listen(path string, o Options) (*listener, error) {
	gid, err := group(o.Group)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	if err := directory(filepath.Dir(path), o, gid); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	lock, err := acquire(path)
	if err != nil {
		return nil, err
	}
	l, err := replace(path, o, gid)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	l.lock = lock
	return l, nil
}

// directory makes the one for the socket, or sees that nobody else can put
// another socket there.
func directory(dir string, o Options, gid int) error {
	mode := fs.FileMode(0o700)
	if o.Mode&0o070 != 0 {
		mode = 0o750
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	switch err := os.Mkdir(dir, 0o700); {
	case errors.Is(err, fs.ErrExist):
	case err != nil:
		return err
	default:
		if err := chown(dir, gid); err != nil {
			return err
		}
		if err := os.Chmod(dir, mode); err != nil {
			return err
		}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case info.Mode()&0o002 != 0:
		return fmt.Errorf("anybody may write to %s, and so replace the socket: choose a directory of your own", dir)
	case int(owner) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, not to %d, who runs this: choose a directory of your own", dir, owner, os.Geteuid())
	}
	return nil
}

// chown gives path to that group. Where it is so already nothing is called: in a
// sandbox that may be forbidden.
func chown(path string, gid int) error {
	info, err := os.Lstat(path)
	if err != nil || gid < 0 || int(info.Sys().(*syscall.Stat_t).Gid) == gid {
		return err
	}
	return os.Lchown(path, -1, gid)
}

// acquire holds the lock for path, or says who does.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = retry(func() error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		pid := holder(f)
		f.Close()
		return nil, &InUseError{Path: path, PID: pid}
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s.lock: %w", path, err)
	}
	return f, nil
}

// holder is who has written the lock; 0 where it has not done so yet.
func holder(f *os.File) (pid int) {
	for range 20 { // between its flock and its write there is next to nothing
		if _, err := f.Seek(0, 0); err != nil {
			return 0
		}
		if _, err := fmt.Fscanf(f, "%d\n", &pid); err == nil {
			return pid
		}
		time.Sleep(time.Millisecond)
	}
	return 0
}

func retry(call func() error) (err error) {
	for err = call(); errors.Is(err, unix.EINTR); {
		err = call()
	}
	return err
}

// replace makes the socket in the place of one that nobody answers on. The caller
// holds the lock.
func replace(path string, o Options, gid int) (*listener, error) {
	if err := stale(path); err != nil {
		return nil, err
	}
	if err := os.Remove(aside(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("what a killed daemon has left: %w", err)
	}
	l, err := bind(aside(path))
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	made, err := place(path, o, gid)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("socket %s: %w", path, err), l.Close(), os.Remove(aside(path)))
	}
	return &listener{UnixListener: l, path: path, made: made}, nil
}

// place gives the socket its permissions and then its name.
func place(path string, o Options, gid int) (os.FileInfo, error) {
	if err := chown(aside(path), gid); err != nil { // first: the mode is for this group
		return nil, err
	}
	if err := os.Chmod(aside(path), o.Mode.Perm()); err != nil {
		return nil, err
	}
	made, err := os.Lstat(aside(path))
	if err != nil {
		return nil, err
	}
	return made, os.Rename(aside(path), path)
}

// stale is nil where there is nothing, or a socket that nobody answers on.
func stale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("socket %s: there is something else of that name: remove it, or choose another path", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		pid := 0
		if _, _, other, err := Peer(c); err == nil {
			pid = int(other)
		}
		c.Close()
		return &InUseError{Path: path, PID: pid}
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, os.ErrDeadlineExceeded): // its queue is full
		return &InUseError{Path: path}
	}
	return fmt.Errorf("socket %s: whether another daemon listens there: %w", path, err)
}

// binding keeps one Listen from widening the umask of another.
var binding sync.Mutex

// bind listens on a socket that nobody but this user may connect to.
func bind(path string) (*net.UnixListener, error) {
	binding.Lock()
	defer binding.Unlock()
	before := unix.Umask(0o177)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(before)
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // it is renamed
	return l, nil
}
