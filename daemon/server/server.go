package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"moed/daemon"
	"moed/daemon/anthropic"
	"moed/daemon/api"
	"moed/daemon/llamacpp"
	"moed/daemon/ollama"
	"moed/daemon/openai"
	"moed/daemon/ui"
)

// Kind is that of a listener.
type Kind int

const (
	Unix Kind = iota // callers are who the kernel says
	TCP              // callers are who their tokens say
)

// Options of a Server.
type Options struct {
	Version string // of moed, as it is shown

	// Peer says who is at the other end of a connection to a Unix socket. Where
	// it is nil or fails, requests over such connections are refused.
	Peer func(net.Conn) (uid, gid uint32, pid int32, err error)
	// AdminUIDs may load, unload, resize and cancel others, as may root and the
	// user that the process runs as.
	AdminUIDs []uint32

	Tokens  []Token  // without one, nobody may call over TCP
	Hosts   []string // that TCP requests may name besides localhost, 127.0.0.1 and [::1]
	Origins []string // that browsers may send, such as app://obsidian.md
	Limits  Limits

	OllamaVersion string // that Ollama's clients are told; "" is ollama.DefaultVersion
	Context       int    // tokens a request may have, as daemon.Config has it

	// Cluster says how this host stands in one; nil, or what it returns, is none.
	Cluster func() *api.Cluster

	Log *slog.Logger // one line for each request; nil is none
}

// Limits on what is under way at once; 0 is the default.
type Limits struct {
	Requests    int // in all, 512
	PerCaller   int // 128
	Connections int // of each listener, 1024
}

func (l Limits) filled() Limits {
	fill := func(v *int, otherwise int) {
		if *v <= 0 {
			*v = otherwise
		}
	}
	fill(&l.Requests, 512)
	fill(&l.PerCaller, 128)
	fill(&l.Connections, 1024)
	return l
}

// Server answers requests from the models of a Shelf.
type Server struct {
	shelf *daemon.Shelf
	o     Options // what of it does not change
	began time.Time
	log   *slog.Logger

	policy   atomic.Pointer[policy]
	underway underway
	served   served
	rates    rates
	metrics  http.Handler

	ending chan struct{} // closed where streams without an end are to end
	end    sync.Once
}

// New is a Server of those models. It starts nothing.
func New(shelf *daemon.Shelf, o Options) *Server {
	s := &Server{shelf: shelf, o: o, began: time.Now(), log: o.Log, ending: make(chan struct{})}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.Reload(o)
	s.metrics = s.newMetrics()
	return s
}

// Reload takes other administrators, tokens, hosts, origins and limits into
// use, for the next request on.
func (s *Server) Reload(o Options) { s.policy.Store(newPolicy(o)) }

// Handler answers what comes through a listener of that kind.
func (s *Server) Handler(kind Kind) http.Handler {
	mux := http.NewServeMux()
	s.native(mux)
	m := models{s.shelf}
	openai.Handle(mux, m, openai.Options{})
	ollama.Handle(mux, m, ollama.Options{Version: s.o.OllamaVersion, Context: s.o.Context})
	llamacpp.Handle(mux, m, llamacpp.Options{Build: strings.TrimSpace("moed " + s.o.Version), Context: s.o.Context})
	anthropic.Handle(mux, m, anthropic.Options{})
	if kind == TCP {
		ui.Handle(mux)
	}
	return s.record(kind, s.guard(kind, route(mux)))
}

// HTTP is what serves a listener of that kind: call Serve, or ServeTLS, and in
// the end Shutdown, which ends streams of events first. It sets no bound on the
// time of a whole request, since answers take theirs; the handler bounds each
// read and each write.
func (s *Server) HTTP(kind Kind) *http.Server {
	h := &http.Server{
		Handler:           s.Handler(kind),
		ConnContext:       s.ConnContext,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnState:         s.connections(),
	}
	h.RegisterOnShutdown(s.endStreams)
	return h
}

func (s *Server) endStreams() { s.end.Do(func() { close(s.ending) }) }

// connections closes those beyond the limit of their listener at once.
func (s *Server) connections() func(net.Conn, http.ConnState) {
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	return func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		switch state {
		case http.StateNew:
			if len(open) >= s.policy.Load().limits.Connections {
				c.Close()
				return
			}
			open[c] = true
		case http.StateClosed, http.StateHijacked:
			delete(open, c)
		}
	}
}

// ConnContext notes who is at the other end of a connection, for its requests.
// It is an http.Server's ConnContext.
func (s *Server) ConnContext(ctx context.Context, c net.Conn) context.Context {
	if _, unix := c.LocalAddr().(*net.UnixAddr); !unix || s.o.Peer == nil {
		return ctx
	}
	uid, _, pid, err := s.o.Peer(c)
	if err != nil {
		s.log.Warn("who calls is not known", "err", err)
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, peer{uid: uid, pid: pid})
}

type peerKey struct{}

type peer struct {
	uid uint32
	pid int32
}
