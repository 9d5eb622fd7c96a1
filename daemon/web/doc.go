// Package web is the plumbing that the HTTP dialects share: bodies with limits,
// streams, what an error becomes.
//
// # Nouns
//
// Models is what a dialect needs of a shelf of models. SSE is a stream of
// server-sent events, Lines one of JSON lines: both begin with their first write
// and flush each. KeepAlive says something while a stream is silent otherwise.
//
// # Caveats
//
// A write that a client does not take within half a minute fails, and so do all
// later ones; the handler sees it as an error and the request's context ends.
package web
