package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"moed/daemon"
)

// record is what is noted of one request, on its goroutine.
type record struct {
	id     string
	caller daemon.Caller
	route  string // pattern, not path
	model  string
}

type recordKey struct{}

func recordOf(r *http.Request) *record { return r.Context().Value(recordKey{}).(*record) }

// record serves a request, notes how it went, and outlives a panic in it.
func (s *Server) record(kind Kind, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		note := &record{id: requestID(), caller: daemon.Caller{UID: nobody}}
		out := &response{ResponseWriter: w, control: http.NewResponseController(w)}
		secure(out.Header(), note.id)
		if r.ContentLength != 0 && r.ContentLength <= maxBody { // a longer one is refused unread
			in := newBody(w, r.Body)
			if r.Header.Get("Expect") == "" {
				out.body = in
			}
			r.Body = in
		}
		r = r.WithContext(context.WithValue(r.Context(), recordKey{}, note))
		defer func() {
			broken := recover()
			if broken != nil && broken != http.ErrAbortHandler {
				s.log.Error("a handler panicked", "id", note.id, "route", note.route, "what", cause(broken), "at", where())
				if out.status == 0 {
					refuse(out, r, http.StatusInternalServerError, "server_error", "", "moed has failed to answer this request; its log says where")
					broken = nil
				} else {
					broken = http.ErrAbortHandler // the client sees a broken answer, not a short one
				}
			}
			out.finish()
			s.served.add(note.route, out.status)
			s.say(r.Context(), kind, note, r.Method, out.status, time.Since(began))
			if broken != nil {
				panic(broken)
			}
		}()
		next.ServeHTTP(out, r)
	})
}

// say writes the line of a request.
func (s *Server) say(ctx context.Context, kind Kind, note *record, method string, status int, took time.Duration) {
	level := slog.LevelInfo
	switch note.route {
	case "GET /health", "GET /v1/health", "GET /metrics", "GET /moed/v1/live", "GET /moed/v1/ready":
		level = slog.LevelDebug // asked all the time by machines
	}
	if !known(method) {
		method = "-"
	}
	fields := []slog.Attr{slog.String("id", note.id), slog.String("method", method), slog.String("route", note.route),
		slog.Int("status", status), slog.Float64("ms", float64(took.Microseconds())/1000)}
	switch {
	case kind == Unix:
		fields = append(fields, slog.Any("uid", note.caller.UID), slog.Any("pid", note.caller.PID))
	case note.caller.Token != "":
		fields = append(fields, slog.String("token", note.caller.Token))
	}
	if note.model != "" {
		fields = append(fields, slog.String("model", note.model))
	}
	s.log.LogAttrs(ctx, level, "request", fields...)
}

func known(method string) bool {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT":
		return true
	}
	return false
}

// cause names a panic without what it may quote of a request.
func cause(broken any) string {
	var e runtime.Error
	if err, ok := broken.(error); ok && errors.As(err, &e) {
		return e.Error()
	}
	return fmt.Sprintf("%T", broken)
}

// where is the line of our own code that panicked.
func where() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", f.Function, f.Line)
		}
		if !more {
			return "unknown"
		}
	}
}

func requestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return "req_" + hex.EncodeToString(b[:])
}

// secure sets what is right for answers that are data; a page sets its own.
func secure(h http.Header, id string) {
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}
