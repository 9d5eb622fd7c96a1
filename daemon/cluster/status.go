package cluster

import "github.com/nats-io/nats.go"

// Status is a node's state at one moment.
type Status struct {
	Role      string   `json:"role"` // "coordinator" or "member"
	Name      string   `json:"name"`
	URL       string   `json:"url,omitempty"` // URL's
	Connected bool     `json:"connected"`
	Rejoins   uint64   `json:"rejoins"`           // connections lost and found again
	Members   []Member `json:"members,omitempty"` // on the coordinator
}

// Status says how this host stands.
func (n *Node) Status() Status {
	s := Status{Role: "member", Name: n.opts.Name, URL: n.URL(),
		Connected: n.conn.Status() == nats.CONNECTED, Rejoins: n.rejoins.Load(), Members: n.Members()}
	if n.opts.Lead {
		s.Role = "coordinator"
	}
	return s
}

// URL is where the embedded server listens, "tls://host:port", which the host
// in it may not make reachable ("0.0.0.0"); or the server that this host is
// connected to, without its password; "" if none.
func (n *Node) URL() string {
	if n.broker != nil {
		return n.broker.url()
	}
	return n.conn.ConnectedUrlRedacted()
}
