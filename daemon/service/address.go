package service

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
)

// address is where to listen.
type address struct {
	unix string         // path of a socket, or ""
	tcp  netip.AddrPort // where unix is ""
	text string
}

// parseAddress reads unix:///path, /path or tcp://address:port. A name other than
// localhost is refused: what it stands for may change.
func parseAddress(text string) (a address, err error) {
	a.text = text
	if filepath.IsAbs(text) {
		a.unix = filepath.Clean(text)
		return a, nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return a, fmt.Errorf("address %q: want unix:///path or tcp://127.0.0.1:11435", text)
	}
	switch {
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
	case u.Scheme == "unix" && u.Host == "" && len(u.Path) > 1:
		a.unix = filepath.Clean(u.Path)
		return a, nil
	case u.Scheme == "unix":
		return a, fmt.Errorf("address %q: want three slashes and a path, as in unix:///run/moed/moed.sock", text)
	case u.Scheme == "tcp" && u.Path == "":
		return parseTCP(u, a)
	}
	return a, fmt.Errorf("address %q: want unix:///path or tcp://127.0.0.1:11435", text)
}

func parseTCP(u *url.URL, a address) (address, error) {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return a, fmt.Errorf("address %q: want a port, as in tcp://127.0.0.1:11435", a.text)
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return a, fmt.Errorf("address %q: want an address in numbers, as in tcp://127.0.0.1:11435", a.text)
	}
	a.tcp = netip.AddrPortFrom(ip, uint16(port))
	return a, nil
}

// may reports why c does not let it listen there. On loopback a token is enough;
// beyond that what is said must not be read on its way.
func (c *Config) may(a address) error {
	switch {
	case a.unix != "" || a.tcp.Addr().Unmap().IsLoopback():
		return nil
	case !c.AllowRemote:
		return fmt.Errorf("address %s: other machines could reach it: listen on tcp://127.0.0.1:%d, or allow it with allow_remote", a.text, a.tcp.Port())
	case c.TLSCert == "" || c.TLSKey == "":
		return fmt.Errorf("address %s: other machines could reach it, so TLS is wanted: set tls_cert and tls_key", a.text)
	}
	return nil
}

// addressOf is that of a listener from the service manager.
func addressOf(l net.Listener) (a address, err error) {
	switch at := l.Addr().(type) {
	case *net.UnixAddr:
		return address{unix: at.Name, text: "unix://" + at.Name}, nil
	case *net.TCPAddr:
		return address{tcp: at.AddrPort(), text: "tcp://" + at.String()}, nil
	}
	return a, fmt.Errorf("listener %s from the service manager is neither a Unix socket nor TCP", l.Addr())
}
