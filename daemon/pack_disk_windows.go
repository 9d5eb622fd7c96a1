package daemon

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// freeRoom is how many bytes this user may still write in dir.
func freeRoom(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	return int64(min(free, math.MaxInt64)), err
}

// lockFile takes a byte far beyond the end of f, which nobody else needs, for
// this process until f is closed, or fails at once.
func lockFile(f *os.File) error {
	at := windows.Overlapped{OffsetHigh: math.MaxInt32}
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
}

// syncDir does nothing: directories cannot be synced here.
func syncDir(string) error { return nil }

func diskFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
