package server

import (
	"io"
	"net/http"
	"time"
)

// A body has to come in this time, and none of its parts may take longer than
// that.
const (
	bodyTime = 5 * time.Minute
	partTime = 30 * time.Second
)

// body reads that of a request within limits of size and time.
type body struct {
	io.ReadCloser
	control     *http.ResponseController
	part, whole time.Duration
	until       time.Time // zero before the first read
	ended       bool
}

func newBody(w http.ResponseWriter, of io.ReadCloser) *body {
	return &body{ReadCloser: http.MaxBytesReader(w, of, maxBody),
		control: http.NewResponseController(w), part: partTime, whole: bodyTime}
}

// Read takes its deadline away again: the connection is watched for the leaving
// of the client while the request is served, which may take any time.
func (b *body) Read(p []byte) (int, error) {
	now := time.Now()
	if b.until.IsZero() {
		b.until = now.Add(b.whole)
	}
	at := now.Add(b.part)
	if at.After(b.until) {
		at = b.until
	}
	// Where there are no deadlines, as in a test, there is nobody to wait for.
	_ = b.control.SetReadDeadline(at)
	n, err := b.ReadCloser.Read(p)
	_ = b.control.SetReadDeadline(time.Time{})
	b.ended = err != nil
	return n, err
}

// What is left of the body of a refused request is read up to this, in this time.
const (
	drainBytes = 4 << 20
	drainTime  = 5 * time.Second
)

// drain reads on before an error is answered: a client that still writes when
// the connection is closed would see that, and not why.
func (b *body) drain() {
	if b.ended {
		return
	}
	if until := time.Now().Add(drainTime); b.until.IsZero() || until.Before(b.until) {
		b.until = until
	}
	_, _ = io.CopyN(io.Discard, b, drainBytes) // for the client's sake alone
}
