// Package openai speaks OpenAI's dialect of HTTP: models, chat completions,
// completions and stateless responses, with what llama-server adds to them.
//
// # Nouns
//
// A chatRequest, completionRequest or responseRequest is a body; each becomes a
// daemon.Request. An exchange runs one: it waits for the model, saying how far it
// is, and hands the pieces of the answer to a voice, which says them as one body
// or as a stream in the form of its route.
//
// # Caveats
//
// Numbers are checked against their ranges before anything else happens with
// them. What is not supported is refused with a text that names the field; what
// merely has no effect, such as user or store, is let pass. Nothing is ever
// truncated.
//
// A stream that has begun says what goes wrong in an event and ends without
// [DONE].
package openai
