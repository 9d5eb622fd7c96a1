//go:build unix

package service

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestJournal(t *testing.T) {
	var out bytes.Buffer
	log := newLog(&out, formatJournal, slog.LevelInfo)
	log.Debug("not this")
	log.Info("request", "id", "r1", "ms", 1.5)
	log.With("a", 1).WithGroup("g").Warn("two\nlines", "time", "kept", "err", "x\ny")
	log.Error("bare")
	want := "<6>request id=r1 ms=1.5\n<4>two lines a=1 g.time=kept g.err=\"x\\ny\"\n<3>bare\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestLogSuits(t *testing.T) {
	if got := suits(&bytes.Buffer{}); got != formatJSON {
		t.Errorf("no file: %s", got)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := suits(f); got != formatJSON {
		t.Errorf("a file: %s", got)
	}
	if runtime.GOOS != "linux" {
		return
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s := info.Sys().(*syscall.Stat_t)
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", s.Dev, s.Ino))
	if got := suits(f); got != formatJournal {
		t.Errorf("the journal's stream: %s", got)
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", s.Dev, s.Ino+1))
	if got := suits(f); got != formatJSON {
		t.Errorf("another than the journal's stream: %s", got)
	}
}

func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{formatJSON: `"msg":"request"`, formatText: "msg=request", "": `"msg":"request"`} {
		var out bytes.Buffer
		newLog(&out, format, slog.LevelInfo).Info("request")
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q: %s", format, out.String())
		}
	}
}
