package socket

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func peer(raw syscall.RawConn) (uid, gid uint32, pid int32, err error) {
	err = control(raw, func(fd int) error {
		cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err != nil {
			return err
		}
		uid, gid = cred.Uid, cred.Groups[0]
		n, err := unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		pid = int32(n)
		return err
	})
	return uid, gid, pid, err
}
