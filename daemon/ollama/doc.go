// Package ollama speaks Ollama's HTTP API for the models of a shelf.
//
// # What
//
// [Handle] registers the routes that clients of Ollama use: /, /api/version,
// /api/tags, /api/show, /api/ps, /api/chat and /api/generate, answered as JSON or
// as NDJSON, a line per piece. What moed does not do, such as embeddings and the
// making of models, is refused with a text that says so; /api/pull succeeds for
// a model that is there already, and for nothing else.
//
// # Nouns
//
// A question is a chat or generate request that has been checked; its options are
// Ollama's, by name. An answer is one line of what goes back. A prompt that does
// not fit is refused, never truncated, whatever "truncate" says.
//
// # Caveats
//
// Options that choose hardware are accepted and ignored, and named in a Warning
// header. Only admins may unload a model or say how long it stays. While a model
// is loaded or a prompt is read a stream carries lines without text, so that
// clients do not take the silence for the end.
package ollama
