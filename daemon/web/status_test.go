package web

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"moed/daemon"
)

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		after  time.Duration
	}{
		{&daemon.ContextError{Prompt: 9, Context: 8}, 400, 0},
		{&daemon.RequestError{Err: errors.New("x")}, 400, 0},
		{&daemon.NoModelError{}, 404, 0},
		{&daemon.BusyError{After: 7 * time.Second}, 429, 7 * time.Second},
		{&daemon.BusyError{}, 429, time.Second},
		{daemon.ErrDraining, 503, 5 * time.Second},
		{daemon.ErrCancelled, 499, 0},
		{context.Canceled, 499, 0},
		{errors.New("x"), 500, 0},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
			if status, after := Status(err); status != c.status || after != c.after {
				t.Errorf("%v: %d, %v, want %d, %v", err, status, after, c.status, c.after)
			}
		}
	}
}

func TestAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	Fail(w, 429, 1500*time.Millisecond, map[string]string{"error": "a & b"})
	if w.Code != 429 || w.Header().Get("Retry-After") != "2" || w.Body.String() != "{\"error\":\"a & b\"}\n" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	w = httptest.NewRecorder()
	Answer(w, 200, make(chan int))
	if w.Code != 500 || w.Header().Get("Retry-After") != "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
