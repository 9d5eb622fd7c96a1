package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	errorText = "Nats-Service-Error" // headers as micro services have them
	errorCode = "Nats-Service-Error-Code"

	codeFailed   = "500"
	codeTooLarge = "413"
	codeBusy     = "429"
	codeLeaving  = "503"

	probeEvery = 250 * time.Millisecond
)

// asks are this host's requests that wait for an answer. Answers come to an
// inbox that nobody can guess, one subject to each request.
type asks struct {
	inbox string    // ends in "."
	start time.Time // probes count from it

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]*ask
	ended   error
}

type ask struct {
	member string // "": the coordinator
	began  time.Time
	done   chan answer // room for one
}

type answer struct {
	msg *nats.Msg
	err error
}

func newAsks(inbox string) *asks {
	return &asks{inbox: inbox + "." + rand.Text() + ".", start: time.Now(), waiting: map[uint64]*ask{}}
}

// listen takes the answers that come over conn.
func (a *asks) listen(conn *nats.Conn) error {
	s, err := conn.Subscribe(a.inbox+"*", a.answered)
	if err == nil {
		err = s.SetPendingLimits(-1, -1) // no more than was asked for
	}
	if err == nil {
		_, err = conn.Subscribe(a.inbox+"probe.*.*", a.probed)
	}
	if err != nil {
		return fmt.Errorf("listen for answers: %w", err)
	}
	return nil
}

// begin notes a request to member.
func (a *asks) begin(member string) (*ask, uint64, error) {
	k := &ask{member: member, began: time.Now(), done: make(chan answer, 1)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended != nil {
		return nil, 0, a.ended
	}
	a.last++
	a.waiting[a.last] = k
	return k, a.last, nil
}

// take removes a request, so that it has one outcome; nil if it has one.
func (a *asks) take(id uint64) *ask {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.waiting[id]
	delete(a.waiting, id)
	return k
}

func (a *asks) answered(m *nats.Msg) {
	id, err := strconv.ParseUint(m.Subject[len(a.inbox):], 36, 64)
	if err != nil {
		return
	}
	if k := a.take(id); k != nil {
		k.done <- answer{msg: m}
	}
}

// probed hears from a host that is slow, or from the server in its place. What
// it was asked over an earlier connection, it does not answer over this one.
func (a *asks) probed(m *nats.Msg) {
	host, sent, _ := strings.Cut(strings.TrimPrefix(m.Subject, a.inbox+"probe."), ".")
	since, err := strconv.ParseInt(sent, 36, 64)
	if err != nil {
		return
	}
	then := a.start.Add(time.Duration(since))
	if nobody(m) {
		a.fail(host, then, ErrNobody)
	} else if len(m.Data) == 8 {
		a.fail(host, then.Add(-time.Duration(binary.LittleEndian.Uint64(m.Data)&math.MaxInt64)), ErrNobody)
	}
}

// probe is the subject for the answer to a probe of host that goes out at now.
func (a *asks) probe(host string, now time.Time) string {
	return a.inbox + "probe." + host + "." + strconv.FormatInt(int64(now.Sub(a.start)), 36)
}

// fail ends all requests to member that began before then, or to all if it is
// "".
func (a *asks) fail(member string, then time.Time, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, k := range a.waiting {
		if (member == "" || k.member == member) && k.began.Before(then) {
			delete(a.waiting, id)
			k.done <- answer{err: err}
		}
	}
}

// end fails what waits and what will be asked.
func (a *asks) end(err error) {
	a.mu.Lock()
	a.ended = err
	a.mu.Unlock()
	a.fail("", time.Now(), err)
}

// slow lists the hosts that let a request wait since before then. The
// coordinator, "", is not among them: members may not probe it.
func (a *asks) slow(then time.Time) map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	var hosts map[string]bool
	for _, k := range a.waiting {
		if k.member != "" && k.began.Before(then) {
			if hosts == nil {
				hosts = map[string]bool{}
			}
			hosts[k.member] = true
		}
	}
	return hosts
}

func nobody(m *nats.Msg) bool {
	return len(m.Data) == 0 && m.Header != nil && m.Header.Get("Status") == "503"
}

// outcome reads an answer of member.
func outcome(member string, m *nats.Msg) ([]byte, error) {
	if m.Header == nil {
		return m.Data, nil
	}
	if nobody(m) {
		return nil, ErrNobody
	}
	switch m.Header.Get(errorCode) {
	case "":
		return m.Data, nil
	case codeTooLarge:
		return nil, fmt.Errorf("its answer: %w", ErrTooLarge)
	case codeLeaving:
		return nil, ErrNobody
	}
	return nil, &RemoteError{Member: member, Text: clean(string(m.Data))}
}

// request sends one message to member and waits for its one answer.
func (n *Node) request(ctx context.Context, member, subject string, data []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(data) > n.MaxPayload() {
		return nil, ErrTooLarge
	}
	k, id, err := n.asks.begin(member)
	if err != nil {
		return nil, err
	}
	reply := n.asks.inbox + strconv.FormatUint(id, 36)
	if err := n.conn.PublishRequest(subject, reply, data); err != nil {
		n.asks.take(id)
		return nil, n.publishError(err)
	}
	select {
	case a := <-k.done:
		if a.err == nil {
			return outcome(member, a.msg)
		}
		err = a.err
	case <-ctx.Done():
		n.asks.take(id)
		err = ctx.Err()
	}
	if strings.HasPrefix(subject, askPrefix) {
		n.conn.Publish(cancelPrefix+member, []byte(reply)) // if it is lost, that host works in vain
	}
	return nil, err
}

func (n *Node) publishError(err error) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return ErrTooLarge
	case n.ctx.Err() != nil:
		return ErrClosed
	}
	return ErrApart
}

// probe asks now and then whether hosts that are slow to answer are there at
// all: the server answers in the place of one whose connection broke.
func (n *Node) probe() {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
			now := time.Now()
			for host := range n.asks.slow(now.Add(-probeEvery)) {
				n.conn.PublishRequest(pingPrefix+host, n.asks.probe(host, now), nil) // if it is lost, the next is not
			}
		}
	}
}

// Ask sends request to the host called member, which serves model, and returns
// its answer, which the caller owns. request may be used again once Ask
// returned. Nothing is sent twice. ErrNobody if no such host serves model or it
// goes away before it answered; ErrApart if this host is not connected;
// ErrTooLarge beyond MaxPayload; *RemoteError if its handler failed. When ctx
// ends Ask returns ctx's error and tells the other side. Only the coordinator
// asks.
func (n *Node) Ask(ctx context.Context, member, model string, request []byte) ([]byte, error) {
	if !n.opts.Lead {
		return nil, ErrNotLead
	}
	subject, err := route(askPrefix, member, model)
	if err != nil {
		return nil, err
	}
	b, err := n.request(ctx, member, subject, request)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", member, err)
	}
	return b, nil
}

// RTT is how long an empty message to the host called member and back takes.
// Errors are Ask's.
func (n *Node) RTT(ctx context.Context, member string) (time.Duration, error) {
	if !n.opts.Lead {
		return 0, ErrNotLead
	}
	if err := checkName(member); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := n.request(ctx, member, pingPrefix+member, nil); err != nil {
		return 0, fmt.Errorf("ping %s: %w", member, err)
	}
	return time.Since(began), nil
}

// MaxPayload is the largest request or answer in bytes.
func (n *Node) MaxPayload() int {
	if limit := n.conn.MaxPayload(); limit > 0 {
		return int(limit)
	}
	return payloadLimit // not connected so far
}
