// Package llamacpp speaks what llama-server adds to OpenAI's HTTP API.
//
// # What
//
// [Handle] registers /health, /props, /slots, /tokenize, /detokenize,
// /apply-template, /completion, /infill and /models, with the field names of
// llama-server, so that editors and tools made for it work with the models of a
// shelf.
//
// # Nouns
//
// A completion is one request of /completion or /infill that has been checked; a
// final is its last event, or its whole answer. Slots are as many as requests are
// answered at once; they have numbers, but nothing lives in one.
//
// # Caveats
//
// Fields that choose samplers moed does not have, or the place a prompt is cached,
// are accepted and ignored; those that would change the answer beyond that are
// refused. /slots says how many requests there are and nothing of what is in them.
// Only admins may load and unload models.
package llamacpp
