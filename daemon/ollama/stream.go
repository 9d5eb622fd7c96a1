package ollama

import (
	"context"
	"net/http"
	"sync"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

// stream is the way back: lines as they come, or one answer at the end. Lines
// without text break long silences.
type stream struct {
	q     *question
	w     http.ResponseWriter
	lines *web.Lines // nil where the answer goes in one
	quiet func()     // ends the lines without text

	mu     sync.Mutex
	ended  bool
	latest time.Time
	waits  []daemon.TokenLogProb // for the text that they belong to
}

func newStream(ctx context.Context, w http.ResponseWriter, q *question) *stream {
	s := &stream{q: q, w: w, quiet: func() {}, latest: time.Now()}
	if q.stream {
		s.lines = web.NewLines(w)
		s.quiet = web.KeepAlive(ctx, quiet, s.breathe)
	}
	return s
}

// stop ends what newStream began.
func (s *stream) stop() { s.quiet() }

// breathe sends a line without text, unless another has just been.
func (s *stream) breathe() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || time.Since(s.latest) < quiet/2 {
		return nil
	}
	return s.send(s.q.line(s.q.model, "", ""))
}

// send writes a line; s.mu is held.
func (s *stream) send(v any) error {
	s.latest = time.Now()
	return s.lines.Write(v)
}

// piece passes on a piece of text. Tool calls wait for the end: clients want them
// whole.
func (s *stream) piece(e *daemon.Engine, p daemon.Piece) error {
	if s.lines == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = append(s.waits, p.LogProbs...)
	if p.Text == "" && p.Reasoning == "" {
		return nil
	}
	a := s.q.line(s.q.model, p.Text, p.Reasoning)
	a.Logprobs, s.waits = s.q.logprobsOf(e, s.waits), nil
	return s.send(a)
}

// finish ends with last, which gets what has not been sent.
func (s *stream) finish(e *daemon.Engine, last answer, res *daemon.Result) {
	called := calls(res.Calls)
	if s.lines == nil {
		if s.q.chat {
			last.Message.Content, last.Message.Thinking, last.Message.ToolCalls = res.Text, res.Reasoning, called
		} else {
			last.Response, last.Thinking = &res.Text, res.Reasoning
		}
		last.Logprobs = s.q.logprobsOf(e, res.LogProbs)
		web.Answer(s.w, http.StatusOK, last)
		return
	}
	if len(called) > 0 && s.q.chat {
		a := s.q.line(s.q.model, "", "")
		a.Message.ToolCalls = called
		s.mu.Lock()
		_ = s.send(a) // what fails here fails again below
		s.mu.Unlock()
	}
	last.Logprobs = s.q.logprobsOf(e, s.waits)
	s.done(last)
}

// done sends the last answer. A client that has gone gets none.
func (s *stream) done(last answer) {
	if s.lines == nil {
		web.Answer(s.w, http.StatusOK, last)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	_ = s.send(last)
}

// fail says what went wrong: as the status of the answer, or where that is gone
// already as its last line.
func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.lines != nil && s.lines.Begun() {
		_ = s.send(problem{sentence(err)})
		return
	}
	fail(s.w, err)
}
