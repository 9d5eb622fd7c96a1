package cluster

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
)

const greetWait = time.Second

// Announce makes m this host's record, at once and again before each end of the
// TTL until Close. Name and Boot are filled in. The error says what is too
// large or malformed; a host that is apart announces itself when it is back.
func (n *Node) Announce(m Member) error {
	m.Name, m.Boot = n.opts.Name, n.boot
	b, err := encodeMember(m)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.own = b
	n.mu.Unlock()
	n.announceNow()
	return nil
}

func (n *Node) announceNow() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// refresh announces this host until Close, three times in each TTL.
func (n *Node) refresh() {
	ttl := n.opts.TTL
	var greeted <-chan struct{} // closed when the coordinator may be another one
	for {
		n.mu.Lock() // so that leave has the last word
		if n.own != nil {
			n.conn.Publish(membersPrefix+n.opts.Name, n.own) // if it is apart, it will be back
		}
		n.mu.Unlock()
		select {
		case <-greeted:
			greeted = nil
		default:
		}
		if greeted == nil && !n.opts.Lead {
			again := n.wake.wait()
			if r, ok := n.greet(); ok {
				ttl, greeted = r.ttl, again
			}
		}
		timer := time.NewTimer(ttl / 3)
		select {
		case <-n.ctx.Done():
			timer.Stop()
			return
		case <-n.kick:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// greet asks the coordinator for its TTL.
func (n *Node) greet() (record, bool) {
	ctx, cancel := context.WithTimeout(n.ctx, greetWait)
	defer cancel()
	r, err := n.plan(ctx, "")
	return r, err == nil
}

// leave strikes this host off the list, if the connection still serves.
func (n *Node) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.own != nil {
		n.own = nil
		n.conn.PublishMsg(&nats.Msg{Subject: membersPrefix + n.opts.Name, Header: nats.Header{kvOperation: {"DEL"}}})
	}
}
