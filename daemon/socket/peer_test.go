//go:build linux || darwin

package socket_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"moed/daemon/socket"
)

func TestPeer(t *testing.T) {
	path := filepath.Join(home(t), "moed.sock")
	l := mustListen(t, path, socket.Options{})
	defer l.Close()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	uid, gid, pid, err := socket.Peer(c)
	if err != nil {
		t.Fatal(err)
	}
	if int(uid) != os.Getuid() || int(gid) != os.Getgid() || int(pid) != os.Getpid() {
		t.Errorf("user %d, group %d, process %d", uid, gid, pid)
	}
}

func TestPeerOfOthers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := socket.Peer(c); err == nil {
		t.Error("a TCP connection has a peer")
	}
	c.Close()
	unix, other := net.Pipe()
	defer other.Close()
	if _, _, _, err := socket.Peer(unix); err == nil {
		t.Error("a pipe has a peer")
	}
}
