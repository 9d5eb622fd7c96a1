package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func peer(raw syscall.RawConn) (uid, gid uint32, pid int32, err error) {
	err = control(raw, func(fd int) error {
		cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil {
			uid, gid, pid = cred.Uid, cred.Gid, cred.Pid
		}
		return err
	})
	return uid, gid, pid, err
}
