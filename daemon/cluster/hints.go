package cluster

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

const mostHints = 256 // that wait for a slow listener; later ones are dropped

// Hint sends data, at most MaxPayload bytes, to the host called member, and
// does not know whether it arrives. Only the coordinator hints.
func (n *Node) Hint(member, model string, data []byte) error {
	if !n.opts.Lead {
		return ErrNotLead
	}
	subject, err := route(hintPrefix, member, model)
	if err != nil {
		return err
	}
	if err := n.conn.Publish(subject, data); err != nil {
		return fmt.Errorf("hint to %s: %w", member, n.publishError(err))
	}
	return nil
}

// ServeHints calls f with each hint about model, one after the other, until
// stop or Close. f owns data. Hints that come while 256 wait are dropped.
func (n *Node) ServeHints(model string, f func(data []byte)) (stop func(), err error) {
	subject, err := route(hintPrefix, n.opts.Name, model)
	if err != nil {
		return nil, err
	}
	s, err := n.conn.Subscribe(subject, func(m *nats.Msg) { f(m.Data) })
	if err == nil {
		err = s.SetPendingLimits(mostHints, -1)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for hints about %s: %w", model, err)
	}
	n.settle()
	return func() { s.Unsubscribe() }, nil // fails if it is closed: stopped as well
}
