//go:build unix

package service

import (
	"os"
	"os/signal"
	"syscall"
)

// catch passes signals on until release is called. SIGPIPE is of no interest: a
// log that nobody reads any more must not end the daemon.
func catch() (signals chan os.Signal, release func()) {
	signals = make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1)
	signal.Ignore(syscall.SIGPIPE)
	return signals, func() {
		signal.Stop(signals)
		signal.Reset(syscall.SIGPIPE)
	}
}

func wantsReload(s os.Signal) bool { return s == syscall.SIGHUP }
func wantsState(s os.Signal) bool  { return s == syscall.SIGUSR1 }
