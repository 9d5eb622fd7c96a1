package flashio

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// deviceKey identifies the file system that path lies on: the numbers of its
// device, its type and its id, which ext4, btrfs and others derive from their
// UUID. A different disk under the same numbers has another id.
func deviceKey(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d-%d-%x-%08x%08x", unix.Major(st.Dev), unix.Minor(st.Dev), fs.Type,
		uint32(fs.Fsid.Val[0]), uint32(fs.Fsid.Val[1])), nil
}
