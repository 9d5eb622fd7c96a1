// Package profile keeps which experts a model has used, from one run to the
// next, so that a cold start knows what to read first. It is arithmetic and a
// file format, without clock or goroutine, and opens no file itself.
//
// # What
//
// What a model is asked today resembles what it was asked yesterday: the same
// people, the same languages, the same programs. So the experts that were used
// most are the best guess for a cache that is still empty, and the best value
// for a byte read is the expected uses per token for each byte of the expert.
//
// Old use counts less than new: a count halves with every HalfLife tokens that
// follow, and with every HalfAge that passes between runs.
//
// # Nouns
//
// A Profile holds, for each layer, the tokens seen, and for each expert the
// tokens that chose it and the sum of the probabilities that the router gave it,
// chosen or not. A Model says whose profile it is; another model's is refused. An
// Order is a list of Places, the best value first.
//
// # Caveats
//
// A Profile is used by one goroutine at a time. It holds counts alone, no token
// and no text, but counts tell what sort of text was made: a file of one belongs
// to its user.
//
// Merge adds, in any order with the same result but for rounding. Of two
// profiles of the same run one must not be merged into the other.
package profile
