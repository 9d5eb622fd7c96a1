package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// The rules of the terminal, for every command:
//
//   - Standard output has the answer and nothing else: the text as it is made,
//     or the one JSON value that was asked for. It ends with a newline.
//   - Everything else goes to standard error, each line beginning "moed: ", in
//     lower case, without a full stop. A hint is a line of its own.
//   - A model's thinking goes to standard error too, as it is and without
//     "moed: ", on lines of its own; --hide-reasoning leaves it out.
//   - What takes longer than a second says so. On a terminal such a line is
//     rewritten in place and wiped when done; elsewhere it is written at its
//     start and then every ten seconds.
//   - No colours but in top. The terminal is read for the prompt on standard
//     input, by chat, and to ask whether a tool may be called.

// Streams are the standard streams of a command. In may be nil.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// ui writes by the rules above. It is safe for concurrent use.
type ui struct {
	std      Streams
	terminal bool // standard error is one, or at least a device

	mu    sync.Mutex
	shown int    // width of the status line that stands on the terminal
	in    *lines // of standard input, once it is read line by line
}

func newUI(std Streams) *ui { return &ui{std: std, terminal: isDevice(std.Err)} }

// isDevice reports whether stream is a character device: a terminal, or
// something like /dev/null that does not mind.
func isDevice(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// isTerminal reports whether somebody can be asked there.
func isTerminal(f *os.File) bool {
	if !isDevice(f) {
		return false
	}
	info, err := f.Stat()
	null, nullErr := os.Stat(os.DevNull)
	return err == nil && nullErr == nil && !os.SameFile(info, null)
}

// sayf writes a line to standard error. Nothing can be done where that fails.
func (u *ui) sayf(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wipe()
	fmt.Fprintf(u.std.Err, "moed: "+format+"\n", args...)
}

// raw writes text to standard error as it is.
func (u *ui) raw(text string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wipe()
	_, err := io.WriteString(u.std.Err, text)
	return err
}

// status shows a line that another one, or done, replaces.
func (u *ui) status(line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.terminal {
		fmt.Fprintf(u.std.Err, "moed: %s\n", line)
		return
	}
	u.wipe()
	u.shown, _ = fmt.Fprintf(u.std.Err, "moed: %s", line)
}

// wipe clears the status line. The caller holds mu.
func (u *ui) wipe() {
	if u.shown > 0 {
		fmt.Fprintf(u.std.Err, "\r%*s\r", u.shown, "")
		u.shown = 0
	}
}

const (
	patience     = time.Second            // before a status line appears
	terminalPace = 250 * time.Millisecond // between changes of it
	logPace      = 10 * time.Second       // between lines where there is no terminal
)

// whileWaiting shows what line returns from the moment that patience is over
// until done is called, which waits for the goroutine and wipes the line. done
// may be called again. line is called on that goroutine.
func (u *ui) whileWaiting(line func() string) (done func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() { // ends at done
		defer close(ended)
		pace := logPace
		if u.terminal {
			pace = terminalPace
		}
		for next := patience; ; next = pace {
			select {
			case <-quit:
				return
			case <-time.After(next):
				u.status(line())
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(quit)
		<-ended
		u.mu.Lock()
		defer u.mu.Unlock()
		u.wipe()
	})
}

// bytesText gives n bytes in the unit that suits, in powers of 1000.
func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

// countText gives n with three digits or so.
func countText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f billion", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f million", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}
