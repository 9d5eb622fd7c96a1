package daemon

import "context"

// Requests are those under way or waiting, the oldest first.
func (e *Engine) Requests() []RequestInfo { return nil }

// Cancel ends a request of that ID, which fails with ErrCancelled, and reports
// whether there is one that by may end: its own, or any where by is an
// administrator.
func (e *Engine) Cancel(id string, by Caller) bool { return false }

// Stats is a copy of the counts so far.
func (e *Engine) Stats() EngineStats { return EngineStats{} }

// Heat is how much each expert is used and where it is.
func (e *Engine) Heat() Heat { return Heat{} }

// Steps grows with each forward pass, also within one, so that it tells an
// engine that works from one that hangs.
func (e *Engine) Steps() uint64 { return 0 }

// Drain has the engine refuse new requests, with ErrDraining, and waits until
// those under way have ended or ctx has.
func (e *Engine) Drain(ctx context.Context) error { return nil }
