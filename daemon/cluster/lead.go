package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	membersBytes = mostMembers * (largestMember + 1<<10)
	plansBytes   = 1 << 30
	kvOperation  = "KV-Operation"
)

// lead opens what only the coordinator has: the buckets, the members' list, and
// the answers to members that ask for plans.
func (n *Node) lead(ctx context.Context) error {
	var err error
	if n.js, err = jetstream.New(n.conn); err != nil {
		return fmt.Errorf("lead: %w", err)
	}
	for n.plans == nil {
		n.plans, err = n.bucket(ctx, plansConfig())
		if err == nil {
			break
		}
		if n.conn.IsConnected() {
			return fmt.Errorf("lead: %w (the server needs JetStream, and this user the right to use it)", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("lead: %w", ctx.Err())
		case <-n.wake.wait():
		case <-time.After(time.Second):
		}
	}
	if _, err := n.conn.Subscribe(fetchPrefix+"*", n.fetched); err != nil {
		return fmt.Errorf("lead: %w", err)
	}
	again := n.wake.wait()
	watcher, err := n.watchBucket(ctx)
	if err != nil {
		return fmt.Errorf("lead: %w", err)
	}
	n.task(func() { n.follow(watcher, again) })
	n.task(n.expire)
	return nil
}

func plansConfig() jetstream.StreamConfig {
	c := bucketConfig(plansBucket)
	c.Storage, c.MaxBytes = jetstream.FileStorage, plansBytes
	return c
}

// membersConfig stores members publish to directly, so it grants what a
// message's headers could ask for to nobody: no acknowledgement, which would go
// to a subject of the sender's choice, no roll-up, no expiry of its own.
func (n *Node) membersConfig() jetstream.StreamConfig {
	c := bucketConfig(membersBucket)
	c.Storage, c.MaxBytes, c.MaxAge = jetstream.MemoryStorage, membersBytes, n.opts.TTL
	c.MaxMsgSize = largestMember + 1<<10
	c.NoAck = true
	c.Duplicates = min(n.opts.TTL, 2*time.Minute)
	return c
}

// bucketConfig is a key-value bucket's stream: the last value of each key.
func bucketConfig(name string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: "KV_" + name, Subjects: []string{"$KV." + name + ".>"},
		MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxConsumers: -1, MaxMsgSize: -1,
		Discard: jetstream.DiscardNew, DenyDelete: true, AllowDirect: true, Replicas: 1,
	}
}

func (n *Node) bucket(ctx context.Context, c jetstream.StreamConfig) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := n.js.CreateOrUpdateStream(ctx, c); err != nil {
		return nil, fmt.Errorf("bucket %s: %w", strings.TrimPrefix(c.Name, "KV_"), err)
	}
	return n.js.KeyValue(ctx, strings.TrimPrefix(c.Name, "KV_"))
}

// watchBucket begins to watch the members' bucket, which an external server
// that starts anew has forgotten.
func (n *Node) watchBucket(ctx context.Context) (jetstream.KeyWatcher, error) {
	kv, err := n.bucket(ctx, n.membersConfig())
	if err != nil {
		return nil, err
	}
	watcher, err := kv.WatchAll(n.ctx)
	if err != nil {
		return nil, err
	}
	n.conn.Publish(hello, nil) // if it is lost, members announce themselves all the same
	return watcher, nil
}

// follow takes down announcements until Close. After each reconnect, which
// closes again, it begins anew: the server may be another one.
func (n *Node) follow(watcher jetstream.KeyWatcher, again <-chan struct{}) {
	for n.ctx.Err() == nil {
		if watcher != nil {
			n.read(watcher, again)
			watcher.Stop() // fails if the connection did
		}
		again = n.wake.wait()
		var err error
		if watcher, err = n.watchBucket(n.ctx); err != nil && n.ctx.Err() == nil {
			n.log.Warn("cluster members cannot be watched; trying on", "error", err)
			select {
			case <-n.ctx.Done():
			case <-again:
			case <-time.After(time.Second):
			}
		}
	}
}

func (n *Node) read(watcher jetstream.KeyWatcher, again <-chan struct{}) {
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-again:
			return
		case e, ok := <-watcher.Updates():
			if !ok {
				return
			}
			if e != nil { // nil: these were all that it knew
				n.heard(e)
			}
		}
	}
}

// heard reads one record of the members' bucket.
func (n *Node) heard(e jetstream.KeyValueEntry) {
	if e.Operation() != jetstream.KeyValuePut {
		if n.roster.left(e.Key()) {
			n.log.Info("cluster member left", "member", e.Key()) // it finishes what it was asked
		}
		return
	}
	m, err := decodeMember(e.Key(), e.Value())
	if err != nil {
		n.log.Warn("cluster member not understood", "error", err)
		return
	}
	if n.roster.heard(m, e.Value(), time.Now()) {
		n.log.Warn("two hosts use one name and one invitation; give each its own", "member", m.Name)
	}
}

// expire strikes off silent members until Close.
func (n *Node) expire() {
	timer := time.NewTimer(n.opts.TTL)
	defer timer.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case now := <-timer.C:
			gone, next := n.roster.expire(now, n.opts.TTL)
			for _, name := range gone {
				n.log.Warn("cluster member went silent", "member", name)
				n.asks.fail(name, time.Now(), ErrNobody)
			}
			timer.Reset(next)
		}
	}
}

// fetched answers a member's question for a plan. It answers into that
// member's inbox alone: anywhere else the member would speak through us.
func (n *Node) fetched(m *nats.Msg) {
	name := strings.TrimPrefix(m.Subject, fetchPrefix)
	if checkName(name) != nil || !strings.HasPrefix(m.Reply, memberInbox+name+".") {
		return
	}
	ctx, cancel := context.WithTimeout(n.ctx, fetchWait/2)
	defer cancel()
	key := string(m.Data)
	if len(key) > 3*longestModel {
		n.answer(m.Reply, nil, errModel)
		return
	}
	r, err := n.stored(ctx, key)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			n.log.Warn("plan not read", "member", name, "error", err)
		}
		n.answer(m.Reply, nil, errors.New("the plan cannot be read now"))
		return
	}
	n.answer(m.Reply, r.encode(), nil)
}
