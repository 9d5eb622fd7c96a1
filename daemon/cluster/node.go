package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Node is this host's place in the cluster. Its methods are safe for
// concurrent use.
type Node struct {
	opts   Options
	log    *slog.Logger
	boot   string
	broker *broker // nil unless the server is embedded
	way    *way    // nil if it is
	conn   *nats.Conn
	js     jetstream.JetStream // nil on members
	plans  jetstream.KeyValue  // nil on members
	roster *roster
	asks   *asks
	works  *works

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	closed sync.Once

	mu     sync.Mutex
	own    []byte // last announcement; nil: none yet
	ending bool   // no more tasks

	kick    chan struct{} // announce now
	apart   atomic.Bool   // said that the connection is lost
	rejoins atomic.Uint64
	opened  time.Time
	joined  atomic.Int64 // when this connection was made, ns after opened
	wake    broadcast    // of reconnects, for plan watchers
}

// Open starts the embedded server, or joins one. ctx bounds the opening alone.
// A member whose server does not answer opens all the same and tries for ever;
// ErrRefused if it answers and does not want us.
func Open(ctx context.Context, o Options) (*Node, error) {
	o, invitation, err := o.filled()
	if err != nil {
		return nil, err
	}
	n := &Node{opts: o, log: o.Log, boot: rand.Text(), opened: time.Now(), kick: make(chan struct{}, 1)}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.roster = newRoster()
	n.works = newWorks(o.Workers)
	if err := n.start(ctx, invitation); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) start(ctx context.Context, invitation *Invitation) error {
	inbox := memberInbox + n.opts.Name
	if n.opts.Lead {
		inbox = leadInbox + n.opts.Name
	}
	n.asks = newAsks(inbox)
	var err error
	if n.opts.Listen != "" {
		if n.broker, err = startBroker(n.opts); err != nil {
			return err
		}
		n.conn, err = n.broker.connect(n.settings(inbox))
	} else {
		if n.way, err = newWay(n.opts, invitation); err != nil {
			return err
		}
		n.conn, err = n.join(ctx, n.way, inbox)
	}
	if err != nil {
		return err
	}
	if err := n.asks.listen(n.conn); err != nil {
		return err
	}
	if err := n.listen(); err != nil {
		return err
	}
	if n.opts.Lead {
		if err := n.lead(ctx); err != nil {
			return err
		}
	}
	if n.broker != nil {
		n.task(func() { n.broker.watch(n.ctx) })
	}
	n.settle()
	n.task(n.refresh)
	n.task(n.probe)
	return nil
}

// listen hears what every host does: pings, cancellations, the coordinator's
// hello.
func (n *Node) listen() error {
	for subject, f := range map[string]nats.MsgHandler{
		pingPrefix + n.opts.Name: func(m *nats.Msg) {
			if _, ok := asker(m.Reply); ok {
				age := time.Since(n.opened) - time.Duration(n.joined.Load())
				n.conn.Publish(m.Reply, binary.LittleEndian.AppendUint64(nil, uint64(age)))
			}
		},
		cancelPrefix + n.opts.Name: func(m *nats.Msg) { n.works.cancel(string(m.Data)) },
		hello:                      func(*nats.Msg) { n.hailed() },
	} {
		if _, err := n.conn.Subscribe(subject, f); err != nil {
			return fmt.Errorf("listen on %s: %w", subject, err)
		}
	}
	return nil
}

// settle waits until the server knows our subscriptions, if it is there.
func (n *Node) settle() {
	if n.conn.IsConnected() {
		n.conn.FlushTimeout(5 * time.Second) // fails if it is apart: told again on the way back
	}
}

// task runs f, which ends with n.ctx; Close waits for it.
func (n *Node) task(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ending {
		return
	}
	n.tasks.Add(1)
	go func() {
		defer n.tasks.Done()
		f()
	}()
}

// Close leaves the membership, finishes the requests that this host works on
// (up to 5 s), and stops the embedded server. It must not be called from a
// callback of this node.
func (n *Node) Close() error {
	n.closed.Do(func() {
		if n.conn != nil {
			n.leave()
			n.works.finish(5 * time.Second)
		}
		n.cancel()
		if n.asks != nil {
			n.asks.end(ErrClosed)
		}
		n.mu.Lock()
		n.ending = true
		n.mu.Unlock()
		n.tasks.Wait()
		if n.conn != nil {
			if n.conn.IsConnected() {
				n.conn.FlushTimeout(time.Second) // fails if it is apart: nobody waits then
			}
			n.conn.Close()
		}
		if n.broker != nil && n.broker.server != nil {
			n.broker.stop()
		}
		if n.way != nil {
			n.way.wipe()
		}
	})
	return nil
}

func (n *Node) disconnected(_ *nats.Conn, err error) {
	if n.ctx.Err() != nil {
		return
	}
	n.asks.fail("", time.Now(), ErrApart)
	n.works.cancelAll() // their askers hear of it; the next connection may not answer for this one
	if !n.apart.Swap(true) {
		n.log.Warn("cluster connection lost; trying on", "error", err)
	}
}

// arrived is the first connection, which may come long after Open.
func (n *Node) arrived(*nats.Conn) {
	n.joined.Store(int64(time.Since(n.opened)))
	n.anew()
}

// hailed hears that a coordinator has begun.
func (n *Node) hailed() {
	if !n.opts.Lead { // its own hello would make it begin again
		n.anew()
	}
}

// anew does again what another coordinator would not know of.
func (n *Node) anew() {
	n.announceNow()
	n.wake.send()
}

func (n *Node) connected(conn *nats.Conn) {
	n.joined.Store(int64(time.Since(n.opened)))
	n.rejoins.Add(1)
	n.apart.Store(false)
	n.log.Info("cluster connection is back", "server", conn.ConnectedUrlRedacted())
	n.anew()
}

func (n *Node) asyncError(_ *nats.Conn, s *nats.Subscription, err error) {
	subject := ""
	if s != nil {
		subject = s.Subject
	}
	n.log.Warn("cluster", "subject", subject, "error", err)
}
