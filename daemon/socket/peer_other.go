//go:build !linux && !darwin

package socket

import (
	"errors"
	"syscall"
)

func peer(raw syscall.RawConn) (uid, gid uint32, pid int32, err error) {
	return 0, 0, 0, control(raw, func(int) error { return errors.ErrUnsupported })
}
