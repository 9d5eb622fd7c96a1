package socket

import (
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// Names of listeners that the service manager makes. One of any other name is
// told by its address.
const (
	API   = "api"   // a Unix socket
	Admin = "admin" // another one, for a narrower group
	HTTP  = "http"  // TCP
)

// Activated is the listeners that the service manager has passed to this process,
// by name; none where there are none. It takes them once: the variables that tell
// of them are gone after that. Sockets of theirs are removed by nobody here.
func Activated() (map[string][]net.Listener, error) {
	all := map[string][]net.Listener{}
	files := activation.Files(true)
	for _, f := range files {
		l, err := net.FileListener(f) // of a copy
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("socket %s from the service manager: %w", f.Name(), err)
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		all[f.Name()] = append(all[f.Name()], l)
	}
	return all, nil
}
