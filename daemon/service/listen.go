package service

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/user"
	"sync/atomic"

	"moed/daemon/server"
	"moed/daemon/socket"
)

// entrance is one listener and what serves it.
type entrance struct {
	listener net.Listener
	address  address
	http     *http.Server
}

// serve takes connections until the server is shut down.
func (e *entrance) serve() error {
	var err error
	if e.http.TLSConfig != nil {
		err = e.http.ServeTLS(e.listener, "", "")
	} else {
		err = e.http.Serve(e.listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("listen on %s: %w", e.address.text, err)
}

// listen opens what the configuration asks for and takes over what the service
// manager has opened. Without either it is the default socket.
func (s *service) listen() (err error) {
	defer func() {
		if err != nil {
			for _, e := range s.entrances {
				err = errors.Join(err, e.listener.Close())
			}
		}
	}()
	passed, err := socket.Activated()
	if err != nil {
		return err
	}
	unix := false
	for _, all := range passed {
		for _, l := range all {
			a, err := addressOf(l)
			if err == nil {
				err = s.enter(l, a)
			}
			if err != nil {
				return errors.Join(err, l.Close())
			}
			unix = unix || a.unix != ""
		}
	}
	texts := s.config.Listen
	if len(texts) == 0 && !unix {
		path, err := socket.DefaultPath()
		if err != nil {
			return err
		}
		texts = List{"unix://" + path}
	}
	for _, text := range texts {
		if err := s.open(text); err != nil {
			return err
		}
	}
	return nil
}

// open listens on one address.
func (s *service) open(text string) error {
	a, err := parseAddress(text)
	if err != nil {
		return err
	}
	var l net.Listener
	if a.unix != "" {
		l, err = socket.Listen(a.unix, access(a.unix))
	} else if err = s.mayServe(a); err == nil {
		l, err = net.Listen("tcp", a.tcp.String())
	}
	if err != nil {
		return err
	}
	if a.unix == "" { // the port may have been chosen just now
		a.text = "tcp://" + l.Addr().String()
	}
	if err := s.enter(l, a); err != nil {
		return errors.Join(err, l.Close())
	}
	return nil
}

// access is who may connect to a socket: this user, and to the machine's also the
// group moed where there is one.
func access(path string) socket.Options {
	if path == socket.System {
		if g, err := user.LookupGroup("moed"); err == nil {
			return socket.Options{Mode: 0o660, Group: g.Gid}
		}
	}
	return socket.Options{}
}

// mayServe reports why nobody could call over TCP, or others could.
func (s *service) mayServe(a address) error {
	if err := s.config.may(a); err != nil {
		return err
	}
	if len(s.tokens) == 0 {
		return fmt.Errorf("address %s: nobody could call without a token: make one with moed token create NAME", a.text)
	}
	return nil
}

// enter has a listener served.
func (s *service) enter(l net.Listener, a address) error {
	kind := server.Unix
	if a.unix == "" {
		if err := s.mayServe(a); err != nil {
			return err
		}
		kind = server.TCP
	}
	h := s.server.HTTP(kind)
	if kind == server.TCP && s.config.TLSCert != "" {
		if err := s.certificate.load(&s.config); err != nil {
			return err
		}
		h.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificate.get}
	}
	s.entrances = append(s.entrances, entrance{listener: l, address: a, http: h})
	return nil
}

// certificate is that of TLS, which may be renewed while it is in use.
type certificate struct {
	now atomic.Pointer[tls.Certificate]
}

func (c *certificate) load(from *Config) error {
	pair, err := tls.LoadX509KeyPair(from.TLSCert, from.TLSKey)
	if err != nil {
		return fmt.Errorf("TLS: %w", err)
	}
	c.now.Store(&pair)
	return nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil }
