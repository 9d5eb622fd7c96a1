package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// patience is how long a client may take for one write.
const patience = 30 * time.Second

// flow writes whole messages and flushes each. It is safe for concurrent use.
type flow struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	control *http.ResponseController
	kind    string
	begun   bool
	latest  time.Time
	err     error // of the first write that failed; no other is tried
}

func (f *flow) write(message []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	if !f.begun {
		h := f.w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no")
		f.begun = true
	}
	f.latest = time.Now()
	// Writers without deadlines, as in tests, do without.
	_ = f.control.SetWriteDeadline(f.latest.Add(patience))
	if _, f.err = f.w.Write(message); f.err == nil {
		f.err = f.control.Flush()
	}
	return f.err
}

// Begun reports whether anything was written, so that the status is out.
func (f *flow) Begun() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun
}

// SSE is a stream of server-sent events.
type SSE struct{ flow }

// NewSSE writes nothing yet.
func NewSSE(w http.ResponseWriter) *SSE {
	return &SSE{flow{w: w, control: http.NewResponseController(w), kind: "text/event-stream"}}
}

// Data sends v as JSON in an event without a name.
func (s *SSE) Data(v any) error { return s.event("", v) }

// Event sends v as JSON in an event of that name.
func (s *SSE) Event(name string, v any) error { return s.event("event: "+name+"\n", v) }

func (s *SSE) event(head string, v any) error {
	data, err := marshal(v)
	if err != nil {
		return err
	}
	return s.write(fmt.Appendf(nil, "%sdata: %s\n\n", head, data))
}

// Comment sends a line that clients pass over.
func (s *SSE) Comment(text string) error {
	return s.write([]byte(": " + strings.NewReplacer("\n", " ", "\r", " ").Replace(text) + "\n\n"))
}

// Raw sends data that is no JSON, of one line.
func (s *SSE) Raw(text string) error { return s.write([]byte("data: " + text + "\n\n")) }

// Lines is a stream of JSON values, one a line.
type Lines struct{ flow }

// NewLines writes nothing yet.
func NewLines(w http.ResponseWriter) *Lines {
	return &Lines{flow{w: w, control: http.NewResponseController(w), kind: "application/x-ndjson"}}
}

// Write sends v.
func (l *Lines) Write(v any) error {
	data, err := marshal(v)
	if err != nil {
		return err
	}
	return l.write(append(data, '\n'))
}

// marshal is json.Marshal without the escapes for HTML, which streams are not.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// KeepAlive calls say every so often until stop, ctx's end or say's error. When
// stop returns, no call is under way.
func KeepAlive(ctx context.Context, every time.Duration, say func() error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { // ends with stop or ctx
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if say() != nil {
					return
				}
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
