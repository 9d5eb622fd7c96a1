package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

const (
	mostWaiting  = 1024 // requests that wait for a worker
	longestError = 512
)

// works are the requests of others that this host works on.
type works struct {
	workers chan struct{} // a token for each one at work

	mu       sync.Mutex
	open     map[string]context.CancelFunc // by the subject that waits for the answer
	services map[string]micro.Service      // by model; nil: being made
	ended    bool
	group    sync.WaitGroup
}

var (
	errBusy    = errors.New("too many requests wait here")
	errLeaving = errors.New("this host leaves")
	errServed  = errors.New("served already")
)

func newWorks(workers int) *works {
	return &works{workers: make(chan struct{}, workers),
		open: map[string]context.CancelFunc{}, services: map[string]micro.Service{}}
}

func (w *works) begin(reply string) (context.Context, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
		return nil, errLeaving
	case len(w.open) >= mostWaiting+cap(w.workers):
		return nil, errBusy
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.open[reply] = cancel
	w.group.Add(1)
	return ctx, nil
}

func (w *works) end(reply string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[reply]()
	delete(w.open, reply)
	w.group.Done()
}

// cancel ends the request whose answer reply waits for; its asker went away.
func (w *works) cancel(reply string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if cancel := w.open[reply]; cancel != nil {
		cancel()
	}
}

func (w *works) cancelAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, cancel := range w.open {
		cancel()
	}
}

// run waits for a worker and calls f.
func (w *works) run(ctx context.Context, f func(context.Context) ([]byte, error)) ([]byte, error) {
	select {
	case w.workers <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-w.workers }()
	return f(ctx)
}

// finish takes no more requests and waits for those at work; after patience it
// cancels them, and gives them as long again.
func (w *works) finish(patience time.Duration) {
	w.mu.Lock()
	w.ended = true
	services := maps.Clone(w.services)
	w.mu.Unlock()
	for _, s := range services {
		if s != nil {
			s.Stop() // fails if the connection did
		}
	}
	idle := make(chan struct{})
	go func() { // ends with the last handler
		w.group.Wait()
		close(idle)
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-idle:
		return
	case <-timer.C:
	}
	w.cancelAll()
	timer.Reset(patience)
	select {
	case <-idle:
	case <-timer.C:
	}
}

// asker reads from the subject of an answer who waits for it. Answering
// anywhere else would let others speak through this host.
func asker(reply string) (host string, ok bool) {
	rest, ok := strings.CutPrefix(reply, leadInbox)
	if !ok {
		return "", false
	}
	host, _, ok = strings.Cut(rest, ".")
	return host, ok && checkName(host) == nil
}

// answer sends an answer, or what went wrong, to the subject reply.
func (n *Node) answer(reply string, data []byte, err error) {
	if err == nil {
		if len(data) <= n.MaxPayload() {
			n.conn.Publish(reply, data) // if it is apart, the asker knows
			return
		}
		err = ErrTooLarge
	}
	code := codeFailed
	switch {
	case errors.Is(err, ErrTooLarge):
		code = codeTooLarge
	case errors.Is(err, errBusy):
		code = codeBusy
	case errors.Is(err, errLeaving):
		code = codeLeaving
	}
	n.conn.PublishMsg(&nats.Msg{Subject: reply, Data: []byte(clean(err.Error())), Header: nats.Header{
		errorCode: {code}, errorText: {"the host could not answer"}}})
}

// clean makes another's text fit for one line on a terminal.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	for len(text) > longestError {
		_, size := utf8.DecodeLastRuneInString(text[:longestError+1])
		text = text[:longestError+1-size]
	}
	return text
}

// Serve answers requests for model with f until stop or Close. Each runs in a
// goroutine of its own, Options.Workers of all models at once; up to 1024 more
// wait. from is the asker. f owns request, and must not change what it returned
// until Close. Its ctx ends when the asker has gone away or Close has waited
// 5 s. The text of its error goes to the asker, up to 512 bytes, so it should
// hold nothing private. A model is served once at a time.
func (n *Node) Serve(model string, f func(ctx context.Context, from string, request []byte) ([]byte, error)) (stop func(), err error) {
	subject, err := route(askPrefix, n.opts.Name, model)
	if err != nil {
		return nil, err
	}
	if err := n.works.reserve(model); err != nil {
		return nil, fmt.Errorf("serve %s: %w", model, err)
	}
	s, err := n.addService(model, subject, f)
	if err = n.works.keep(model, s, err); err != nil {
		return nil, fmt.Errorf("serve %s: %w", model, err)
	}
	n.settle()
	return sync.OnceFunc(func() {
		s.Stop() // fails if the connection did
		n.works.release(model)
	}), nil
}

func (n *Node) addService(model, subject string, f func(context.Context, string, []byte) ([]byte, error)) (micro.Service, error) {
	tally := &tally{}
	s, err := micro.AddService(n.conn, micro.Config{
		Name: service(n.opts.Name), Version: "1.0.0", Description: "experts of " + model,
		StatsHandler: func(*micro.Endpoint) any { return tally.read() },
	})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(model))
	handler := micro.HandlerFunc(func(r micro.Request) { n.serveOne(r, tally, f) })
	err = s.AddEndpoint("model-"+hex.EncodeToString(sum[:8]), handler, micro.WithEndpointSubject(subject),
		micro.WithEndpointPendingLimits(-1, -1), micro.WithEndpointMetadata(map[string]string{"model": model}))
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// reserve claims a model for a service that is then kept.
func (w *works) reserve(model string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return ErrClosed
	}
	if _, taken := w.services[model]; taken {
		return errServed
	}
	w.services[model] = nil
	return nil
}

// keep notes the service s made for a reserved model, unless making it failed
// or Close came in between.
func (w *works) keep(model string, s micro.Service, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		delete(w.services, model)
		return err
	}
	if w.ended {
		s.Stop() // fails if the connection did
		return ErrClosed
	}
	w.services[model] = s
	return nil
}

func (w *works) release(model string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.services, model)
}

// serveOne returns at once, so that the next request is not held up.
func (n *Node) serveOne(r micro.Request, t *tally, f func(context.Context, string, []byte) ([]byte, error)) {
	reply := r.Reply()
	from, ok := asker(reply)
	if !ok {
		return
	}
	ctx, err := n.works.begin(reply)
	if err != nil {
		n.answer(reply, nil, err)
		return
	}
	request := r.Data()
	go func() { // Close waits for it
		defer n.works.end(reply)
		began := time.Now()
		data, err := n.works.run(ctx, func(ctx context.Context) ([]byte, error) { return f(ctx, from, request) })
		t.add(time.Since(began), err)
		n.answer(reply, data, err)
	}()
}

// tally is what a service tells of itself to those who may ask.
type tally struct{ answered, failed, took atomic.Int64 }

func (t *tally) add(took time.Duration, err error) {
	t.took.Add(int64(took))
	if err != nil {
		t.failed.Add(1)
	} else {
		t.answered.Add(1)
	}
}

func (t *tally) read() map[string]int64 {
	return map[string]int64{"answered": t.answered.Load(), "failed": t.failed.Load(), "took_ns": t.took.Load()}
}
