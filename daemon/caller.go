package daemon

import "context"

// Caller is who asks. The zero value is the process itself.
type Caller struct {
	// UID is the user, as the kernel says where the call came through a Unix
	// socket. Prefixes, fairness and cancelling go by it.
	UID uint32
	PID int32
	// Token names the bearer token of a call over TCP; callers with tokens are
	// kept apart by it, not by UID.
	Token string
	// Admin may load, unload, resize, and cancel what others asked for.
	Admin bool
}

// Key tells callers apart who must not share prefixes: the user, or the token.
func (c Caller) Key() CallerKey { return CallerKey{UID: c.UID, Token: c.Token} }

// CallerKey is what is left of a Caller once it is only to be told from others.
type CallerKey struct {
	UID   uint32
	Token string
}

type callerKey struct{}

// WithCaller hands c down with the context of its request.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf is the caller of a request, or the zero value.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
