package service

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// keep watches the memory and the file of tokens, and reads the configuration
// again where that is asked for, until quit. It is the only one that changes
// s.config and what follows it.
func (s *service) keep(quit, reload <-chan struct{}) {
	tick := time.NewTicker(watch)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-reload:
			s.reload()
			s.limit()
		case <-tick.C:
			s.limit()
			s.refresh()
		}
	}
}

// reload takes the configuration into use as it is now. Where that is wrong all
// stays as it was.
func (s *service) reload() {
	s.notifier.reloading()
	defer s.notifier.ready() // also where it stays as it was: the daemon runs
	err := s.reread()
	if err != nil {
		s.log.Error("the configuration stays as it was", "err", err)
		return
	}
	s.log.Info("configuration reloaded")
}

func (s *service) reread() error {
	c := s.config
	if s.options.Reread != nil {
		var err error
		if c, err = s.options.Reread(); err != nil {
			return err
		}
	}
	if err := c.Check(); err != nil {
		return err
	}
	o, _, err := s.shelfOptions(&c)
	if err != nil {
		return err
	}
	if s.crew.lead != nil {
		if err := s.crew.lead.Reload(c.Plans); err != nil {
			return err
		}
	}
	if err := s.shelf.Reload(o); err != nil {
		return err
	}
	before := s.config
	s.use(c)
	if c.LogFormat != before.LogFormat || !slices.Equal(c.Listen, before.Listen) || c.nodeOptions() != before.nodeOptions() || c.Room != before.Room {
		s.log.Warn("what has changed of listen, log_format and the cluster takes a restart")
	}
	errs := s.readTokens()
	s.server.Reload(s.access())
	if s.certificate.now.Load() != nil {
		errs = errors.Join(errs, s.certificate.load(&c))
	}
	return errs
}

// use takes what c says of the daemon itself into use; Check has seen c.
func (s *service) use(c Config) {
	s.config = c
	l, _ := level(c.LogLevel)
	s.level.Set(l)
	d, _ := c.drain()
	s.within.Store(int64(d))
}

// readTokens reads the file of tokens. Where it cannot be read those known stay.
func (s *service) readTokens() error {
	if s.config.TokensFile == "" {
		s.tokens, s.seen = nil, nil
		return nil
	}
	seen, err := os.Stat(s.config.TokensFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tokens, err := ReadTokens(s.config.TokensFile)
	if err != nil {
		return err
	}
	s.tokens, s.seen = tokens, seen
	return nil
}

// refresh reads the file of tokens again where it has changed, so that one that is
// revoked lets nobody in for longer than moments.
func (s *service) refresh() {
	if s.config.TokensFile == "" {
		return
	}
	now, err := os.Stat(s.config.TokensFile)
	switch {
	case err != nil && s.seen == nil:
		return
	case err == nil && s.seen != nil && os.SameFile(now, s.seen) && now.ModTime().Equal(s.seen.ModTime()) && now.Size() == s.seen.Size():
		return
	}
	if err := s.readTokens(); err != nil {
		s.log.Error("the tokens stay as they were", "err", err)
		s.seen = now // once is enough
		return
	}
	s.server.Reload(s.access())
	s.log.Info("tokens reloaded", "tokens", len(s.tokens))
}
