package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	planRoom   = 4 << 10 // of a message, beside the plan
	recordHead = 16
	lookAgain  = 30 * time.Second // in case a nudge was lost
	fetchWait  = 10 * time.Second
)

// record is the coordinator's answer to a member's question for a plan.
type record struct {
	ttl      time.Duration // of membership, to the millisecond
	revision uint64        // 0: there is no plan
	data     []byte
}

// encode writes version 1, 3 bytes of zero, the TTL in ms, the revision, all
// little-endian, and the plan.
func (r record) encode() []byte {
	b := make([]byte, recordHead, recordHead+len(r.data))
	b[0] = 1
	binary.LittleEndian.PutUint32(b[4:], uint32(r.ttl/time.Millisecond))
	binary.LittleEndian.PutUint64(b[8:], r.revision)
	return append(b, r.data...)
}

// decodeRecord reads what encode wrote; the plan lies in b.
func decodeRecord(b []byte) (record, error) {
	if len(b) < recordHead || b[0] != 1 || b[1]|b[2]|b[3] != 0 {
		return record{}, errors.New("the coordinator's answer is of another version")
	}
	r := record{
		ttl:      time.Duration(binary.LittleEndian.Uint32(b[4:])) * time.Millisecond,
		revision: binary.LittleEndian.Uint64(b[8:]),
		data:     b[recordHead:],
	}
	if r.ttl < shortTTL || r.ttl > longTTL {
		return record{}, fmt.Errorf("the coordinator's membership of %v: between %v and %v", r.ttl, shortTTL, longTTL)
	}
	if r.revision == 0 && len(r.data) > 0 {
		return record{}, errors.New("the coordinator's answer has a plan without a revision")
	}
	return r, nil
}

// PutPlan stores data as model's plan, and returns its new revision, if the
// present one is revision (0: there is none); ErrConflict if not. ErrTooLarge
// beyond MaxPayload less 4 KiB. Only the coordinator may.
func (n *Node) PutPlan(ctx context.Context, model string, revision uint64, data []byte) (uint64, error) {
	if !n.opts.Lead {
		return 0, ErrNotLead
	}
	key, err := token(model)
	if err != nil {
		return 0, err
	}
	if len(data) > n.MaxPayload()-planRoom {
		return 0, fmt.Errorf("plan for %s: %w", model, ErrTooLarge)
	}
	if revision == 0 {
		revision, err = n.plans.Create(ctx, key, data)
	} else {
		revision, err = n.plans.Update(ctx, key, data, revision)
	}
	if errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		err = ErrConflict
	}
	if err != nil {
		return 0, fmt.Errorf("plan for %s: %w", model, err)
	}
	n.conn.Publish(nudgePrefix+key, nil) // if it is lost, watchers look again
	return revision, nil
}

// plan is the present plan for the model of that token, with the coordinator's
// TTL.
func (n *Node) plan(ctx context.Context, key string) (record, error) {
	if n.opts.Lead {
		return n.stored(ctx, key)
	}
	b, err := n.request(ctx, "", fetchPrefix+n.opts.Name, []byte(key))
	if err != nil {
		return record{}, err
	}
	return decodeRecord(b)
}

// stored is the coordinator's plan.
func (n *Node) stored(ctx context.Context, key string) (record, error) {
	r := record{ttl: n.opts.TTL}
	if key == "" {
		return r, nil // the question was for the TTL
	}
	e, err := n.plans.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return r, nil
	}
	if err != nil {
		return record{}, err
	}
	r.revision, r.data = e.Revision(), e.Value()
	return r, nil
}

// WatchPlan calls f with model's plan, if there is one, and with each later
// revision (not with every one, if they come fast), one call at a time, from a
// goroutine of its own; f owns data. The revision differs from the last one; it
// is lower if the coordinator lost its directory. After stop no further call
// begins. f must not call Close.
func (n *Node) WatchPlan(ctx context.Context, model string, f func(revision uint64, data []byte)) (stop func(), err error) {
	key, err := token(model)
	if err != nil {
		return nil, err
	}
	nudge := make(chan struct{}, 1)
	s, err := n.conn.Subscribe(nudgePrefix+key, func(*nats.Msg) {
		select {
		case nudge <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, fmt.Errorf("watch the plan for %s: %w", model, n.publishError(err))
	}
	watch, stop := context.WithCancel(n.ctx)
	release := context.AfterFunc(ctx, stop)
	n.task(func() {
		defer release()
		defer s.Unsubscribe() // fails if it is closed: over as well
		n.watchPlan(watch, key, nudge, f)
	})
	return stop, nil
}

func (n *Node) watchPlan(ctx context.Context, key string, nudge <-chan struct{}, f func(uint64, []byte)) {
	last, pause := uint64(0), probeEvery
	for ctx.Err() == nil {
		again := n.wake.wait()
		fetch, cancel := context.WithTimeout(ctx, fetchWait)
		r, err := n.plan(fetch, key)
		cancel()
		wait := lookAgain
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait, pause = pause, min(2*pause, lookAgain)
			n.log.Debug("plan not read", "error", err, "again", wait)
		case r.revision != last && r.revision != 0:
			f(r.revision, r.data)
			last, pause = r.revision, probeEvery
		default:
			pause = probeEvery
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-again:
		case <-nudge:
		case <-timer.C:
		}
		timer.Stop()
	}
}
