package service

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"moed/daemon"
	"moed/daemon/server"
	"moed/daemon/socket"
)

// Options are what no file of a configuration says.
type Options struct {
	Version string    // of moed, as it is shown
	Log     io.Writer // nil is standard error
	// Reread reads the configuration again, at SIGHUP; nil leaves it as it is.
	Reread func() (Config, error)
	// Listening is told the addresses that are listened on, when the sockets take
	// connections; nil is nobody.
	Listening func(addresses []string)
}

// service is a daemon that runs.
type service struct {
	options   Options
	log       *slog.Logger
	level     slog.LevelVar
	shelf     *daemon.Shelf
	server    *server.Server
	notifier  *notifier
	entrances []entrance

	within      atomic.Int64 // that requests have to end when it drains
	certificate certificate
	limiter     limiter // of the keeper
	crew        crew

	// The keeper's once the service runs.
	config Config
	tokens Tokens
	seen   os.FileInfo // the file of tokens, as it was read; nil where there was none
}

const (
	pulse = time.Second     // between looks at how things stand
	watch = 5 * time.Second // between looks at the memory that there is
)

// Run serves until ctx ends or a signal does it, and then drains. Its error says
// why it could not begin, or what it could not end in good order. A ctx that ends
// with a signal would have that count twice.
func Run(ctx context.Context, c Config, o Options) error {
	if err := c.Check(); err != nil {
		return err
	}
	if o.Log == nil {
		o.Log = os.Stderr
	}
	signals, release := catch()
	defer release()
	s := &service{options: o, config: c}
	if err := s.begin(); err != nil {
		return err
	}
	return s.run(ctx, signals)
}

// begin opens all and listens. Where it fails nothing is left open.
func (s *service) begin() (err error) {
	s.use(s.config)
	s.log = newLog(s.options.Log, s.config.LogFormat, &s.level)
	if err := harden(); err != nil {
		s.log.Warn("what is in memory may be dumped", "err", err)
	}
	if s.notifier, err = newNotifier(); err != nil {
		return err
	}
	if err := s.readTokens(); err != nil {
		return err
	}
	if err := s.enlist(); err != nil {
		return err
	}
	o, room, err := s.shelfOptions(&s.config)
	if err == nil {
		s.shelf, err = daemon.NewShelf(o)
	}
	if err != nil {
		return errors.Join(err, s.leave())
	}
	s.server = server.New(s.shelf, s.access())
	if err := s.listen(); err != nil {
		return errors.Join(err, s.shelf.Close(), s.leave())
	}
	if room > 0 {
		s.join(room)
	}
	return nil
}

// access is what the server is told of who may call.
func (s *service) access() server.Options {
	o := server.Options{Version: s.options.Version, Peer: socket.Peer, AdminUIDs: s.config.AdminUIDs, Hosts: s.config.Hosts,
		Origins: s.config.Origins, OllamaVersion: s.config.OllamaVersion, Context: s.config.Context, Log: s.log, Cluster: s.clusterStatus}
	for _, t := range s.tokens {
		o.Tokens = append(o.Tokens, server.Token{Name: t.Name, Sum: t.Sum, Admin: t.Admin})
	}
	return o
}

// run serves until it is told to end.
func (s *service) run(ctx context.Context, signals <-chan os.Signal) error {
	failed := make(chan error, len(s.entrances))
	for i := range s.entrances {
		go func() { failed <- s.entrances[i].serve() }() // ends when its server is shut down
	}
	s.announce()
	quit, reload := make(chan struct{}), make(chan struct{}, 1)
	var others sync.WaitGroup
	others.Go(func() { s.beat(quit) })
	others.Go(func() { s.keep(quit, reload) })
	err := s.await(ctx, signals, failed, reload)
	drained := s.drain(signals)
	close(quit)
	others.Wait()
	return errors.Join(err, drained, s.leave())
}

// announce says that connections are taken.
func (s *service) announce() {
	s.notifier.ready()
	var texts []string
	for _, e := range s.entrances {
		texts = append(texts, e.address.text)
	}
	s.log.Info("listening", "addresses", texts, "pid", os.Getpid(), "version", s.options.Version)
	if s.options.Listening != nil {
		s.options.Listening(texts)
	}
}

// await returns when the daemon is to end: at a signal, or because a listener
// has failed.
func (s *service) await(ctx context.Context, signals <-chan os.Signal, failed <-chan error, reload chan<- struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case sig := <-signals:
			switch {
			case wantsState(sig):
				s.dump()
			case wantsReload(sig):
				select {
				case reload <- struct{}{}:
				default: // one is waiting already
				}
			default:
				return nil
			}
		}
	}
}

// beat tells the service manager how things stand, until quit.
func (s *service) beat(quit <-chan struct{}) {
	every := pulse
	if w := s.notifier.watchdog; w > 0 {
		every = min(every, w/4) // so that a look at the wrong moment does no harm
	}
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if s.notifier.watchdog > 0 {
			s.notifier.alive(s.shelf.Steps(), s.shelf.Busy())
		}
		s.notifier.status(time.Now(), s.statusLine())
		select {
		case <-quit:
			return
		case <-tick.C:
		}
	}
}
