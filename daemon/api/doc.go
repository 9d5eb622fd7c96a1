// Package api is what moed's daemon and its clients say to each other: the
// types of the native API under /moed/v1, and a Client for it.
//
// # What
//
// The daemon listens on a Unix socket and speaks HTTP. Texts are asked for
// through the OpenAI dialect (POST /v1/chat/completions and /v1/completions);
// everything about the daemon itself goes through /moed/v1: what is loaded,
// what is asked, how the memory is divided, which experts are used.
//
// # Nouns
//
// A Client talks to one daemon; its zero value finds it where daemons are. A
// Status is all that can be seen at one moment, an Experts is the use of one
// model's experts. A ChatRequest asks for a text, which comes in ChatPieces
// and ends in a ChatResult. An Error is what the daemon refuses with, an
// UnreachableError is that there is no daemon.
//
// # Caveats
//
// A Client may be used by many goroutines. Functions given to its methods are
// called one at a time, on the goroutine of the caller. All calls end when
// their context does, and with it ends what the daemon does for them.
package api
