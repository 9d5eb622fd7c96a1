package cluster

import (
	"fmt"
	"log/slog"
)

// serverLog passes what the embedded server says to ours. Its notices are
// about itself, not for users.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(f string, v ...any) {
	l.log.Debug("cluster server: " + fmt.Sprintf(f, v...))
}
func (l serverLog) Debugf(f string, v ...any) { l.log.Debug("cluster server: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Tracef(string, ...any)     {} // holds payloads
func (l serverLog) Warnf(f string, v ...any)  { l.log.Warn("cluster server: " + fmt.Sprintf(f, v...)) }
func (l serverLog) Errorf(f string, v ...any) { l.log.Error("cluster server: " + fmt.Sprintf(f, v...)) }

// Fatalf does not end the process: Open reports that the server is not ready.
func (l serverLog) Fatalf(f string, v ...any) { l.log.Error("cluster server: " + fmt.Sprintf(f, v...)) }
