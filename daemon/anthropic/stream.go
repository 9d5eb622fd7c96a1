package anthropic

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"moed/daemon"
	"moed/daemon/web"
)

const (
	silence = time.Second      // a stream says at least this often what it waits for
	ping    = 10 * time.Second // and sends an event
)

// stream sends an answer in events as it comes.
type stream struct {
	x     *exchange
	model string
	sse   *web.SSE // nil where the answer goes in one
	quiet func()   // ends the comments

	mu     sync.Mutex
	begun  bool // message_start has been sent
	latest time.Time
	pinged time.Time
	state  string // what is being waited for
	usage  usage
	blocks int    // begun so far
	open   string // type of the block that is open, or ""
	call   int    // index of the call whose block is open
}

func (x *exchange) newStream(ctx context.Context, streams bool, model string) *stream {
	now := time.Now()
	s := &stream{x: x, model: model, quiet: func() {}, latest: now, pinged: now, state: "waiting"}
	if streams {
		s.sse = web.NewSSE(x.w)
		s.quiet = web.KeepAlive(ctx, silence, s.breathe)
	}
	return s
}

// breathe sends a comment, or now and then an event, unless something has just
// been sent.
func (s *stream) breathe() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.latest) < silence/2 {
		return nil
	}
	s.latest = time.Now()
	if time.Since(s.pinged) < ping {
		return s.sse.Comment(s.state)
	}
	s.pinged = time.Now()
	return s.sse.Event("ping", map[string]string{"type": "ping"})
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

// reading notes how far the prompt has been read, and begins the message: how
// long the prompt is belongs into its first event.
func (s *stream) reading(p daemon.PromptProgress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = fmt.Sprintf("reading %d of %d tokens", p.Read, p.Total)
	s.usage = usage{InputTokens: p.Total - p.Cached, CacheRead: p.Cached}
	if s.sse != nil {
		_ = s.begin() // a client that has gone ends the request by itself
	}
}

// event sends one; s.mu is held.
func (s *stream) event(name string, v any) error {
	s.latest = time.Now()
	return s.sse.Event(name, v)
}

// begin sends message_start, once.
func (s *stream) begin() error {
	if s.begun {
		return nil
	}
	s.begun = true
	m := s.x.message(s.model)
	m.Usage = s.usage
	return s.event("message_start", struct {
		Type    string `json:"type"`
		Message reply  `json:"message"`
	}{"message_start", m})
}

// piece passes on a piece of the answer, in a block of its type.
func (s *stream) piece(p daemon.Piece) error {
	if s.sse == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = "working"
	if err := s.begin(); err != nil {
		return err
	}
	switch {
	case p.Call != nil:
		return s.callPiece(p.Call)
	case p.Reasoning != "":
		return s.delta("thinking", thinkingBlock{Type: "thinking"}, thinkingDelta{"thinking_delta", p.Reasoning})
	case p.Text != "":
		return s.delta("text", textBlock{Type: "text"}, textDelta{"text_delta", p.Text})
	}
	return nil
}

// callPiece opens a block for each call.
func (s *stream) callPiece(c *daemon.CallPiece) error {
	if s.open == "tool_use" && s.call != c.Index {
		if err := s.close(); err != nil {
			return err
		}
	}
	s.call = c.Index
	start := toolBlock{"tool_use", c.ID, c.Name, []byte("{}")}
	return s.delta("tool_use", start, jsonDelta{"input_json_delta", c.Arguments})
}

// delta sends a part of a block of type kind, which start begins unless it is
// open.
func (s *stream) delta(kind string, start, part any) error {
	if s.open != kind {
		if err := s.close(); err != nil {
			return err
		}
		s.open = kind
		s.blocks++
		if err := s.event("content_block_start", blockStart{"content_block_start", s.blocks - 1, start}); err != nil {
			return err
		}
	}
	return s.event("content_block_delta", blockDelta{"content_block_delta", s.blocks - 1, part})
}

// close ends the block that is open, if one is.
func (s *stream) close() error {
	if s.open == "" {
		return nil
	}
	if s.open == "thinking" {
		if err := s.event("content_block_delta", blockDelta{"content_block_delta", s.blocks - 1, signatureDelta{"signature_delta", signature}}); err != nil {
			return err
		}
	}
	s.open = ""
	return s.event("content_block_stop", blockStop{"content_block_stop", s.blocks - 1})
}

// finish ends the answer.
func (s *stream) finish(res *daemon.Result) error {
	s.quiet()
	if s.sse == nil {
		web.Answer(s.x.w, http.StatusOK, s.x.whole(s.model, res))
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.close(); err != nil {
		return err
	}
	m := s.x.message(s.model)
	m.finish(res)
	type change struct {
		StopReason   *string `json:"stop_reason"`
		StopSequence *string `json:"stop_sequence"`
	}
	if err := s.event("message_delta", struct {
		Type  string `json:"type"`
		Delta change `json:"delta"`
		Usage usage  `json:"usage"`
	}{"message_delta", change{m.StopReason, m.StopSequence}, m.Usage}); err != nil {
		return err
	}
	return s.event("message_stop", map[string]string{"type": "message_stop"})
}

// fail says what went wrong: as the status of the answer, or where that is gone
// already as its last event.
func (s *stream) fail(err error) {
	s.quiet()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sse == nil || !s.sse.Begun() {
		s.x.fail(err)
		return
	}
	p, _, _ := s.x.problem(err)
	_ = s.event("error", p)
}
