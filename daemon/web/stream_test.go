package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSSE(t *testing.T) {
	w := httptest.NewRecorder()
	s := NewSSE(w)
	if s.Begun() {
		t.Error("begun before anything was said")
	}
	for _, err := range []error{s.Comment("a\nb\rc"), s.Data(map[string]string{"text": "<a>\nb & c"}), s.Event("done", 7), s.Raw("[DONE]")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const want = ": a b c\n\ndata: {\"text\":\"<a>\\nb & c\"}\n\nevent: done\ndata: 7\n\ndata: [DONE]\n\n"
	if got := w.Body.String(); got != want || !s.Begun() || !w.Flushed {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if h := w.Header(); h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
}

func TestLines(t *testing.T) {
	w := httptest.NewRecorder()
	l := NewLines(w)
	for _, v := range []any{map[string]string{"a": "x\ny"}, 7} {
		if err := l.Write(v); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Body.String(); got != "{\"a\":\"x\\ny\"}\n7\n" || w.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("wrote %q as %s", got, w.Header().Get("Content-Type"))
	}
	if err := l.Write(make(chan int)); err == nil {
		t.Error("wrote a channel")
	}
}

// TestTogether: messages of several goroutines stay whole.
func TestTogether(t *testing.T) {
	w := httptest.NewRecorder()
	s := NewSSE(w)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 50 {
				if err := s.Data(strings.Repeat(fmt.Sprint(i), 40)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	lines := strings.Split(strings.TrimSuffix(w.Body.String(), "\n\n"), "\n\n")
	for _, line := range lines {
		if text := strings.TrimPrefix(line, `data: "`); len(text) != 41 || strings.Trim(text, text[:1]) != `"` {
			t.Fatalf("found %q", line)
		}
	}
	if len(lines) != 400 {
		t.Errorf("%d messages, want 400", len(lines))
	}
}

var errGone = errors.New("gone")

// gone is a client that has left.
type gone struct{ writes int }

func (g *gone) Header() http.Header { return http.Header{} }
func (g *gone) WriteHeader(int)     {}
func (g *gone) Write([]byte) (int, error) {
	g.writes++
	return 0, errGone
}

// TestGone: after a write that failed none is tried.
func TestGone(t *testing.T) {
	g := &gone{}
	s := NewSSE(g)
	for range 3 {
		if err := s.Data(1); !errors.Is(err, errGone) {
			t.Errorf("wrote to nobody: %v", err)
		}
	}
	if g.writes != 1 {
		t.Errorf("%d writes", g.writes)
	}
}

func TestKeepAlive(t *testing.T) {
	said := make(chan bool)
	stop := KeepAlive(context.Background(), time.Millisecond, func() error {
		said <- true
		return nil
	})
	<-said
	<-said
	go func() { // for a call that is under way when it stops
		for range said {
		}
	}()
	stop()
	close(said) // a call after stop would panic
	n := 0
	stop = KeepAlive(context.Background(), time.Millisecond, func() error {
		n++
		return errGone
	})
	time.Sleep(5 * time.Millisecond)
	stop()
	if n > 1 {
		t.Errorf("%d calls after an error", n)
	}
}
