package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// SystemSocket is where the daemon of a whole machine listens.
const SystemSocket = "/run/moed/moed.sock"

// address is where a daemon may be.
type address struct {
	network, dial string // as net.Dial takes them
	base          string // of URLs
	text          string // as it was said
}

// parse reads unix:///path, /path, tcp://host:port, http://host:port or
// https://host[:port].
func parse(text string) (address, error) {
	if filepath.IsAbs(text) || strings.HasPrefix(text, "/") {
		return address{network: "unix", dial: text, base: "http://moed", text: text}, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return address{}, fmt.Errorf("address %q: want unix:///path or tcp://host:port", text)
	}
	switch u.Scheme {
	case "unix":
		path := u.Path
		if u.Host != "" || path == "" {
			return address{}, fmt.Errorf("address %q: want three slashes and a path, as in unix:///run/moed/moed.sock", text)
		}
		return address{network: "unix", dial: path, base: "http://moed", text: text}, nil
	case "tcp", "http", "https":
		if u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			break
		}
		scheme, port := "http", u.Port()
		if u.Scheme == "https" {
			scheme = "https"
		}
		switch {
		case port == "" && u.Scheme == "tcp":
			return address{}, fmt.Errorf("address %q has no port", text)
		case port == "" && scheme == "https":
			port = "443"
		case port == "":
			port = "80"
		}
		at := net.JoinHostPort(u.Hostname(), port)
		return address{network: "tcp", dial: at, base: scheme + "://" + at, text: text}, nil
	}
	return address{}, fmt.Errorf("address %q: want unix:///path or tcp://host:port", text)
}

// Resolve is the addresses that the daemon is looked for at, in order: that of
// the Client, else $MOED_HOST, else the socket of the user,
// $XDG_RUNTIME_DIR/moed/moed.sock, and that of the system. It tries none.
func (c *Client) Resolve() ([]string, error) {
	found, err := c.addresses()
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(found))
	for i, a := range found {
		texts[i] = a.text
	}
	return texts, nil
}

func (c *Client) addresses() ([]address, error) {
	if c.Address != "" {
		a, err := parse(c.Address)
		return []address{a}, err
	}
	if host := os.Getenv("MOED_HOST"); host != "" {
		a, err := parse(host)
		if err != nil {
			return nil, fmt.Errorf("$MOED_HOST: %w", err)
		}
		return []address{a}, nil
	}
	var found []address
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		path := filepath.Join(dir, "moed", "moed.sock")
		found = append(found, address{network: "unix", dial: path, base: "http://moed", text: path})
	}
	return append(found, address{network: "unix", dial: SystemSocket, base: "http://moed", text: SystemSocket}), nil
}

// plainly is why an address does not answer, without what the reader knows.
func plainly(err error) string {
	var op *net.OpError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "not there"
	case errors.Is(err, fs.ErrPermission):
		return "not allowed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens"
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}

// fix says what to do about it.
func (e *UnreachableError) fix() string {
	for i, err := range e.Errs {
		if errors.Is(err, fs.ErrPermission) && e.Tried[i] == SystemSocket {
			return "to be let in: sudo usermod -aG moed $USER, then log in again; or start your own: moed serve"
		}
	}
	return "start one: moed serve, or systemctl --user start moed"
}
