package llamacpp

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// silence is how long a stream may say nothing.
const silence = time.Second

// stream is the way back: events as they come, or one answer at the end.
type stream struct {
	c     *completion
	w     http.ResponseWriter
	sse   *web.SSE // nil where the answer goes in one
	quiet func()   // ends the comments

	mu     sync.Mutex
	begun  time.Time
	latest time.Time
	state  string // what is being waited for, as comments say it
	waits  []daemon.TokenLogProb
}

func newStream(ctx context.Context, w http.ResponseWriter, c *completion) *stream {
	now := time.Now()
	s := &stream{c: c, w: w, quiet: func() {}, begun: now, latest: now, state: "waiting"}
	if c.Stream {
		s.sse = web.NewSSE(w)
		s.quiet = web.KeepAlive(ctx, silence, s.breathe)
	}
	return s
}

// breathe sends a comment, unless something has just been sent.
func (s *stream) breathe() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.latest) < silence/2 {
		return nil
	}
	s.latest = time.Now()
	return s.sse.Comment(s.state)
}

// loading notes how far the model is, for the next comment.
func (s *stream) loading(p daemon.LoadProgress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case p.Waiting != "":
		s.state = "waiting for " + p.Waiting
	case p.Total > 0:
		s.state = fmt.Sprintf("loading %d%% %.1f/%.1f GB", 100*p.Done/p.Total, float64(p.Done)/1e9, float64(p.Total)/1e9)
	default:
		s.state = "loading"
	}
}

// reading says how far the prompt has been read: as events where the client wants
// them, and in the next comment.
func (s *stream) reading(p daemon.PromptProgress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = fmt.Sprintf("reading %d of %d tokens", p.Read, p.Total)
	if s.sse != nil && s.c.ReturnProgress {
		_ = s.send(event{Tokens: []int32{}, Progress: &progress{Total: p.Total, Cache: p.Cached, Processed: p.Read,
			TimeMS: time.Since(s.begun).Milliseconds()}}) // a client that has gone ends the request by itself
	}
}

// send writes an event; s.mu is held.
func (s *stream) send(v any) error {
	s.latest = time.Now()
	return s.sse.Data(v)
}

// piece passes on a piece of text.
func (s *stream) piece(e *daemon.Engine, p daemon.Piece) error {
	if s.sse == nil || s.c.nothing {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = "working"
	s.waits = append(s.waits, p.LogProbs...)
	text := p.Reasoning + p.Text // a raw prompt's answer has no parts
	if text == "" {
		return nil
	}
	v := event{Content: text, Tokens: []int32{}, Probs: probs(e, s.waits)}
	s.waits = nil
	return s.send(v)
}

// finish ends with f, whose text has been sent already where there is a stream.
func (s *stream) finish(f final) {
	s.quiet()
	if s.sse == nil {
		web.Answer(s.w, http.StatusOK, f)
		return
	}
	f.Content, f.Probs = "", nil
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.send(f)
}

// fail says what went wrong: as the status of the answer, or where that is gone
// already as its last event.
func (s *stream) fail(err error) {
	s.quiet()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sse == nil || !s.sse.Begun() {
		fail(s.w, err)
		return
	}
	p, _ := problemFor(err)
	_ = s.send(p)
}
