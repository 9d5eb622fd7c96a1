package cluster

import "errors"

var (
	// ErrNobody: no host of that name serves that model now, or it went
	// away before it answered.
	ErrNobody = errors.New("no such host answers")
	// ErrTooLarge: a request, answer or plan exceeds what the server carries.
	ErrTooLarge = errors.New("message too large for the cluster")
	// ErrApart: this host is not connected to the server now.
	ErrApart = errors.New("not connected to the cluster")
	// ErrRefused: the server does not know this host's key, or this host
	// does not know the server's certificate.
	ErrRefused = errors.New("the cluster refused this host")
	// ErrConflict: the plan has another revision than the caller knew.
	ErrConflict = errors.New("the plan has changed meanwhile")
	// ErrNotLead: only the coordinator may do this.
	ErrNotLead = errors.New("only the coordinator may do this")
	// ErrClosed: the node has been closed.
	ErrClosed = errors.New("the node is closed")
	// ErrInvited: a host of that name has been invited before.
	ErrInvited = errors.New("already invited; revoke it first")
	// ErrTaken: another coordinator uses the directory.
	ErrTaken = errors.New("another coordinator uses it; give this one a directory of its own")
	// ErrUnknown: no host of that name has been invited.
	ErrUnknown = errors.New("not invited")
)

// RemoteError is an error that another host's handler returned.
type RemoteError struct {
	Member string
	Text   string // at most 512 bytes
}

func (e *RemoteError) Error() string { return "host " + e.Member + ": " + e.Text }
