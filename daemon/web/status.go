package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"moed/daemon"
	"moed/offload/budget"
)

// Status is what an error is in HTTP, and after how long to come again where
// that helps.
func Status(err error) (status int, retryAfter time.Duration) {
	var tooLong *daemon.ContextError
	var wrong *daemon.RequestError
	var none *daemon.NoModelError
	var busy *daemon.BusyError
	var noRoom *daemon.NoRoomError
	var small *budget.TooSmall
	switch {
	case errors.As(err, &tooLong), errors.As(err, &wrong), errors.As(err, &noRoom), errors.As(err, &small):
		return http.StatusBadRequest, 0
	case errors.As(err, &none):
		return http.StatusNotFound, 0
	case errors.As(err, &busy):
		return http.StatusTooManyRequests, max(busy.After, time.Second)
	case errors.Is(err, daemon.ErrDraining):
		return http.StatusServiceUnavailable, 5 * time.Second
	case errors.Is(err, daemon.ErrCancelled), errors.Is(err, context.Canceled):
		return 499, 0 // the client has left, or somebody ended it
	}
	return http.StatusInternalServerError, 0
}

// Fail answers with an error's status and a body that the dialect has made of
// it.
func Fail(w http.ResponseWriter, status int, retryAfter time.Duration, body any) {
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((retryAfter+time.Second-1)/time.Second)))
	}
	Answer(w, status, body)
}

// Answer writes a whole JSON answer.
func Answer(w http.ResponseWriter, status int, body any) {
	data, err := marshal(body)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":"the answer is no JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client has left
}
