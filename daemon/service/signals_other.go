//go:build !unix

package service

import (
	"os"
	"os/signal"
	"syscall"
)

// catch passes signals on until release is called.
func catch() (signals chan os.Signal, release func()) {
	signals = make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals, func() { signal.Stop(signals) }
}

// Those that ask for more do not exist here.
func wantsReload(os.Signal) bool { return false }
func wantsState(os.Signal) bool  { return false }
