package server

import (
	"net/http"
	"time"
)

// writeTime is how long a client may take over one part of an answer.
const writeTime = 30 * time.Second

// response notes the status of an answer and bounds the time of each write.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
	body    *body // of the request; nil where there is none, or its client waits to be asked for it
	status  int   // 0 before the header is written
}

// Unwrap lets http.ResponseController through to flush and set deadlines.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *response) WriteHeader(status int) {
	if status >= 200 && w.status == 0 {
		w.status = status
		if status >= 400 && w.body != nil {
			w.body.drain()
		}
		w.hurry()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.hurry()
	return w.ResponseWriter.Write(p)
}

// hurry gives the client until then. Where there are no deadlines, as in a
// test, there is nobody to wait for.
func (w *response) hurry() { _ = w.control.SetWriteDeadline(time.Now().Add(writeTime)) }

// finish is called when the handler has returned: what net/http still has to
// write is bounded too.
func (w *response) finish() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.hurry()
}
