package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

const (
	// lastWords is what streams have to say that they end, once they must.
	lastWords = 2 * time.Second
	// abruptly is what there is for that after a second signal.
	abruptly = 250 * time.Millisecond
	// closing is what there is beyond the deadline, for ending what is open.
	closing = 5 * time.Second
)

// drain takes no more connections and lets requests under way end, until the
// deadline or another signal. Then it ends them.
func (s *service) drain(signals <-chan os.Signal) error {
	within := time.Duration(s.within.Load())
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	s.notifier.stopping(within + closing)
	s.log.Info("draining", "requests", len(s.shelf.Requests()), "within", within.String())
	over := make(chan struct{})
	defer close(over)
	go s.hurry(signals, cancel, over) // ends with over

	err := s.finish(ctx)
	if err == nil {
		s.log.Info("stopped")
		return nil
	}
	left := lastWords
	if errors.Is(ctx.Err(), context.Canceled) {
		left = abruptly
	}
	s.log.Warn("requests are cut short", "requests", len(s.shelf.Requests()))
	return s.cut(left)
}

// hurry ends ctx at another signal to stop, and asks the service manager for
// time meanwhile.
func (s *service) hurry(signals <-chan os.Signal, now func(), over <-chan struct{}) {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			s.notifier.send(extension(closing))
		case sig := <-signals:
			switch {
			case wantsState(sig):
				s.dump()
			case !wantsReload(sig):
				now()
			}
		}
	}
}

// finish ends all in good order, or says that ctx did not last.
func (s *service) finish(ctx context.Context) error {
	var each sync.WaitGroup
	errs := make([]error, len(s.entrances)+1)
	for i, e := range s.entrances {
		each.Go(func() { errs[i] = e.http.Shutdown(ctx) })
	}
	each.Go(func() { errs[len(errs)-1] = s.shelf.Drain(ctx) })
	each.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(append(errs, s.shelf.Close())...)
}

// cut ends what is under way: the models first, so that streams can say so, and
// then the connections.
func (s *service) cut(left time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.shelf.Close() }() // outlives this only where the process is about to end
	for _, e := range s.entrances {
		_ = e.http.Shutdown(ctx) // what it does not end, Close does
		_ = e.http.Close()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(left):
		return fmt.Errorf("models are still being closed after %v", 2*left)
	}
}
