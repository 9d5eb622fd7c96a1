// Package server is the HTTP of moed's daemon: one router for every listener,
// what guards it, the native API under /moed/v1, and metrics.
//
// # What
//
// A Server answers OpenAI's, Ollama's, llama-server's and Anthropic's dialects
// and its own from the models of one Shelf. Each request goes through the same
// guards, in this order: the length of its address and body; on TCP the Host
// it names, since a web page can have its own name point here; the Origin that
// browsers send, since any page can have them ask; who calls; and how much of
// theirs is under way. Then it is routed, watched for panics and logged.
//
// # Nouns
//
// A Kind is that of a listener: a Unix socket, whose callers the kernel names,
// or TCP, whose callers bring a Token. The policy is what of the Options can
// change while the Server runs. A record is what is noted of a request while it
// is served: its route, its model and how it ended, never what was asked.
//
// # Caveats
//
// A Server is safe for concurrent use. Its connections must come through
// Server.HTTP, or through an http.Server that uses ConnContext. Callers on a
// Unix socket that the kernel does not name are refused.
package server
