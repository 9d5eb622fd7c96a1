//go:build unix

package socket

import (
	"fmt"
	"os/user"
	"strconv"
)

// group is the number of one named so, -1 where none is.
func group(name string) (gid int, err error) {
	if name == "" {
		return -1, nil
	}
	if gid, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(gid), nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("group %q: %w", name, err)
	}
	return strconv.Atoi(g.Gid)
}
