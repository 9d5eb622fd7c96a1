package service

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
)

// Formats of the log.
const (
	formatText    = "text"    // for people
	formatJSON    = "json"    // for programs
	formatJournal = "journal" // for journald, which has the time and reads the priority from the front of a line
)

// level reads debug, info, warn or error; "" is info.
func level(text string) (l slog.Level, err error) {
	switch text {
	case "":
		return slog.LevelInfo, nil
	case "debug", "info", "warn", "error":
		return l, l.UnmarshalText([]byte(text))
	}
	return l, fmt.Errorf("log level %q: want debug, info, warn or error", text)
}

// newLog writes to w in that format; "" is journal where w goes there, text for
// a terminal, and JSON otherwise.
func newLog(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	if format == "" {
		format = suits(w)
	}
	o := &slog.HandlerOptions{Level: level}
	switch format {
	case formatJournal:
		return slog.New(newJournal(w, level))
	case formatText:
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

func suits(w io.Writer) string {
	f, ok := w.(*os.File)
	if !ok {
		return formatJSON
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return formatJSON
	case isJournal(info, os.Getenv("JOURNAL_STREAM")):
		return formatJournal
	case info.Mode()&os.ModeCharDevice != 0:
		return formatText
	}
	return formatJSON
}

// journal writes a line as journald takes it from standard error: <priority>,
// what happened, and the details, without time and colour.
type journal struct {
	out   *journalOut
	inner slog.Handler // writes details to out.line
}

// journalOut is what all handlers of one log share.
type journalOut struct {
	mu   sync.Mutex
	w    io.Writer
	line bytes.Buffer
}

func newJournal(w io.Writer, level slog.Leveler) *journal {
	out := &journalOut{w: w}
	return &journal{out, slog.NewTextHandler(&out.line, &slog.HandlerOptions{Level: level, ReplaceAttr: details})}
}

// details leaves out what journald knows or the front of the line says.
func details(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

func (j *journal) Enabled(ctx context.Context, l slog.Level) bool { return j.inner.Enabled(ctx, l) }

func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	j.out.mu.Lock()
	defer j.out.mu.Unlock()
	j.out.line.Reset()
	fmt.Fprintf(&j.out.line, "<%d>%s ", priority(r.Level), strings.ReplaceAll(r.Message, "\n", " "))
	if err := j.inner.Handle(ctx, r); err != nil {
		return err
	}
	_, err := j.out.w.Write(append(bytes.TrimSpace(j.out.line.Bytes()), '\n'))
	return err
}

func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.out, j.inner.WithAttrs(attrs)}
}

func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.out, j.inner.WithGroup(name)}
}

// priority is that of syslog.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
