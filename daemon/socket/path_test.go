//go:build unix

package socket_test

import (
	"os"
	"testing"

	"moed/daemon/socket"
)

func TestDefaultPath(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", "/run/one:/run/two")
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	if got, err := socket.DefaultPath(); err != nil || got != "/run/one/moed.sock" {
		t.Errorf("under a service manager: %s, %v", got, err)
	}
	t.Setenv("RUNTIME_DIRECTORY", "")
	if os.Geteuid() == 0 {
		if got, err := socket.DefaultPath(); err != nil || got != socket.System {
			t.Errorf("as root: %s, %v", got, err)
		}
		return
	}
	if got, err := socket.DefaultPath(); err != nil || got != "/run/user/7/moed/moed.sock" {
		t.Errorf("as a user: %s, %v", got, err)
	}
	t.Setenv("XDG_RUNTIME_DIR", "")
	if got, err := socket.DefaultPath(); err == nil {
		t.Errorf("without a place for it: %s", got)
	}
}
