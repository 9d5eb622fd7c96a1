//go:build linux || darwin

package flashio

import "golang.org/x/sys/unix"

// freeSpace returns how many bytes may still be written in dir.
func freeSpace(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil
}
