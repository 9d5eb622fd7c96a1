package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	defaultTTL = 5 * time.Second
	shortTTL   = 300 * time.Millisecond
	longTTL    = 10 * time.Minute
)

// Options says who this host is and where the others meet. Exactly one of
// Listen and Join (or an Invitation that carries URLs) is needed.
type Options struct {
	Name       string        // this host, [A-Za-z0-9-]{1,32}; "": the invitation's
	Listen     string        // "host:port" of the embedded server; port 0: any free one
	Join       string        // URLs of servers, comma separated, nats:// or tls://; "": the invitation's
	Invitation string        // path of the invitation (or of a NATS .creds file) to join with
	Dir        string        // with Listen: directory for the authority's key, members and JetStream; made 0700
	TTL        time.Duration // of membership; 0: 5 s. The coordinator's holds for everyone
	Lead       bool          // with Join: this host is the coordinator of an external NATS
	Plain      bool          // with Join: allow nats:// without TLS or credentials beyond this machine
	Workers    int           // requests that Serve runs at once, over all models; 0: 32
	Log        *slog.Logger  // nil: nowhere
}

// ErrName says that a host's name is not [A-Za-z0-9-]{1,32}.
var ErrName = errors.New("a host's name is 1 to 32 letters, digits and hyphens")

func checkName(name string) error {
	ok := name != "" && len(name) <= 32
	for i := 0; ok && i < len(name); i++ {
		ok = plain(name[i])
	}
	if !ok {
		return fmt.Errorf("host %.40q: %w", name, ErrName)
	}
	return nil
}

// plain bytes stand for themselves in a subject.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-'
}

// filled returns o with its defaults and the invitation's, or what is wrong.
func (o Options) filled() (Options, *Invitation, error) {
	var invitation *Invitation
	if o.Invitation != "" {
		var err error
		if invitation, err = readInvitation(o.Invitation); err != nil {
			return o, nil, err
		}
		if o.Name == "" {
			o.Name = invitation.Name
		}
	}
	joins := o.Join != "" || invitation != nil
	switch {
	case o.Listen != "" && joins:
		return o, nil, errors.New("a host either listens or joins: give one of the two")
	case o.Listen == "" && !joins:
		return o, nil, errors.New("neither an address to listen on nor a cluster to join")
	case o.Listen != "" && o.Dir == "":
		return o, nil, errors.New("listening needs a directory for keys")
	case invitation != nil && invitation.Name != "" && invitation.Name != o.Name:
		return o, nil, fmt.Errorf("the invitation is for host %q, this one is %q", invitation.Name, o.Name)
	}
	if err := checkName(o.Name); err != nil {
		return o, nil, err
	}
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	if o.TTL < shortTTL || o.TTL > longTTL {
		return o, nil, fmt.Errorf("membership of %v: between %v and %v", o.TTL, shortTTL, longTTL)
	}
	if o.Workers <= 0 {
		o.Workers = 32
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Lead = o.Lead || o.Listen != ""
	return o, invitation, nil
}
