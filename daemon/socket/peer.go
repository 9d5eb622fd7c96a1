package socket

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// errNoPeer says that a connection is not one through a Unix socket.
var errNoPeer = errors.New("it is not through a Unix socket")

// Peer is who connected, as the kernel noted it at that moment; pid is 0 where
// the system does not say. It fails where the connection is of another kind or
// the system says nothing at all.
func Peer(c net.Conn) (uid, gid uint32, pid int32, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, 0, 0, fmt.Errorf("peer of a connection: %w", errNoPeer)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, 0, 0, fmt.Errorf("peer of a connection: %w", err)
	}
	uid, gid, pid, err = peer(raw)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("peer of a connection: %w", err)
	}
	return uid, gid, pid, nil
}

// control runs ask on the file of a connection.
func control(raw syscall.RawConn, ask func(fd int) error) error {
	var asked error
	if err := raw.Control(func(fd uintptr) { asked = ask(int(fd)) }); err != nil {
		return err
	}
	return asked
}
