package service

import (
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifier tells the service manager how things stand; where there is none it
// tells nobody. It is used by one goroutine at a time, but for its send.
type notifier struct {
	watchdog time.Duration // between signs of life that are wanted; 0 is none
	said     string        // the last status
	at       time.Time
	steps    uint64 // of the shelf, when last looked at
}

// newNotifier reads what the service manager has left in the environment.
func newNotifier() (*notifier, error) {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("watchdog of the service manager: %w", err)
	}
	return &notifier{watchdog: d}, nil
}

// send passes lines of NAME=VALUE on. A service manager that does not listen is
// no reason to end.
func (n *notifier) send(lines ...string) {
	_, _ = daemon.SdNotify(false, strings.Join(lines, "\n"))
}

// status says how things stand, where that has changed, and once a second at
// most.
func (n *notifier) status(now time.Time, text string) {
	if text == n.said || now.Sub(n.at) < time.Second-pulse/4 {
		return
	}
	n.said, n.at = text, now
	n.send("STATUS=" + text)
}

// alive is a sign of life, unless something should be done and nothing is.
func (n *notifier) alive(steps uint64, busy bool) {
	if moved := steps != n.steps; moved || !busy {
		n.send(daemon.SdNotifyWatchdog)
	}
	n.steps = steps
}

// reloading says that the configuration is being read; ready ends that.
func (n *notifier) reloading() {
	n.send(daemon.SdNotifyReloading, strings.TrimSpace(daemon.SdNotifyMonotonicUsec()))
}

func (n *notifier) ready() { n.send(daemon.SdNotifyReady) }

// stopping says that the end has begun, for so long at most.
func (n *notifier) stopping(within time.Duration) {
	n.send(daemon.SdNotifyStopping, "STATUS=draining", extension(within))
}

// extension asks for more time.
func extension(d time.Duration) string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds())
}
