package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"moed/daemon"
	"moed/daemon/web"
)

const (
	silence = time.Second      // a stream says at least this often what it waits for
	ping    = 15 * time.Second // and that it lives
)

// exchange is one request and its answer.
type exchange struct {
	w        http.ResponseWriter
	sse      *web.SSE // nil where the answer goes in one
	quiet    func()   // ends the comments
	id       string   // without the kind before it
	created  int64    // seconds
	loan     *daemon.Loan
	progress func(daemon.PromptProgress) error // nil where the client wants comments alone
	prompt   string                            // the route's name for what is asked
	broken   func(problem) error               // says what went wrong, where that is not a chunk

	mu     sync.Mutex // guards what follows
	state  string     // what is being waited for, or ""
	latest time.Time  // of the last write
}

// voice says an answer in the form of its route.
type voice interface {
	// piece says a part of it; it is called in streams alone.
	piece(p daemon.Piece) error
	// end says the rest, or all of it. Where err is not nil, the answer was cut off
	// and a stream has begun.
	end(r *daemon.Result, err error) error
}

func newExchange(w http.ResponseWriter, r *http.Request, stream bool, prompt string) *exchange {
	x := &exchange{w: w, prompt: prompt, id: ulid.Make().String(), created: time.Now().Unix(), quiet: func() {}, latest: time.Now(), state: "waiting"}
	if stream {
		x.sse = web.NewSSE(w)
		x.quiet = web.KeepAlive(r.Context(), silence, x.breathe)
	}
	return x
}

// breathe sends a comment, unless something has just been sent.
func (x *exchange) breathe() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	quiet := time.Since(x.latest)
	switch {
	case x.state != "" && quiet >= silence/2:
		x.latest = time.Now()
		return x.sse.Comment(x.state)
	case quiet >= ping:
		x.latest = time.Now()
		return x.sse.Comment("ping")
	}
	return nil
}

func (x *exchange) say(v any) error {
	x.mu.Lock()
	x.latest = time.Now()
	x.mu.Unlock()
	return x.sse.Data(v)
}

func (x *exchange) waits(state string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.state = state
}

// loading notes how far the model is, for the next comment.
func (x *exchange) loading(p daemon.LoadProgress) {
	switch {
	case p.Waiting != "":
		x.waits("waiting for " + p.Waiting)
	case p.Total > 0:
		x.waits(fmt.Sprintf("loading %d%% %.1f/%.1f GB", 100*p.Done/p.Total, float64(p.Done)/1e9, float64(p.Total)/1e9))
	default:
		x.waits("loading " + p.Model)
	}
}

// run has the model answer req in the voice that speak makes once the model is
// there.
func (x *exchange) run(ctx context.Context, m web.Models, model string, req *daemon.Request, speak func() voice) {
	defer x.quiet()
	loan, err := m.Acquire(ctx, model, daemon.LoanOptions{Progress: x.loading})
	if err != nil {
		x.fail(err)
		return
	}
	defer loan.Release()
	x.loan = loan
	x.waits("waiting for other requests")
	v := speak()
	req.Caller = daemon.CallerOf(ctx)
	req.ID = x.id
	failed := error(nil) // of a write
	req.Progress = func(p daemon.PromptProgress) {
		x.waits(fmt.Sprintf("prefill %d/%d", p.Read, p.Total))
		if x.sse != nil && x.progress != nil && failed == nil {
			failed = x.progress(p)
		}
	}
	result, err := loan.Engine.Generate(ctx, req, func(p daemon.Piece) error {
		x.waits("")
		if x.sse == nil {
			return nil
		}
		if failed != nil {
			return failed
		}
		return v.piece(p)
	})
	x.quiet()
	switch {
	case ctx.Err() != nil: // nobody listens any more
	case err != nil && (x.sse == nil || !x.sse.Begun()):
		x.fail(err)
	default:
		_ = v.end(&result, err) // nobody listens any more
	}
}

// fail answers with a problem, in the stream where that has begun.
func (x *exchange) fail(err error) {
	x.quiet()
	if x.sse == nil || !x.sse.Begun() {
		fail(x.w, err, x.prompt)
		return
	}
	if errors.Is(err, context.Canceled) {
		return
	}
	p, _, _ := problemOf(err, x.prompt)
	if x.broken != nil {
		_ = x.broken(p) // nobody listens any more
		return
	}
	_ = x.sse.Data(p)
}
